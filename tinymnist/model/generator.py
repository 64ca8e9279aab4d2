"""torch's own generators, which initial weights and dropout draw from: lent to one thread at a time, and put back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU = torch.device("cpu")

_lent = threading.RLock()


@contextmanager
def drawing(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seeds torch's generator of `device`. Afterwards it is where it was, whatever the block has drawn; meanwhile other
    threads wait for their turn."""
    with _lent:
        generator = _generator_of(device)
        before = generator.get_state()
        generator.manual_seed(seed)
        try:
            yield
        finally:
            generator.set_state(before)


def _generator_of(device: torch.device) -> torch.Generator:
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[index]
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    return torch.default_generator
