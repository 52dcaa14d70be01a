"""Exercise 00: the weighted mean of (Eq. 0.2) as an aggregator that streams, not yet right.

This one gives each hospital the same say, adds floats in the order in which replies come, and takes
any weight. The laws ask for more:

* the mean is weighted, over those who answered (`cohort` is how many were asked);
* the order of the replies changes no bit: see `fedmini.ring.RingSum`;
* the updates stay as they were;
* a weight that is not above zero is a ValueError that names the client.

    pytest tests/contracts --impl mean=tutorials/exercises/00_weighted_mean.py:WeightedMean
"""

from __future__ import annotations

import torch
from torch import Tensor


class WeightedMean:
    """sum_k n_k · update_k / sum_k n_k, with one accumulator for any number of clients."""

    individual = False

    def __init__(self, cohort: int) -> None:
        self.total = torch.zeros((), dtype=torch.float64)
        self.weights = 0.0

    def add(self, client: str, update: Tensor, weight: float) -> None:
        self.total = self.total + update.double()  # your lines
        self.weights += 1.0

    def result(self) -> Tensor:
        return self.total / self.weights
