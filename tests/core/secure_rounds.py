"""Rounds of secure aggregation over prepared uploads, and the plain rounds to compare them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from fedmini.aggregation.mean import Mean
from fedmini.algorithms.fedavg import FedAvg
from fedmini.config import Config
from fedmini.faults import Fate, FaultyNetwork
from fedmini.messages import Message, Train, Upload
from fedmini.private import NoisySum
from fedmini.ring import Ring
from fedmini.secure import SecureClient, SecureServer
from fedmini.server import Cohorts, Round, Server, Total

LENGTH, CLIP, CAP = 4, 2.0, 30
MOST = 5  # clients in a round
RING = Ring(32, 17)  # 5 clients x 30 images x the largest loss, 64, x 2^17 are below 2^31


@dataclass(frozen=True)
class Given:
    """What a client uploads: within the bounds, unless a test is about that."""

    update: Sequence[float]
    weight: int
    loss: float
    clipped: bool

    def upload(self, round: int = 1, **sums: float) -> Upload:
        loss = self.weight * torch.tensor(self.loss)
        values = {"clipped": float(self.clipped), "loss": loss, **sums}
        tensors = {name: torch.as_tensor(value) for name, value in values.items()}
        return Upload(round, torch.tensor(self.update), self.weight, tensors)


@dataclass
class Prepared:
    """A client that answers with one upload, whatever the round."""

    name: str
    upload: Upload

    def answer(self, question: Train) -> Upload:
        return replace(self.upload, round=question.round)


class Fates:
    """Faults that are fixed beforehand: the stage, or None, of each client in the first round."""

    keep_partial = True

    def __init__(self, *lost: str | None) -> None:
        self.lost = lost

    def fate(self, round: int, client: str) -> Fate:
        place = int(client.rpartition("-")[2])
        return Fate(self.lost[place] if round == 1 and place < len(self.lost) else None)


def survivors(lost: Sequence[str | None]) -> tuple[list[int], list[int]]:
    """Whose uploads come, by place, and who is there to the end."""
    came = [k for k, stage in enumerate(lost) if stage in (None, "after upload")]
    return came, [k for k in came if lost[k] is None]


class Recorded(FaultyNetwork):
    """A network that keeps the replies which really crossed it."""

    def __init__(self, clients: Mapping, faults: Fates) -> None:
        super().__init__(clients, faults)
        self.replies: list[tuple[str, Message]] = []

    def deliver(self, name: str, question: Message) -> Message | None:
        reply = super().deliver(name, question)
        if reply is not None:
            self.replies.append((name, reply))
        return reply


def prepared(given: Sequence[Given]) -> dict[str, Prepared]:
    names = [f"hospital-{place}" for place in range(len(given))]
    return {name: Prepared(name, each.upload()) for name, each in zip(names, given, strict=True)}


def above(kind: type, clients: Mapping, lost: Fates, aggregator: Callable) -> Server:
    """A server of class `kind` with a model of zeros, all clients in every round."""
    return kind(
        torch.zeros(LENGTH),
        network=Recorded(clients, lost),
        cohorts=Cohorts(tuple(clients), len(clients)),
        algorithm=FedAvg(),
        aggregator=aggregator,
        learning_rate=lambda number: 0.1,
    )


def secure_server(
    given: Sequence[Given],
    lost: Fates | None = None,
    *,
    kind: type = SecureServer,
    client: type = SecureClient,
    threshold: int = 2,
    noise: Tensor | None = None,
    expected: float = 1.0,
) -> Server:
    """A secure server above these clients; with `noise`, one of client privacy."""
    clients = {n: client(each, RING, MOST, "shake") for n, each in prepared(given).items()}
    aggregator = partial(Mean, ring=RING)
    if noise is not None:
        aggregator = partial(NoisySum, noise=noise, expected=expected)
    server = above(kind, clients, lost or Fates(), aggregator)
    server.settle(Config(secagg="masks", secagg_threshold=threshold), RING)
    server.min_survivors = 1
    return server


def play(server: Server) -> tuple[Round, Total]:
    """One round more: its record, and all that the server learned."""
    gather, learned = server.gather, []

    def kept(cohort: list[str]) -> Total:
        learned.append(gather(cohort))
        return learned[-1]

    server.gather = kept
    (record,) = server.run(server.round + 1)
    server.gather = gather
    return record, learned[0]


def plain_round(given: Sequence[Given], lost: Fates | None = None) -> tuple[Total, Tensor]:
    """What a plain server in the same ring learns, and its model after the round."""
    server = above(Server, prepared(given), lost or Fates(), partial(Mean, ring=RING))
    _, total = play(server)
    return total, server.model
