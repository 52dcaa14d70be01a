"""Exercise 11: FedAvg with momentum on the server (Hsu, Qi, Brown 2019), not yet right.

The velocity is what is left of all updates so far, v <- beta v + mean, and the model moves by it,
w <- w + eta v. This one trains, and looks well. The laws ask that

* each new update counts in full, and eta is `self.server_lr`;
* beta = 0 is FedAvg, bit for bit;
* a run that was interrupted goes on with its velocity: see the top of fedmini/algorithms/fedavg.py.

    pytest tests/contracts --impl fedavgm=tutorials/exercises/11_momentum.py:Momentum
"""

from __future__ import annotations

from dataclasses import dataclass

from fedmini.algorithms.fedavg import FedAvg
from fedmini.options import option
from fedmini.server import Server, Total


@dataclass
class Momentum(FedAvg):
    """FedAvg whose server does not forget where it was going."""

    beta: float = option(0.9, "part of the server's last step that carries on", low=0.0, high=0.999)

    def server_step(self, server: Server, total: Total) -> None:
        before = getattr(self, "velocity", 0)
        self.velocity = self.beta * before + (1 - self.beta) * total.mean  # your lines
        server.model += self.velocity
