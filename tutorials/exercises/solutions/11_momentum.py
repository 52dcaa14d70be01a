"""Exercise 11, solved: the velocity lies in the server's state, where the checkpoint finds it.

pytest tests/contracts --impl fedavgm=tutorials/exercises/solutions/11_momentum.py:Momentum
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
        # A new tensor each round: the old one may still be held by somebody.
        server.state["velocity"] = self.beta * server.state.get("velocity", 0) + total.mean
        server.model += self.server_lr * server.state["velocity"]
