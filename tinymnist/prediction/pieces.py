"""Connected pieces of ink: which ones form the digit, and which are specks or belong to something else."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LARGE = 0.1
"""A piece of ink of at least this share of the largest belongs to a digit wherever it lies."""
OVERLAP = 0.5
"""Pieces belong to one digit where they lie above each other for more than this share of the narrower one."""

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """N connected pieces; their boxes and areas are (N,), in pixels."""

    labels: Numbers
    """(H, W): 0 where there is no ink, else a piece's place counted from 1."""
    left: Numbers
    top: Numbers
    right: Numbers
    bottom: Numbers
    area: Numbers
    """0 for pieces that cannot be part of a digit."""

    @property
    def large(self) -> Mask:
        """(N,)"""
        return np.asarray(self.area >= LARGE * self.area.max())

    def digit(self, parts: Mask) -> Mask:
        """(H, W): those large pieces that `parts` (N,) names, and the small ones between them."""
        between = (
            (self.left < self.right[parts].max())
            & (self.right > self.left[parts].min())
            & (self.top < self.bottom[parts].max())
            & (self.bottom > self.top[parts].min())
        )
        digit = parts | (between & (self.area > 0) & ~self.large)
        return np.asarray(np.concatenate([[False], digit])[self.labels], dtype=bool)

    def side_by_side(self) -> list[Mask]:
        """The large pieces by digit, from left to right: (N,) for each."""
        groups: list[list[int]] = []
        for piece in sorted(np.flatnonzero(self.large).tolist(), key=lambda piece: int(self.left[piece])):
            if groups and self._above_each_other(groups[-1], piece):
                groups[-1].append(piece)
            else:
                groups.append([piece])
        return [np.isin(np.arange(len(self.area)), group) for group in groups]

    def _above_each_other(self, group: list[int], piece: int) -> bool:
        left, right = self.left[group].min(), self.right[group].max()
        shared = min(right, self.right[piece]) - max(left, self.left[piece])
        return bool(shared > OVERLAP * min(right - left, self.right[piece] - self.left[piece]))


def find_pieces(inked: Mask, even: bool) -> Pieces:
    """The pieces of `inked` (H, W), which has some. On uneven ground, pieces that touch the picture's sides are no
    part of a digit where another piece is nearly as large: they are shadows, or parts of something else."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inked.astype(np.uint8), connectivity=8)
    left, top, width, height, area = stats[1:count].T
    right, bottom = left + width, top + height
    touching = (left == 0) | (top == 0) | (right == inked.shape[1]) | (bottom == inked.shape[0])
    if not even and np.where(touching, 0, area).max() >= 0.3 * area.max():
        area = np.where(touching, 0, area)
    return Pieces(np.asarray(labels, dtype=np.int32), left, top, right, bottom, area)
