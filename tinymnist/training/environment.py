"""The record of how, where and with what a run is made."""

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import torch

from tinymnist.notices import Difference
from tinymnist.numerics import PORTABLE
from tinymnist.text import printable
from tinymnist.training.device import device_name
from tinymnist.training.engine import Engine
from tinymnist.training.images import origin_of
from tinymnist.training.material import Material
from tinymnist.training.records import Environment, Initial, Session
from tinymnist.training.teacher import Teacher, teacher_digests
from tinymnist.version import __version__

PACKAGES = ("torch", "torchvision", "albumentations", "opencv-python-headless", "numpy", "safetensors")
COMPUTING, DRAWING = ("tinymnist", "torch", "numpy"), ("albumentations", "opencv-python-headless")
"""Packages whose version may change a bit of a training; the second two do where they augment."""


def describe_environment(
    material: Material,
    seed: int,
    device: torch.device,
    engine: Engine,
    teacher: Teacher | None,
    initial: Initial | None,
) -> Environment:
    """Describes how a run is made here."""
    return Environment(
        created=_now(),
        command=[printable(argument) for argument in sys.argv],
        seed=seed,
        **images_and_teachers(material),
        initial=initial,
        **_machinery(device, engine, material, teacher),
    )


def images_and_teachers(material: Material) -> dict[str, Any]:
    """The fields that the environment of a run and the declaration of a series share."""
    return {
        "dataset": material.data.name,
        "checksums": dict(material.data.checksums),
        "data": origin_of(material.data, material.asked),
        "validation": material.asked.validation,
        "teachers": teacher_digests(material.teachers),
    }


def describe_session(
    epoch: int, step: int, device: torch.device, engine: Engine, material: Material, teacher: Teacher | None
) -> Session:
    """Describes how a run is resumed here, after `epoch` epochs and `step` steps of the next."""
    return Session(started=_now(), epoch=epoch, step=step, **_machinery(device, engine, material, teacher))


def differences(begun: Environment, resumed: Session | Environment) -> tuple[Difference, ...]:
    """What differs between two sessions, or two trainings, so that the same seed gives other bits."""
    if begun.numerics == resumed.numerics == PORTABLE and all(one.numerics == PORTABLE for one in begun.sessions):
        return ()
    pairs = [
        ("numerics", begun.numerics or "of an earlier version", resumed.numerics),
        ("device", begun.device, resumed.device),
    ]
    if begun.device_name:  # earlier versions did not know it on every system
        pairs.append(("processor", begun.device_name, resumed.device_name))
    pairs += [("engine", begun.engine, resumed.engine), ("augmentation", begun.augmentation, resumed.augmentation)]
    if "torch" in (begun.engine, resumed.engine):  # the native engine gives the same bits on any number of threads
        pairs.append(("threads", str(begun.threads), str(resumed.threads)))
    packages = [*COMPUTING, *(DRAWING if resumed.augmentation == "albumentations" else ())]
    pairs += [(name, begun.versions.get(name, "none"), resumed.versions.get(name, "none")) for name in packages]
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def numerics(engine: Engine, augmentation: str, teacher: Teacher | None) -> str:
    """`PORTABLE`, or what makes the bits of a training those of this machine alone."""
    own = [*engine.own_numerics]
    if augmentation == "albumentations":
        own.append("albumentations")
    if teacher is not None and not teacher.portable:
        own.append("a teacher in PyTorch")
    return f"own: {', '.join(own)}" if own else PORTABLE


def _machinery(device: torch.device, engine: Engine, material: Material, teacher: Teacher | None) -> dict[str, Any]:
    """The fields that an environment and a session share."""
    return {
        "numerics": numerics(engine, material.augmentation, teacher),
        "device": device.type,
        "device_name": device_name(device),
        "engine": engine.name,
        "augmentation": material.augmentation,
        "threads": engine.threads,
        "versions": {
            "tinymnist": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
