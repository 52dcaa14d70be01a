"""A data set: images, what is to be predicted, and whose they are.

Images and masks are in memory or, where they would not fit, still in their file: what looks at all
of them goes block by block.
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedmini.data.on_disk import Array, blocks, changed, choose

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prepared data, N images with C channels of H x W pixels, and its description.

    `task` is one of segmentation, multilabel, binary, multiclass. `classes` has a name for each
    mask index, label column or class; a binary task names the negative class first.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    source: str
    synthetic: bool
    version: str
    mean: np.ndarray  # (C,) float32, training split, stored units
    std: np.ndarray  # (C,) float32, likewise
    regions: dict[str, tuple[int, ...]]  # segmentation: region -> mask indices; otherwise empty
    images: Array  # (N, C, H, W) uint8 or float16
    targets: Array  # masks (N, H, W) uint8, or labels (N, K) uint8, which are always in memory
    patient: np.ndarray  # (N,) int64
    split: np.ndarray  # (N,) uint8: 0 train, 1 validation, 2 test
    site: np.ndarray  # (N,) int64, an index into site_names; -1 unknown
    site_names: tuple[str, ...]

    @property
    def channels(self) -> int:
        return self.images.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[2], self.images.shape[3]


def channel_statistics(images: Array) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of (N, C, H, W), both (C,) float32.

    A constant channel gets the standard deviation 1, so that dividing by it is harmless.
    """
    total = squares = np.zeros(images.shape[1])
    for block in blocks(images):
        chunk = block.astype(np.float64)
        total = total + chunk.sum(axis=(0, 2, 3))
        squares = squares + (chunk * chunk).sum(axis=(0, 2, 3))
    count = len(images) * images.shape[2] * images.shape[3]
    mean = total / count
    # var(x) = E[x^2] - E[x]^2
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0)).astype(np.float32)
    return mean.astype(np.float32), np.where(std > 0, std, np.float32(1))


def shrink(dataset: Dataset, size: int, in_memory: str = "no") -> Dataset:
    """The data set with the longer side of its images at most `size` pixels; never enlarged.

    A new pixel is the mean over the area it covers, which need not be whole pixels; a new mask
    pixel is the class that covers most of it, the lower one of two equals. Mean and std are those
    of the new training split. What is on disk is shrunk as it is read; the small images may be
    `placed` in memory.
    """
    height, width = dataset.size
    longer = max(height, width)
    if longer <= size:
        return dataset
    rows = overlap(height, max(1, round(height * size / longer)))
    columns = overlap(width, max(1, round(width * size / longer)))
    images = changed(dataset.images, lambda block: smaller_images(block, rows, columns))
    targets, classes = dataset.targets, len(dataset.classes)
    if dataset.task == "segmentation":
        targets = changed(targets, lambda block: smaller_masks(block, classes, rows, columns))
    small = dataclasses.replace(dataset, images=images, targets=targets)
    return measured(placed(small, in_memory))


def placed(dataset: Dataset, in_memory: str) -> Dataset:
    """The data set with its images and masks in memory ("yes") or where they are ("no").

    "auto" is in memory if they take at most a quarter of the machine's: a run may hold them three
    times, as the data set, by hospital, and pooled.
    """
    needed = dataset.images.nbytes + dataset.targets.nbytes
    if in_memory == "no" or (in_memory == "auto" and 4 * needed > memory()):
        return dataset
    return dataclasses.replace(dataset, images=dataset.images[:], targets=dataset.targets[:])


def memory() -> int:
    """The bytes that the machine has, or that a container or job is allowed."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    allowed = Path("/sys/fs/cgroup/memory.max")
    text = allowed.read_text().strip() if allowed.exists() else "max"
    return machine if text == "max" else min(machine, int(text))


def measured(dataset: Dataset) -> Dataset:
    """The data set with the mean and std of its training split."""
    mean, std = channel_statistics(choose(dataset.images, dataset.split == TRAIN))
    return dataclasses.replace(dataset, mean=mean, std=std)


def smaller_images(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(n, C, h, w) in the stored type: the mean over each new pixel.

    `rows` (h, H) and `columns` (w, W) are the shares of `overlap`.
    """
    return stored(rows @ images.astype(np.float64) @ columns.T, images.dtype)


def smaller_masks(
    masks: np.ndarray, classes: int, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """(N, h, w) uint8: the class that covers most of each new pixel, the lower of two equals."""
    kinds = np.arange(classes)[:, None, None]
    smaller = np.empty((len(masks), len(rows), len(columns)), np.uint8)
    for new, mask in zip(smaller, masks, strict=True):
        new[:] = (rows @ (mask == kinds) @ columns.T).argmax(axis=0)
    return smaller


def stored(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Float values in a stored type: held within its range, whole numbers rounded to nearest."""
    whole = np.issubdtype(dtype, np.integer)
    limits = np.iinfo(dtype) if whole else np.finfo(dtype)
    values = values.clip(limits.min, limits.max)
    return (np.rint(values) if whole else values).astype(dtype)


def overlap(old: int, new: int) -> np.ndarray:
    """(new, old): the share of each old pixel in the area of a new one; rows sum to 1."""
    edges = np.arange(new + 1) * (old / new)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)
    shared = np.minimum(right, pixel + 1) - np.maximum(left, pixel)
    return np.maximum(shared, 0.0) * (new / old)
