"""The k coordinates of largest magnitude, exactly, in about one pass over the vector.

A sample says from which magnitude on the k largest lie, with some to spare; whatever reaches it is
a candidate, and only candidates are compared with each other. A sample that misleads costs time,
never a coordinate.
"""

import math

import numpy as np
import torch
from torch import Tensor

SAMPLE = 2**16
CHUNK = 2**15  # its magnitudes stay in the cache, and no second thread is woken for it


def largest(vector: Tensor, k: int) -> Tensor:
    """Indices (k,) int64, ascending, of the k largest |x| in a float vector (D,), 1 <= k <= D.

    Among equal magnitudes the lowest index comes first. No NaN may be in the vector.
    """
    candidates = _reaching(vector, _threshold(vector, k))
    if len(candidates) < k:
        candidates = _reaching(vector, 0.0)
    magnitudes = vector[candidates].abs()
    least = magnitudes.topk(k, sorted=False).values.min()
    above, equal = magnitudes > least, magnitudes == least
    kept = above | (equal & (equal.cumsum(0) <= k - above.sum()))
    return candidates[kept]


def _threshold(vector: Tensor, k: int) -> float:
    """A magnitude that at least k coordinates reach, most likely, and few others."""
    sample = vector[:: len(vector) // SAMPLE + 1].abs()
    expected = len(sample) * k / len(vector)
    # Poisson: four standard deviations to spare, and some for the smallest counts
    rank = min(len(sample), math.ceil(expected + 4 * math.sqrt(expected) + 4))
    return sample.topk(rank, sorted=False).values.min().item()


def _reaching(vector: Tensor, threshold: float) -> Tensor:
    """The indices of all |x| >= threshold."""
    found = [
        np.flatnonzero((part.abs() >= threshold).cpu().numpy()) + number * CHUNK
        for number, part in enumerate(vector.split(CHUNK))
    ]
    return torch.from_numpy(np.concatenate(found)).to(vector.device)
