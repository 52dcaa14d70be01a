"""Exercise 00, solved: two sums in the ring, of the weighted updates and of the weights.

pytest tests/contracts --impl mean=tutorials/exercises/solutions/00_weighted_mean.py:WeightedMean
"""

from __future__ import annotations

import torch
from torch import Tensor

from fedmini.ring import Ring, RingSum


class WeightedMean:
    """sum_k n_k · update_k / sum_k n_k, with one accumulator for any number of clients."""

    individual = False

    def __init__(self, cohort: int) -> None:
        self.total, self.weights = RingSum(Ring(), cohort), RingSum(Ring(), cohort)

    def add(self, client: str, update: Tensor, weight: float) -> None:
        # Not `weight <= 0`: that is False for NaN.
        if not weight > 0:
            raise ValueError(f"the weight of {client} is {weight}, and should be above zero")
        self.total.add(weight * update.double())
        self.weights.add(torch.tensor(weight).double())

    def result(self) -> Tensor:
        return self.total.value() / self.weights.value()
