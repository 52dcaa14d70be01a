"""One size for all slices: centred on a square that holds the largest, then shrunk if wished.

Shrinking is that of `fedmini.data.dataset`: a new pixel is the mean over its area, a new mask pixel
the class that covers most of it. Slices are never enlarged: a larger size gets a wider margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedmini.data.dataset import overlap, smaller_masks


@dataclass(frozen=True)
class Canvas:
    """`side` pixels hold the largest slice of all cases, `size` pixels are stored."""

    side: int
    size: int

    @property
    def shrinks(self) -> bool:
        return self.size < self.side

    def centre(self, slices: np.ndarray, target: np.ndarray) -> None:
        """Put slices (n, h, w) in the middle of `target` (n, side, side), zeros around them."""
        (height, width), side = slices.shape[1:], target.shape[-1]
        top, left = (side - height) // 2, (side - width) // 2
        if (height, width) != (side, side):
            target[:] = 0
        target[:, top : top + height, left : left + width] = slices

    def smaller_images(self, slices: np.ndarray) -> np.ndarray:
        """(n, size, size) float32 of slices (n, h, w), shrunk with the margin around them."""
        whole = np.empty((len(slices), self.side, self.side), np.float32)
        self.centre(slices, whole)
        return self._shares @ whole @ self._shares.T

    def masks(self, slices: np.ndarray, classes: int) -> np.ndarray:
        """(n, size, size) uint8 of class indices (n, h, w); the margin is class 0."""
        side = self.side if self.shrinks else self.size
        whole = np.empty((len(slices), side, side), np.uint8)
        self.centre(slices, whole)
        return smaller_masks(whole, classes, self._shares, self._shares) if self.shrinks else whole

    @cached_property
    def _shares(self) -> np.ndarray:
        return overlap(self.side, self.size).astype(np.float32)
