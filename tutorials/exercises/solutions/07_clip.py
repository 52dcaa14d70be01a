"""Exercise 07, solved: measure in float64, stay a hair below the bound, refuse what has no norm.

pytest tests/contracts --impl clip=tutorials/exercises/solutions/07_clip.py:clipped
"""

from __future__ import annotations

import math

from torch import Tensor


def clipped(vector: Tensor, max_norm: float) -> Tensor:
    """The vector (D,) at an L2 norm of at most `max_norm`, float32."""
    if not 1e-30 <= max_norm < math.inf:
        raise ValueError(f"a bound of {max_norm} bounds nothing")
    exact = vector.detach().float().double()
    norm = float(exact.norm())
    # Not `norm > max_norm` alone: that is False for NaN.
    if not math.isfinite(norm):
        raise ValueError("the vector has no norm")
    if norm > max_norm:
        # float32 may round each number up, but never by as much as 2^-20 of it.
        exact = exact * (max_norm * (1 - 2**-20) / norm)
    return exact.float()
