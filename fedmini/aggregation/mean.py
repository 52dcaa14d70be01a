"""The weighted mean, streaming through the ring (McMahan et al. 2017, Algorithm 1).

One accumulator, whatever the number of clients; the order of the replies changes no bit.
"""

import torch
from torch import Tensor

from fedmini.ring import Ring, RingSum


class Mean:
    """sum_k n_k · update_k / sum_k n_k over the clients that answered."""

    individual = False

    def __init__(self, cohort: int, ring: Ring = Ring(bits=64, fractional_bits=32)) -> None:
        self.updates = RingSum(ring, cohort)
        self.weights = RingSum(Ring(bits=64, fractional_bits=32), cohort)

    def add(self, client: str, update: Tensor, weight: float) -> None:
        """Add one update, a float vector that stays as it was, with a weight above zero."""
        if not weight > 0:
            raise ValueError(f"{client} sent the weight {weight}; a weight is above zero")
        self.updates.add(update.double() * weight)
        self.weights.add(torch.tensor(weight, dtype=torch.float64))

    def result(self) -> Tensor:
        """The mean, float64, of the shape of the updates; RuntimeError if none was added."""
        return self.mean_of(self.updates.value(), self.weights.value().item())

    def mean_of(self, total: Tensor, weight: float) -> Tensor:
        """The mean from the sum of weight x update and that of the weights."""
        # w_{t+1} - w_t = sum_k n_k (w_k - w_t) / sum_k n_k (Eq. 0.2)
        return total / weight
