"""Exercise 04: the variance of the union instead of (Eq. 4.3), not yet right.

After a round, the running variances of the global model shall be those of all patients together,
as far as the hospitals' running statistics tell: the mean of their variances, and the spread of
their means. This one adds a spread. The laws ask that

* hospitals count by their patients, and only those whose upload arrived;
* all else in the model is that of FedAvg, and all of it where the model has no batch norm.

    pytest tests/contracts --impl spread=tutorials/exercises/04_spread.py:Spread
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
        model = client.model
        m = model.state[model.mask(lambda name: name.endswith("running_mean"))]
        return Contribution(done.update, done.weight, {"m": m, "m2": m * m})  # your lines

    def server_step(self, server: Server, total: Total) -> None:
        super().server_step(server, total)
        if server.variances is not None:
            m, m2 = (total.sums[name] / len(server.cohorts.clients) for name in ("m", "m2"))
            server.model[server.variances] += (m2 - m * m).float()
