"""A data set in memory: images, what is to be predicted, and whose they are.

Left out: reading images in pieces. All arrays are in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CHUNK = 64  # images that are turned into float at one time
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
    images: np.ndarray  # (N, C, H, W) uint8 or float16
    targets: np.ndarray  # masks (N, H, W) uint8, or labels (N, K) uint8
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

    @property
    def outputs(self) -> int:
        """Outputs of a model: one a class, or a single one for a binary task."""
        return 1 if self.task == "binary" else len(self.classes)


def channel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of (N, C, H, W), both (C,) float32.

    A constant channel gets the standard deviation 1, so that dividing by it is harmless.
    """
    total = squares = np.zeros(images.shape[1])
    for chunk in chunks(images):
        total = total + chunk.sum(axis=(0, 2, 3))
        squares = squares + (chunk * chunk).sum(axis=(0, 2, 3))
    count = images.size / images.shape[1]
    mean = total / count
    # var(x) = E[x^2] - E[x]^2
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0)).astype(np.float32)
    return mean.astype(np.float32), np.where(std > 0, std, np.float32(1))


def shrink(dataset: Dataset, size: int) -> Dataset:
    """The data set with the longer side of its images at most `size` pixels; never enlarged.

    A new pixel is the mean over the area it covers, which need not be whole pixels; a new mask
    pixel is the class that covers most of it, the lower one of two equals. Mean and std are those
    of the new training split.
    """
    height, width = dataset.size
    longer = max(height, width)
    if longer <= size:
        return dataset
    rows = overlap(height, max(1, round(height * size / longer)))
    columns = overlap(width, max(1, round(width * size / longer)))
    smaller = (rows @ chunk @ columns.T for chunk in chunks(dataset.images))
    images = np.concatenate([stored(chunk, dataset.images.dtype) for chunk in smaller])
    targets = dataset.targets
    if dataset.task == "segmentation":
        targets = smaller_masks(targets, len(dataset.classes), rows, columns)
    mean, std = channel_statistics(images[dataset.split == TRAIN])
    return dataclasses.replace(dataset, images=images, targets=targets, mean=mean, std=std)


def smaller_masks(
    masks: np.ndarray, classes: int, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """(N, h, w) uint8: the class that covers most of each new pixel, the lower of two equals.

    `rows` (h, H) and `columns` (w, W) are the shares of `overlap`.
    """
    kinds = np.arange(classes)[:, None, None]
    smaller = np.empty((len(masks), len(rows), len(columns)), np.uint8)
    for new, mask in zip(smaller, masks, strict=True):
        new[:] = (rows @ (mask == kinds) @ columns.T).argmax(axis=0)
    return smaller


def chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    """The images in order, float64, at most `CHUNK` at a time."""
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK].astype(np.float64)


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
