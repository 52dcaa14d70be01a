"""Images and masks on disk as tensors: a batch moves to the device when it is read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fedmini.data.on_disk import Array, DiskArray


class DiskTensor:
    """A DiskArray as a tensor: an index, on any device, gives a Tensor on this one's device."""

    def __init__(self, array: DiskArray, device: str | torch.device = "cpu") -> None:
        self.array, self.device = array, torch.device(device)
        self.shape = array.shape

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        place = index.cpu().numpy() if isinstance(index, Tensor) else index
        return torch.as_tensor(self.array[place], device=self.device)

    def to(self, device: str | torch.device) -> DiskTensor:
        """The same rows for another device; nothing is read."""
        return DiskTensor(self.array, device)


def as_tensor(array: Array) -> Tensor | DiskTensor:
    """The array for training, on the CPU."""
    return DiskTensor(array) if isinstance(array, DiskArray) else torch.from_numpy(array)


def join(parts: list[Tensor | DiskTensor]) -> Tensor | DiskTensor:
    """All parts one after the other; those on disk are of one file, changed in one way."""
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    first = parts[0].array
    rows = np.concatenate([each.array.rows for each in parts])
    return DiskTensor(DiskArray(first.source, rows, first.changes), parts[0].device)
