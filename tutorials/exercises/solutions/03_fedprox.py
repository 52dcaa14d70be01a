"""Exercise 03, solved: the reference is what the server sent, and nobody trains on that.

pytest tests/contracts --impl fedprox=tutorials/exercises/solutions/03_fedprox.py:Leash
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
        # The model that was sent holds the D parameters first, then buffers, which no leash holds.
        reference = down["model"][: len(w)]
        client.model.grad.add_(w - reference, alpha=self.mu)
