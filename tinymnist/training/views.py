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
from tinymnist.training.score import BATCH_SIZE
from tinymnist.training.seeds import derived_seed
from tinymnist.training.teacher import Teacher

CACHE = SealedCache("teachers", format="tinymnist-probabilities-1", limit=1 << 30)
PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class View:
    """All training images, each augmented in one way, and what the teacher says of them."""

    images: Tensor
    """(N, C, H, W) uint8."""
    probabilities: Tensor
    """(N, classes) float32."""


@dataclass(frozen=True)
class FixedViews:
    """The views of a training. They depend on images, augmentation and teacher alone, not on the training's seed."""

    train: Split
    augmenter: Augmenter | AffineAugmenter | None
    teacher: Teacher

    def view(self, number: int | None, before_batch: Callable[[], None]) -> View:
        """The view of that number; with None the images as they are. Calls `before_batch` before each batch that the
        teacher looks at, which may raise to end that."""
        images = self._images(number)
        key = self._key(images)
        kept = CACHE.look_up(key)
        if kept is not None:
            return View(images, torch.from_numpy(kept[PROBABILITIES]).to(images.device))
        probabilities = self._look(images, before_batch)
        CACHE.keep(key, {PROBABILITIES: probabilities.cpu().numpy()})
        return View(images, probabilities)

    def _images(self, number: int | None) -> Tensor:
        images = self.train.images
        if number is None or self.augmenter is None:
            return images
        batches = enumerate(images.split(BATCH_SIZE))
        return torch.cat([self.augmenter(batch, derived_seed(number, "view", index)) for index, batch in batches])

    def _look(self, images: Tensor, before_batch: Callable[[], None]) -> Tensor:
        found = []
        for batch in images.split(BATCH_SIZE):
            before_batch()
            found.append(self.teacher.probabilities_of(batch))
        return torch.cat(found)

    def _key(self, images: Tensor) -> str:
        """SHA-256 over all that the probabilities depend on."""
        digest = hashlib.sha256(json.dumps([self.teacher.identity, *images.shape]).encode("utf-8"))
        digest.update(images.contiguous().cpu().numpy().data)
        return digest.hexdigest()
