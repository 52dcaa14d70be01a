"""Exercise 04, solved: E[m^2] - E[m]^2, both weighted by patients over those who answered.

pytest tests/contracts --impl spread=tutorials/exercises/solutions/04_spread.py:Spread
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from fedmini.algorithms.fedavg import Contribution, FedAvg
from fedmini.client import Client
from fedmini.server import Server, Total


@dataclass
class Spread(FedAvg):
    """FedAvg that averages variances by the law of total variance."""

    def local_update(self, client: Client, down: Mapping[str, Tensor]) -> Contribution:
        done = super().local_update(client, down)
        model, n = client.model, done.weight
        m = model.state[model.mask(lambda name: name.endswith("running_mean"))].double()
        return Contribution(done.update, n, {"m": n * m, "m2": n * m * m})

    def server_step(self, server: Server, total: Total) -> None:
        super().server_step(server, total)
        if server.variances is not None:
            m, m2 = (total.sums[name] / total.weight for name in ("m", "m2"))
            server.model[server.variances] += (m2 - m * m).float()
