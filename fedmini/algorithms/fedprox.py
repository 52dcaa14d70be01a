"""FedProx (Li et al. 2020, Algorithm 2): FedAvg with a leash, and with stragglers kept.

Each client minimises F_k(w) + mu/2 ||w - w_t||^2. The leash bounds how far a hospital with unusual
patients drifts from the global model; work that a straggler left unfinished is averaged too.
"""

from dataclasses import dataclass

from fedmini.algorithms.fedavg import FedAvg
from fedmini.options import option


@dataclass
class FedProx(FedAvg):
    """FedAvg whose local gradient has one term more."""

    mu: float = option(0.01, "FedProx: weight of the pull towards the global model", low=0.0)

    partial_work = True

    def correct(self, client, down):
        w = client.model.vector
        # grad (mu/2 ||w - w_t||^2) = mu (w - w_t) (Eq. 3.1)
        client.model.grad.add_(w - down["model"][: w.numel()], alpha=self.mu)
