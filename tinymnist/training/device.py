"""The device that a network is computed on."""

import platform

import torch

from tinymnist.errors import UsageError
from tinymnist.text import shown
from tinymnist.training.memory import keep_memory

MAX_THREADS = 256


def choose_device(name: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda` or `mps` means on this machine. Raises `UsageError`."""
    usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, available in usable.items() if available))
    if name not in usable:
        raise UsageError(f"--device {shown(name)[1:-1]}: expects auto, cpu, cuda or mps")
    if not usable[name]:
        raise UsageError(f"--device {name}: torch {torch.__version__} finds none here: use --device cpu")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The model of a GPU; or what the system calls its processor, and its widest vectors, on which bits depend:
    `x86_64 AVX2`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def prepare_device(device: str, engine: str, threads: int | None) -> torch.device:
    """The device to train on, with this process's memory set up for it. Raises `UsageError`, also for a number of
    threads that cannot be."""
    chosen = choose_device("cpu" if (device, engine) == ("auto", "native") else device)
    if engine == "native" and chosen.type != "cpu":
        raise UsageError(f"--device {device}: the native engine computes on the CPU: use --engine torch")
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"--threads {threads}: expects a number from 1 to {MAX_THREADS}")
    keep_memory()
    return chosen
