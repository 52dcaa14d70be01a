"""SCAFFOLD (Karimireddy et al. 2020, Algorithm 1, option II), written outside fedmini.

    python run.py --algo tutorials/scaffold.py:Scaffold --optimizer sgd --lr 0.05

Each client remembers c_k, the mean gradient of its last round, and the server c, the mean of them
over all clients. Local steps follow g + c - c_k: the own gradient, less what is peculiar to this
client. As in the paper every hospital counts the same, whatever its number of patients.

Left out: option I (a gradient at the model that came); any optimiser but plain SGD, off whose way
alone the mean gradient can be read; coordinates that stay private, whose c_k would tell of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import Contribution, FedAvg
from fedmini.client import Client
from fedmini.errors import UserError
from fedmini.optim import SGD
from fedmini.server import Server, Total


@dataclass
class Scaffold(FedAvg):
    """FedAvg whose clients take the drift out of every local step."""

    def broadcast(self, server: Server) -> dict[str, Tensor]:
        control = server.state.get("control", torch.zeros_like(server.model))
        return {"model": server.model, "control": control}

    def correct(self, client: Client, down: Mapping[str, Tensor]) -> None:
        # g <- g + c - c_k (Eq. 11.1)
        towards = down["control"] - client.state.get("control", 0)
        client.model.grad += towards[: len(client.model.grad)]

    def local_update(self, client: Client, down: Mapping[str, Tensor]) -> Contribution:
        plain = isinstance(client.optimizer, SGD) and not client.optimizer.momentum
        if not plain or client.shared is not None:
            raise UserError("SCAFFOLD needs --optimizer sgd, no --momentum, nothing private")
        update = super().local_update(client, down).update
        # c_k+ - c_k = (w_t - w_k) / (E lambda) - c (Eq. 11.2)
        change = -update / (client.steps * client.question.lr) - down["control"]
        client.keep(control=client.state.get("control", 0) + change)
        return Contribution(update, 1, {"control": change})

    def server_step(self, server: Server, total: Total) -> None:
        super().server_step(server, total)
        # c <- c + 1/N sum_{k in S} (c_k+ - c_k) (Eq. 11.3)
        change = total.sums["control"].float() / len(server.cohorts.clients)
        server.state["control"] = server.state.get("control", 0) + change
