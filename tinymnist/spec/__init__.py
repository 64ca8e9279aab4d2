"""The spec language: models, the strict loader, shapes and counts. No torch in here."""

from tinymnist.spec.load import Document, Override, Place, load_document, load_recipe, load_spec, parse_override
from tinymnist.spec.models import Checks, Feature, LinearCheck, Spec
from tinymnist.spec.plan import Layer, Plan

__all__ = [
    "Checks",
    "Document",
    "Feature",
    "Layer",
    "LinearCheck",
    "Override",
    "Place",
    "Plan",
    "Spec",
    "load_document",
    "load_recipe",
    "load_spec",
    "parse_override",
]
