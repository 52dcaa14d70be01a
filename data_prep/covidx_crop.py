"""The part of a slice of COVIDx CT that its list says to look at.

It is cut out before it is made square, so a wide chest becomes as high as it is wide: what the
publisher's own networks see too.
"""

from __future__ import annotations

import numpy as np

from data_prep import raster
from data_prep.covidx_lists import Slice
from fedmini.errors import UserError


def gray(listed: Slice) -> np.ndarray:
    """(h, w) uint8, the inside of the box; UserError for a broken image, or a box beside it."""
    return crop(raster.read(listed.path), listed.box)


def crop(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part of an image (H, W) inside a box, a view; of a box beyond the image what it shares.

    UserError if they share nothing.
    """
    height, width = image.shape
    left, top, right, bottom = box
    part = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if not part.size:
        found = f"the box {left} {top} {right} {bottom}"
        raise UserError(f"{found} has no pixel of an image of {width} x {height}")
    return part
