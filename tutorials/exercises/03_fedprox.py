"""Exercise 03: FedProx as the difference to FedAvg (Li et al. 2020), not yet right.

It runs, it trains, it keeps what stragglers did, and it is FedAvg: the leash of (Eq. 3.1) is always
zero. Find out why, and let `correct` add mu (w - w_t) to the gradient of every local step.

    pytest tests/contracts --impl fedprox=tutorials/exercises/03_fedprox.py:Leash
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from fedmini.algorithms.fedavg import FedAvg
from fedmini.client import Client
from fedmini.options import option


@dataclass
class Leash(FedAvg):
    """FedAvg whose local gradient has one term more."""

    mu: float = option(0.01, "weight of the pull towards the global model", low=0.0)

    partial_work: ClassVar[bool] = True

    def correct(self, client: Client, down: Mapping[str, Tensor]) -> None:
        w = client.model.vector
        reference = client.model.vector  # your line: w_t is not the model that is being trained
        client.model.grad.add_(w - reference, alpha=self.mu)
