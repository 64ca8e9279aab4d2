"""A fixed number of augmented views of all training images, so that a teacher needs to look at each only once.

A strong teacher costs more than the small network that learns from it. What it says of a view is kept in the user's
cache, where every later epoch finds it, and every other seed.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tinymnist.data import Split
from tinymnist.data.affine import AffineAugmenter
from tinymnist.data.augment import Augmenter
from tinymnist.sealed_cache import SealedCache
from tinymnist.training.score import BATCH_SIZE, in_batches
from tinymnist.training.seeds import derived_seed
from tinymnist.training.teacher import Teacher

CACHE = SealedCache("teachers", format="tinymnist-probabilities-1", limit=1 << 30)
PROBABILITIES = "probabilities"
GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class View:
    """All training images, each augmented in one way, and what the teacher says of them."""

    images: Tensor
    """(N, C, H, W) uint8."""
    probabilities: Tensor
    """(N, classes) float32."""


def first_view(seed: int, views: int) -> int:
    """The view that a training begins with. Seeds that are trained at the same time begin far apart, so that they share
    the work of the teacher: multiples of the golden ratio, modulo 1, are spread evenly."""
    return int(seed * GOLDEN % 1 * views)


def view_of(
    train: Split,
    augmenter: Augmenter | AffineAugmenter | None,
    number: int,
    teacher: Teacher,
    before_batch: Callable[[], None],
) -> View:
    """The view of that number, which depends on images and augmentation, but not on a training's seed. Without an
    augmenter, it is the images as they are. Calls `before_batch` before each batch that the teacher looks at, which may
    raise to end that."""

    def ask(batch: Tensor) -> Tensor:
        before_batch()
        return teacher.probabilities_of(batch)

    images = train.images if augmenter is None else _augmented(train.images, augmenter, number)
    key = _key(images, teacher)
    kept = CACHE.look_up(key)
    if kept is not None:
        return View(images, torch.from_numpy(kept[PROBABILITIES]).to(images.device))
    probabilities = torch.cat(in_batches(ask, images))
    CACHE.keep(key, {PROBABILITIES: probabilities.cpu().numpy()})
    return View(images, probabilities)


def _augmented(images: Tensor, augmenter: Augmenter | AffineAugmenter, number: int) -> Tensor:
    augment = augmenter.augmentation(len(images), derived_seed(number, "view"))
    firsts = range(0, len(images), BATCH_SIZE)
    return torch.cat([augment(images[first : first + BATCH_SIZE], first) for first in firsts])


def _key(images: Tensor, teacher: Teacher) -> str:
    """SHA-256 over all that the probabilities depend on."""
    digest = hashlib.sha256(json.dumps([teacher.identity, *images.shape]).encode("utf-8"))
    digest.update(images.contiguous().cpu().numpy().data)
    return digest.hexdigest()
