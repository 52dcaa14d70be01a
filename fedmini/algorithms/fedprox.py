"""FedProx (Li et al. 2020, Algorithm 2): FedAvg with a leash, and with stragglers kept.

Each client minimises F_k(w) + mu/2 ||w - w_t||^2. The leash bounds how far a hospital with unusual
patients drifts from the global model; work that a straggler left unfinished is averaged too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fedmini.algorithms.fedavg import FedAvg
from fedmini.options import option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from fedmini.client import Client


@dataclass
class FedProx(FedAvg):
    """FedAvg whose local gradient has one term more."""

    mu: float = option(0.01, "FedProx: weight of the pull towards the global model", low=0.0)

    partial_work: ClassVar[bool] = True

    def correct(self, client: Client, down: Mapping[str, Tensor]) -> None:
        w = client.model.vector
        # grad (mu/2 ||w - w_t||^2) = mu (w - w_t) (Eq. 3.1)
        client.model.grad.add_(w - down["model"][: w.numel()], alpha=self.mu)
