"""Federated averaging (McMahan et al. 2017, Algorithm 1), and the shape of every other algorithm.

FedAvg is the base class: what the server sends, what a client does with it, how a gradient is
corrected, what the server does with the sum. An algorithm overrides the steps in which it differs;
the types of their arguments stand here once for all.

What it may use, beside what is passed in: on a client `client.model` (`vector`, `grad`, `state`),
`client.examples`, `client.steps` and `client.question.lr` of this round, and `client.state`,
tensors by name that `client.keep(name=tensor)` put there once their upload arrived; on the server
`server.model`, `server.cohorts.clients` (everyone, not only the cohort) and `server.state`, tensors
by name, to be assigned anew and not changed in place, since clients may hold them. One object
serves every client and is not in the checkpoint: what is remembered belongs in those two `state`s.

Under differential privacy an algorithm may use of a client's data only what `client.train` made of
it, and train once a round: nothing else has noise, and nobody checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fedmini.options import option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from fedmini.client import Client
    from fedmini.server import Server, Total
    from fedmini.vector import FlatModel


@dataclass(frozen=True)
class Contribution:
    """What one client adds to the sum of a round."""

    update: Tensor  # (P,) local minus global; only the shared coordinates travel
    weight: float  # n_k, the number of training examples, or 1
    sums: dict[str, Tensor] = field(default_factory=dict)  # added up as they are, unweighted


@dataclass
class FedAvg:
    """Train locally for some epochs, average the updates weighted by the number of examples."""

    server_lr: float = option(1.0, "length of the server's step along the mean update", above=0.0)

    partial_work: ClassVar[bool] = False  # keep a straggler's shorter work?
    keeps_optimizer: ClassVar[bool] = False  # do velocity and moments outlive the round?
    pooled: ClassVar[bool] = False  # one client that holds everything?
    alone: ClassVar[bool] = False  # needs no network, so suffers no faults and sends nothing?

    def shared(self, model: FlatModel) -> Tensor | None:
        """(P,) bool: the coordinates that cross the wire; None is all of them."""
        return None

    def broadcast(self, server: Server) -> Mapping[str, Tensor]:
        """What every client of the cohort gets; "model" is cut to the shared coordinates."""
        return {"model": server.model}

    def local_update(self, client: Client, down: Mapping[str, Tensor]) -> Contribution:
        """A client's part of a round; down["model"] is (P,), private coordinates filled in."""
        client.load(down["model"])
        client.train(lambda: self.correct(client, down))
        # Delta_k = w_k - w_t (Eq. 0.1)
        return Contribution(client.model.state - down["model"], client.examples)

    def correct(self, client: Client, down: Mapping[str, Tensor]) -> None:
        """Before each local step: edit client.model.grad, (D,), in place."""

    def server_step(self, server: Server, total: Total) -> None:
        """Move the global model; total.mean is (P,), zero where nothing is shared."""
        # w_{t+1} = w_t + eta sum_k n_k Delta_k / sum_k n_k (Eq. 0.3)
        server.model += self.server_lr * total.mean
