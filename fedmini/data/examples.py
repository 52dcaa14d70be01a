"""What each hospital holds, as tensors on the device that computes.

One tensor of images and one of targets a hospital and split, in the stored type: a batch is an
index into them, or read from disk by that index. Normalisation and augmentation are tensor
operations on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedmini.data.dataset import SPLITS, Dataset
from fedmini.data.disk_tensor import DiskTensor, as_tensor, join
from fedmini.data.on_disk import choose
from fedmini.data.partition import Partition
from fedmini.data.patients import PatientTable
from fedmini.data.scanner import shift
from fedmini.rng import numpy_stream


@dataclass(frozen=True, eq=False)
class Examples:
    """n images with their targets and patients; n may be 0."""

    images: Tensor | DiskTensor  # (n, C, H, W) uint8 or float16
    targets: Tensor | DiskTensor  # masks (n, H, W) uint8, or labels (n, K) uint8
    patients: np.ndarray  # (n,) int64, on the host

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: str | torch.device) -> Examples:
        """The same examples on a device."""
        return Examples(self.images.to(device), self.targets.to(device), self.patients)


@dataclass(frozen=True, eq=False)
class Hospital:
    """What one client holds."""

    name: str
    number: int  # its index in the partition, the address of its scanner
    train: Examples
    validation: Examples
    test: Examples


def hospitals(
    dataset: Dataset, table: PatientTable, partition: Partition,
    *, device: str | torch.device = "cpu", scanner_shift: float = 0.0, seed: int = 0,
) -> list[Hospital]:  # fmt: skip
    """The data set shared out, every image of a patient to the patient's hospital.

    With a `scanner_shift` above 0 each hospital sees all its images through a scanner of its own,
    drawn at (seed, "scanner", number).
    """
    client = partition.client[np.searchsorted(table.patient, dataset.patient)]
    result = []
    for number, name in enumerate(partition.names):
        rows = np.flatnonzero(client == number)
        draw = numpy_stream(seed, "scanner", number)
        images = shift(choose(dataset.images, rows), dataset.mean, dataset.std, scanner_shift, draw)
        parts = {}
        for index, split in enumerate(SPLITS):
            chosen = dataset.split[rows] == index
            parts[split] = Examples(
                as_tensor(choose(images, chosen)),
                as_tensor(choose(dataset.targets, rows[chosen])),
                dataset.patient[rows[chosen]],
            ).to(device)
        result.append(Hospital(name, number, **parts))
    return result


def pooled(hospitals: list[Hospital]) -> Hospital:
    """All hospitals' examples as those of a single client called "centralized"."""
    parts = {}
    for split in SPLITS:
        each = [getattr(hospital, split) for hospital in hospitals]
        parts[split] = Examples(
            join([examples.images for examples in each]),
            join([examples.targets for examples in each]),
            np.concatenate([examples.patients for examples in each]),
        )
    return Hospital("centralized", 0, **parts)


def flip(images: Tensor, targets: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror each image, and its mask, left to right or top to bottom, or both, or not at all.

    `images` (B, C, H, W), `targets` masks (B, H, W) or labels (B, K), which stay as they are.
    `draws` (B, 2) bool, on the device of the images: mirror left to right, mirror top to bottom.
    """
    for column, axis in enumerate((-1, -2)):
        chosen = draws[:, column, None, None]
        images = torch.where(chosen[..., None], images.flip(axis), images)
        if targets.dim() == 3:
            targets = torch.where(chosen, targets.flip(axis), targets)
    return images, targets
