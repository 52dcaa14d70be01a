"""Mean and standard deviation of images that were read one after the other and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def statistics(cases: Sequence[Mapping], pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (C,) float32 over all pixels of some cases, from their sums.

    A constant channel gets the standard deviation 1, as in `channel_statistics`.
    """
    count = pixels * sum(case["rows"] for case in cases)
    total, squares = np.sum([case["sums"] for case in cases], axis=0).T / count
    # var(x) = E[x^2] - E[x]^2
    std = np.sqrt(np.maximum(squares - total**2, 0.0)).astype(np.float32)
    return total.astype(np.float32), np.where(std > 0, std, np.float32(1))
