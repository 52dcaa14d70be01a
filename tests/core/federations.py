"""Tiny federations for the tests of the core: a linear model, a handful of numbers a hospital.

An "image" has shape (C, 1, 1) and its target is one number; everything runs in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from fedmini.aggregation.mean import Mean
from fedmini.algorithms.fedavg import FedAvg
from fedmini.client import Client, LocalTraining
from fedmini.data.examples import Examples, Hospital
from fedmini.data.normalise import Normalise
from fedmini.faults import Faults, FaultyNetwork
from fedmini.federation import Federation
from fedmini.messages import Train, Upload
from fedmini.models.init import initialise
from fedmini.optim import SGD
from fedmini.rng import stream
from fedmini.server import Cohorts, Server
from fedmini.tasks import Task
from fedmini.vector import FlatModel

FEATURES = 3
AS_IT_IS = Normalise([0.0] * FEATURES, [1.0] * FEATURES)


class SquaredError(Task):
    """Regression; the evidence of an example is its squared error, the metric patients' mean."""

    primary, outputs = "error", 1

    def loss(self, predictions, targets):
        # 1/2 mean (f(x) - y)^2
        return (predictions - targets).square().mean() / 2

    def evidence(self, predictions, targets):
        return (predictions - targets).square()

    def metrics(self, evidence, patients, multiplicity=None):
        unit, row = np.unique(patients, return_inverse=True)
        count = np.bincount(row)
        error = np.bincount(row, evidence[:, 0]) / count
        weight = np.ones((1, len(unit))) if multiplicity is None else multiplicity
        return {"error": (weight @ error) / weight.sum(axis=1)}


def linear(seed: int = 0) -> FlatModel:
    """Four parameters."""
    return FlatModel(initialised(nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, 1)), seed))


def normed(seed: int = 0) -> FlatModel:
    """A model with batch norm: 15 weights, 4 statistics, and an integer buffer."""
    layers = nn.Flatten(), nn.Linear(FEATURES, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Linear(2, 1)
    return FlatModel(initialised(nn.Sequential(*layers), seed))


def initialised(module: nn.Module, seed: int) -> nn.Module:
    initialise(module, stream(seed, "initial"))
    return module


def examples(count: int, seed: int = 0, shift: float = 0.0) -> Examples:
    """Random features, each with a different first one, and targets that depend on them."""
    draws = stream(seed, "examples")
    images = torch.randn(count, FEATURES, 1, 1, generator=draws)
    images[:, 0, 0, 0] = torch.arange(count) / max(count, 1)
    targets = images.sum(dim=(1, 2, 3))[:, None] + torch.randn(count, 1, generator=draws) + shift
    return Examples(images, targets, np.arange(count) // 2 + 1000 * seed)


def hospital(place: int = 0, count: int = 7, seed: int = 0) -> Hospital:
    """Hospital number `place`, unlike the others, with `count` training examples."""
    parts = [examples(n, 100 * seed + 10 * place + k, place) for k, n in enumerate((count, 4, 4))]
    return Hospital(f"hospital-{place}", place, *parts)


def client(
    kind: type = Client,
    held: Hospital | None = None,
    *,
    model: FlatModel | None = None,
    algorithm: FedAvg | None = None,
    optimizer: object = None,
    shared: torch.Tensor | None = None,
    **training: object,
) -> Client:
    """One client of class `kind`: FedAvg, plain SGD, one pass in batches of 3, no flips."""
    return kind(
        held or hospital(),
        model=model or linear(),
        task=SquaredError(),
        algorithm=algorithm or FedAvg(),
        optimizer=optimizer or SGD(),
        normalise=AS_IT_IS,
        training=LocalTraining(**{"batch_size": 3, "augment": "none", **training}),
        shared=shared,
    )


def question(model: FlatModel | torch.Tensor, round: int = 1, **fields: object) -> Train:
    """Train from this model, or from this vector."""
    start = (model.state if isinstance(model, FlatModel) else model).clone()
    return Train(round, fields.pop("lr", 0.1), {"model": start}, **fields)


def batches(asked: Client, question: Train) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The batches on which a client trains when it is asked."""
    asked.question = question
    return list(asked.batches())


def federation(
    counts: Sequence[int] = (5, 2, 9),
    *,
    kind: type = Federation,
    client_kind: type = Client,
    server_kind: type = Server,
    build_model=linear,
    algorithm: FedAvg | None = None,
    optimizer: object = None,
    shared=lambda model: None,
    faults: Faults | None = None,
    cohort: int | None = None,
    lr: float = 0.1,
    seed: int = 0,
    min_survivors: int = 1,
    **training: object,
) -> Federation:
    """A federation with a hospital for each count; no faults, all clients in every round."""
    algorithm, model = algorithm or FedAvg(), build_model(seed)
    held = [hospital(place, count, seed) for place, count in enumerate(counts)]
    mask = algorithm.shared(model) if shared(model) is None else shared(model)
    options = {"model": model, "algorithm": algorithm, "optimizer": optimizer, "shared": mask}
    clients = {
        each.name: client(client_kind, each, **options, key=seed, **training) for each in held
    }
    variances = model.variances()
    server = server_kind(
        model.state,
        network=FaultyNetwork(clients, faults or Faults()),
        cohorts=Cohorts(tuple(clients), cohort or len(clients), key=seed),
        algorithm=algorithm,
        aggregator=Mean,
        learning_rate=lambda number: lr,
        shared=mask,
        variances=variances if variances.any() else None,
        min_survivors=min_survivors,
    )
    unused = [None] * 4  # options, data set, table of patients, partition
    return kind(*unused, held, clients, server, model, SquaredError(), AS_IT_IS)


class Scripted:
    """A client that answers with a prepared update, or raises; it notes what it was asked."""

    def __init__(self, update: torch.Tensor | Exception, weight: float = 1.0, loss: float = 1.0):
        self.update, self.weight, self.loss, self.asked = update, weight, loss, []

    def answer(self, question: Train) -> Upload:
        self.asked.append(question)
        if isinstance(self.update, Exception):
            raise self.update
        loss = torch.tensor(self.weight * self.loss)
        return Upload(question.round, self.update, self.weight, {"loss": loss})


def scripted_server(
    kind: type, clients: Sequence[Scripted], start: torch.Tensor, **options: object
) -> Server:
    """A server of class `kind` above scripted clients, all of them asked in every round."""
    named = {f"hospital-{place}": each for place, each in enumerate(clients)}
    options = {"algorithm": FedAvg(), "cohorts": Cohorts(tuple(named), len(named)), **options}
    return kind(
        start,
        network=options.pop("network", FaultyNetwork)(named, options.pop("faults", Faults())),
        aggregator=Mean,
        learning_rate=lambda number: 0.1,
        **options,
    )
