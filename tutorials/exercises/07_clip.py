"""Exercise 07: clipping, (Eq. 7.1), not yet right.

This one measures in float64 and stays a hair below the bound, so that no rounding of float32 takes
it above. For numbers it is nearly right; but NaN goes through, and stays in the model for ever. The
laws ask that

* the norm of what comes back, without any rounding, never exceeds the bound;
* what is longer than the bound keeps its direction, and ends at max_norm · (1 - 2^-20);
* what is not longer comes back as it was, the zero vector included, as a new float32 vector;
* NaN, infinity, and a bound below 1e-30 or not finite are a ValueError.

    pytest tests/contracts --impl clip=tutorials/exercises/07_clip.py:clipped
"""

from __future__ import annotations

from torch import Tensor


def clipped(vector: Tensor, max_norm: float) -> Tensor:
    """The vector (D,) at an L2 norm of at most `max_norm`."""
    exact = vector.double()
    scale = max_norm * (1 - 2**-20) / exact.norm()  # your lines
    return (exact * scale.clamp(max=1.0)).float()
