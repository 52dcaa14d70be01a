"""Volumes in the patient's space: which way is up, and how bright is a brain.

Orientation comes from the affine of the image: RAS+ means that the first axis runs to the
patient's right, the second to the front (anterior), the third to the top (superior). Axes are only
exchanged and reversed, which copies nothing. Brightness is standardised inside the brain, that is
where a skull-stripped volume is not zero (its values may be negative).

Left out: resampling to other voxel sizes or straightening oblique scans, bias-field correction,
finding the brain in a volume that still has its skull.
"""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np

# For each axis of the patient, an axis of the array.
ASSIGNMENTS = np.array(list(permutations(range(3))))


def canonical(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The view of `array` (X, Y, Z, ...) that is nearest to RAS+, and its affine (4, 4) float64.

    Every voxel keeps its place in the patient. Of all ways to assign the array's axes to the
    patient's, each once, the nearest has the largest sum of cosines: for a rotated grid it turns by
    the smallest angle. ValueError if the affine does not span space.
    """
    if array.ndim < 3:
        raise ValueError(f"found {array.ndim} axes; right would be a volume of at least three")
    cosines = _cosines(affine)
    order = ASSIGNMENTS[np.abs(cosines[range(3), ASSIGNMENTS]).sum(axis=1).argmax()]
    flipped = cosines[range(3), order] < 0
    steps = affine[:, order]
    # the last voxel of a flipped axis becomes its first
    last = np.where(flipped, np.array(array.shape)[order] - 1, 0)
    turned = np.column_stack([np.where(flipped, -steps, steps), affine[:, 3] + steps @ last])
    directions = tuple(slice(None, None, -1 if each else 1) for each in flipped)
    return array.transpose(*order, *range(3, array.ndim))[directions], turned


def voxel_sizes(affine: np.ndarray) -> np.ndarray:
    """The lengths (3,) float64 of a voxel's edges in mm."""
    return np.sqrt((affine[:3, :3] ** 2).sum(axis=0))


def axial(array: np.ndarray) -> np.ndarray:
    """Slices (Z, rows, columns) of a RAS+ volume (X, Y, Z), a view: the radiological display.

    The front of the patient is above, and the patient's right is on the left, as seen from the
    feet. The first slice is the lowest.
    """
    return array[::-1, ::-1].transpose(2, 1, 0)


def brain_statistics(volume: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, in float64, of the voxels that are not zero.

    ValueError for a volume that is complex, not finite, empty, or constant inside the brain.
    """
    if volume.dtype.kind not in "iuf":
        raise ValueError(f"found voxels of type {volume.dtype}; right would be real numbers")
    voxels = volume.ravel(order="K")  # as they lie in memory: four times as fast
    brain = voxels[voxels != 0].astype(np.float64)
    if not len(brain):
        raise ValueError("found a volume of zeros; right would be one with a brain")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(brain.mean())
        brain -= mean
        std = math.sqrt(brain @ brain / len(brain))
    if not math.isfinite(std):
        raise ValueError("found voxels that are not finite; right would be finite numbers")
    if std <= 1e-12 * abs(mean):  # the rounding of the mean
        raise ValueError(f"found {mean:g} in the whole brain; right would be different voxels")
    return mean, std


def standardise(slices: np.ndarray, mean: float, std: float, dtype=np.float32) -> np.ndarray:
    """(x - mean) / std where x is not zero; zero, the background, stays exactly 0.

    Computed in float32, then rounded to `dtype`. Since numpy rounds slowly, integers of 16 bits
    are looked up in a table of all that they can be.
    """
    if dtype == np.float32 or slices.dtype not in (np.int16, np.uint16):
        return _standardised(slices, mean, std).astype(dtype, copy=False)
    every = np.arange(2**16, dtype=np.uint16)
    with np.errstate(over="ignore"):  # far from the mean, where no voxel is
        table = _standardised(every.view(slices.dtype), mean, std).astype(dtype)
    return table.take(slices.view(np.uint16))


def _standardised(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    scaled = values.astype(np.float32)
    scaled -= np.float32(mean)
    scaled *= np.float32(1 / std)
    scaled[values == 0] = 0
    return scaled


def _cosines(affine: np.ndarray) -> np.ndarray:
    """(3, 3), of the angles between the patient's axes (rows) and the array's (columns)."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ValueError("found an affine that is not 4 x 4 finite numbers; right would be one")
    sizes = voxel_sizes(affine)
    if sizes.min() > 0:
        cosines = affine[:3, :3] / sizes
        if abs(np.linalg.det(cosines)) > 1e-6:
            return cosines
    raise ValueError("found an affine whose axes do not span space; right would be three axes")
