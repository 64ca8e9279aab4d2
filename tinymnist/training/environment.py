"""Where and with what a run was made."""

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import torch

from tinymnist.data import Dataset
from tinymnist.errors import UsageError
from tinymnist.text import printable, shown
from tinymnist.training.engine import Engine
from tinymnist.training.records import Environment
from tinymnist.version import __version__

PACKAGES = ("torch", "torchvision", "albumentations", "opencv-python-headless", "numpy", "safetensors")


def choose_device(name: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda` or `mps` means here. Raises `UsageError`.

    From now on convolutions on a GPU multiply in float32, not in PyTorch's default for them, TF32, which keeps 10 bits.
    """
    torch.backends.cudnn.allow_tf32 = False
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, available in there.items() if available))
    if name not in there:
        raise UsageError(f"--device {shown(name)[1:-1]}: expects auto, cpu, cuda or mps")
    if not there[name]:
        raise UsageError(f"--device {name}: torch {torch.__version__} finds none here: use --device cpu")
    return torch.device(name)


def describe_environment(
    dataset: Dataset,
    validation: int,
    seed: int,
    device: torch.device,
    engine: Engine,
    augmentation: str,
    teachers: dict[str, str],
) -> Environment:
    """How a run is made here."""
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
