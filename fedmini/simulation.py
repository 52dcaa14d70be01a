"""A federation from a Config: the one room that knows all others.

Everything that may go wrong with options and data goes wrong here, before a folder is made.
"""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fedmini.algorithms.fedavg import FedAvg
from fedmini.client import Client, LocalTraining
from fedmini.config import Config
from fedmini.data import schema, store
from fedmini.data.dataset import Dataset
from fedmini.data.examples import hospitals, pooled
from fedmini.data.normalise import Normalise
from fedmini.data.partition import partition
from fedmini.data.patients import patient_table, resplit
from fedmini.errors import UserError
from fedmini.faults import Faults, FaultyNetwork
from fedmini.federation import Federation
from fedmini.models.init import initialise
from fedmini.models.pretrained import load_pretrained
from fedmini.network import InHouse
from fedmini.optim import learning_rate
from fedmini.presets import fill
from fedmini.registry import resolve
from fedmini.rng import stream
from fedmini.server import Cohorts, Server
from fedmini.tasks import Task
from fedmini.tensors import usable
from fedmini.uplink import ring, uplink
from fedmini.vector import FlatModel

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def load_dataset(config: Config) -> tuple[Dataset, Path | None]:
    """The data set of a run and its file: --data, else data/NAME.h5, else a synthetic stand-in."""
    path = Path(config.data or f"data/{config.dataset}.h5")
    if config.data is None and not path.exists():
        if config.in_memory == "no":
            raise UserError("--in-memory no: the synthetic data have no file; give --data FILE.h5")
        dataset = resolve("dataset", config.dataset)()
        schema.validate(dataset, f"--dataset {config.dataset}")
        return dataset, None
    return store.read(path, config.in_memory), path


def settle_defaults(config: Config, dataset: Dataset) -> Config:
    """Fill in what depends on the data and the machine: nothing is left open after this."""
    config = fill(config, dataset.task, dataset.size)
    scheme, sites = config.partition, np.unique(dataset.site)
    if scheme is None:
        natural = len(sites) > 1 and config.clients is None
        scheme = "site" if natural else "dirichlet"
    clients = len(sites) if scheme == "site" and config.clients is None else config.clients or 5
    bounds = {"clip": config.clip or (1.0 if config.unit else None)}
    if config.secagg:
        bounds = {"clip": bounds["clip"] or 100.0, "ring_bits": config.ring_bits or 32}
        if config.unit is None:
            bounds["weight_cap"] = config.weight_cap or 1000
    device = usable(config.device)
    return dataclasses.replace(config, partition=scheme, clients=clients, device=device, **bounds)


def build(config: Config, dataset: Dataset, key: bytes | None = None) -> Federation:
    """The federation of one run: one algorithm, one seed, one split.

    `key` is the secret of a private run; without one it gets a new secret, for trial.
    """
    seed, kind = config.seeds[0], Client
    if config.unit is not None:
        from fedmini import private  # no other run needs the privacy room

        dataset = private.public(dataset)
        kind = private.PrivateClient if config.unit != "client" else Client
    if config.split_seeds[0] is not None:
        dataset = resplit(dataset, config.split_seeds[0])
    table = patient_table(dataset)
    division = partition(config.build("partition", config.partition), table, config.clients, seed)
    held = hospitals(
        dataset, table, division,
        device=config.device, scanner_shift=config.scanner_shift, seed=seed,
    )  # fmt: skip
    if not sum(len(each.test) for each in held):
        raise UserError("the data have no test patient; --split-seed N draws a new split")
    if config.select == "best-val" and not sum(len(each.validation) for each in held):
        raise UserError("--select best-val: the data have no validation patient; use --select last")
    algorithm = config.build("algorithm", config.algo)
    task = resolve("task", dataset.task)(dataset.classes, dataset.regions)
    module = build_module(config, dataset, task)
    loaded = load_pretrained(module, Path(config.pretrained)) if config.pretrained else []
    model = FlatModel(module.to(config.device))
    shared = shared_coordinates(config, algorithm, model)
    normalise = Normalise(dataset.mean, dataset.std, config.device)
    cohort = config.cohort_size(len(held))
    participants = [pooled(held)] if algorithm.pooled else held
    clients = {
        each.name: kind(
            each,
            model=model,
            task=task,
            algorithm=algorithm,
            optimizer=config.build("optimizer", config.optimizer),
            normalise=normalise,
            training=local_training(config, algorithm, cohort, len(held)),
            shared=shared,
            uplink=() if algorithm.alone else uplink(config, model, shared),
        )
        for each in participants
    }
    server = build_server(config, algorithm, model, clients, cohort, shared)
    federation = Federation(
        config, dataset, table, division, held, clients, server, model, task, normalise, loaded
    )
    if config.unit is not None:
        private.protect(federation, key or secrets.token_bytes(32))
    if config.secagg and algorithm.alone:
        notice = f"{config.algo} sends no update: --secagg changes nothing there"
        federation.notices = [*federation.notices, notice]
    return federation


def build_server(
    config: Config,
    algorithm: FedAvg,
    model: FlatModel,
    clients: dict[str, Client],
    cohort: float,
    shared: Tensor | None,
) -> Server:
    """The server with its network; an algorithm that needs no network suffers no faults."""
    seed, one, alone = config.seeds[0], algorithm.pooled, algorithm.alone
    if config.min_survivors > max(1, cohort) and not alone:
        raise UserError(
            f"--min-survivors {config.min_survivors}: a cohort has only {cohort} clients"
        )
    config.build("aggregator", config.aggregator, 1)  # for trial
    keep = algorithm.partial_work
    if config.straggler_policy is not None:
        keep = config.straggler_policy == "partial"
    faults = Faults(config.dropout, config.stragglers, keep, seed)
    variances = model.variances()
    mean = [] if alone else list(filter(None, [ring(config, len(clients))]))
    kind, network, answering = Server, FaultyNetwork, clients
    if config.secagg and not alone:
        from fedmini import secure  # no other run needs its room

        kind, answering = secure.SecureServer, secure.enrol(config, clients, *mean)
        network = secure.Recorder if config.transcript else FaultyNetwork
    server = kind(
        model.state,
        network=InHouse(clients) if alone else network(answering, faults),
        cohorts=Cohorts(
            tuple(clients), 1 if one else cohort, config.sampling == "poisson" and not one, seed
        ),
        algorithm=algorithm,
        aggregator=lambda size: config.build("aggregator", config.aggregator, size, *mean),
        learning_rate=lambda number: learning_rate(
            config.lr_schedule, config.lr, number, config.rounds
        ),
        shared=shared,
        variances=variances if variances.any() else None,
        min_survivors=1 if alone else config.min_survivors,
    )
    if config.secagg and not alone:
        server.settle(config, *mean)
    return server


def local_training(
    config: Config, algorithm: FedAvg, cohort: float, clients: int
) -> LocalTraining:
    """What clients are told; the pooled client works as much a round as a cohort would."""
    steps, epochs = config.local_steps, config.local_epochs
    if algorithm.pooled:
        steps, epochs = steps and max(1, round(steps * cohort)), epochs * cohort / clients
    return LocalTraining(config.batch_size, epochs, steps, config.augment, key=config.seeds[0])


def build_module(config: Config, dataset: Dataset, task: Task) -> nn.Module:
    """The network with its first values, drawn from the seed alone."""
    module = config.build("model", config.model, dataset.channels, task.outputs)
    if not isinstance(module, nn.Module):
        raise UserError(f"--model {config.model}: a {type(module).__name__} is no nn.Module")
    if not any(True for _ in module.parameters()):
        raise UserError(f"--model {config.model}: a {type(module).__name__} has no weights")
    for name, layer in module.named_modules():
        if isinstance(layer, DROPOUTS):
            raise UserError(
                f"--model {config.model}: {name} is a {type(layer).__name__}, which draws from "
                "torch's global generator: a resumed run would differ; leave it out"
            )
    if config.batch_norm is None and has_batch_norm(module):
        raise UserError(
            f"--model {config.model} has batch norm, which keeps statistics of the patients: say "
            "--batch-norm average or local"
        )
    if config.batch_norm is not None and not has_batch_norm(module):
        raise UserError(f"--batch-norm {config.batch_norm}: --model {config.model} has none")
    if hasattr(module, "check_size"):
        module.check_size(*dataset.size)
    try:
        initialise(module, stream(config.seeds[0], "initial"))
    except TypeError as error:
        raise UserError(f"--model {config.model}: {error}") from error
    check_answer(config, dataset, module.eval(), task)
    return module


@torch.no_grad()
def check_answer(config: Config, dataset: Dataset, module: nn.Module, task: Task) -> None:
    """UserError unless the network gives what the task needs of an image: labels, or a mask."""
    found = tuple(module(torch.zeros(1, dataset.channels, *dataset.size)).shape[1:])
    masks = dataset.task == "segmentation"
    right = (task.outputs, *dataset.size) if masks else (task.outputs,)
    if found != right:
        raise UserError(
            f"--model {config.model}: answers {found} to an image; {dataset.name}, a "
            f"{dataset.task} task, needs {right}"
        )


def has_batch_norm(module: nn.Module) -> bool:
    """Whether any layer keeps running statistics of what it saw."""
    return any(isinstance(layer, BATCH_NORMS) for layer in module.modules())


def shared_coordinates(config: Config, algorithm: FedAvg, model: FlatModel) -> Tensor | None:
    """(P,) bool, or None for all: the algorithm's choice, less norm layers that stay local."""
    shared = algorithm.shared(model)
    if config.batch_norm != "local" or algorithm.pooled:
        return shared
    layers = [n for n, m in model.module.named_modules() if isinstance(m, BATCH_NORMS)]
    kept = model.mask(lambda name: name.rpartition(".")[0] in layers)
    # hospital k: (w; gamma_k, beta_k, m_k, v_k), of which w is shared (Eq. 4.4)
    return ~kept if shared is None else shared & ~kept
