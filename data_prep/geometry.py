"""How large a slice is, and its pixels: known from a header, and the same for all cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.volume import axial, canonical, voxel_sizes
from fedmini.errors import UserError

SAME_SIZE = 0.01  # relative


@dataclass(frozen=True)
class Geometry:
    """Of the axial slices of a volume, as they are displayed."""

    shape: tuple[int, int]  # rows, columns
    voxel: tuple[float, float, float]  # mm to the right, front and top


def geometry(shape: Sequence[int], affine: np.ndarray) -> Geometry:
    """Of a volume of (X, Y, Z) voxels; UserError if its affine does not span space."""
    try:
        turned, affine = canonical(np.broadcast_to(np.uint8(0), shape), affine)
    except ValueError as error:
        raise UserError(str(error)) from None
    return Geometry(axial(turned).shape[1:], tuple(voxel_sizes(affine).tolist()))


def common_voxel(geometries: Sequence[Geometry]) -> tuple[float, ...]:
    """The voxel size in mm of the case in the middle, along each axis."""
    sizes = [each.voxel for each in geometries]
    return tuple(np.quantile(sizes, 0.5, axis=0, method="lower").tolist())


def check_voxel(found: Geometry, common: Sequence[float]) -> None:
    """UserError if a case's voxels are not as large as those of the others."""
    if not np.allclose(found.voxel, common, rtol=SAME_SIZE, atol=0):
        sizes = [" x ".join(f"{edge:.4g}" for edge in each) for each in (found.voxel, common)]
        raise UserError(f"voxels of {sizes[0]} mm; those of the other cases are {sizes[1]}")
