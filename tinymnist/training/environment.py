"""The record of how, where and with what a run is made."""

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import torch

from tinymnist.data import Dataset
from tinymnist.text import printable
from tinymnist.training.engine import Engine
from tinymnist.training.records import Environment
from tinymnist.version import __version__

PACKAGES = ("torch", "torchvision", "albumentations", "opencv-python-headless", "numpy", "safetensors")


def describe_environment(
    dataset: Dataset,
    validation: int,
    seed: int,
    device: torch.device,
    engine: Engine,
    augmentation: str,
    teachers: dict[str, str],
) -> Environment:
    """Describes how a run is made here."""
    return Environment(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=[printable(argument) for argument in sys.argv],
        seed=seed,
        dataset=dataset.name,
        checksums=dataset.checksums,
        validation=validation,
        teachers=teachers,
        device=device.type,
        device_name=torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor(),
        engine=engine.name,
        augmentation=augmentation,
        threads=engine.threads,
        versions={
            "tinymnist": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=os.cpu_count(),
    )
