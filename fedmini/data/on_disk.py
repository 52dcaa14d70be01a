"""Images that stay in their file: indexed like an array, read when they are indexed.

A prepared file may be larger than memory. Its images are compressed one by one, so any of them is
read alone; what is done to all of them (shrinking, say) is done to each batch as it is read.

Left out: targets, which are always in memory, and reading ahead.
"""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
import torch
from torch import Tensor


class DiskImages:
    """(N, C, H, W) images of an open file, or a choice of them, in the file's type."""

    def __init__(
        self,
        source: h5py.Dataset,
        rows: np.ndarray | None = None,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.source, self.change = source, change
        self.rows = np.arange(len(source)) if rows is None else rows
        self.dtype = source.dtype
        empty = np.empty((0, *source.shape[1:]), source.dtype)
        self.shape = (len(self.rows), *(change(empty) if change else empty).shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        """What numpy would give: (C, H, W) for a number, else (n, C, H, W), in memory."""
        rows = np.atleast_1d(self.rows[index])
        images = np.empty((len(rows), *self.source.shape[1:]), self.dtype)
        for place, row in enumerate(rows):
            self.source.read_direct(images, np.s_[row], np.s_[place])
        images = self.change(images) if self.change else images
        return images[0] if np.ndim(self.rows[index]) == 0 else images

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> DiskImages:
        """The same images after `change`, which maps (n, C, H, W) to (n, C, h, w), n may be 0."""
        before = self.change
        both = change if before is None else lambda images: change(before(images))
        return type(self)(self.source, self.rows, both)

    def chosen(self, rows: np.ndarray) -> DiskImages:
        """Those images that `rows` picks, indices or booleans; nothing is read."""
        return type(self)(self.source, self.rows[rows], self.change)


class DiskTensor:
    """The same as a tensor: an index, on any device, gives a Tensor on this one's device."""

    def __init__(self, images: DiskImages, device: str | torch.device = "cpu") -> None:
        self.images, self.device = images, torch.device(device)
        self.shape = images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        place = index.cpu().numpy() if isinstance(index, Tensor) else index
        return torch.from_numpy(self.images[place]).to(self.device)


def choose(images: np.ndarray | DiskImages, rows: np.ndarray) -> np.ndarray | DiskImages:
    """Some of the images, in the order of `rows`: a copy, or still on disk."""
    return images.chosen(rows) if isinstance(images, DiskImages) else images[rows]


def as_tensor(images: np.ndarray | DiskImages, device: str | torch.device) -> Tensor | DiskTensor:
    """The images for training on a device."""
    if isinstance(images, DiskImages):
        return DiskTensor(images, device)
    return torch.from_numpy(images).to(device)


def join(parts: list[Tensor | DiskTensor]) -> Tensor | DiskTensor:
    """All parts one after the other; those on disk are of one file, changed in one way."""
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    first = parts[0].images
    rows = np.concatenate([each.images.rows for each in parts])
    return DiskTensor(DiskImages(first.source, rows, first.change), parts[0].device)
