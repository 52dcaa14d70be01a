"""A federation from a Config: the one room that knows all others.

Everything that may go wrong with options and data goes wrong here, before a folder is made.
"""

import dataclasses
import secrets
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fedmini.algorithms.fedavg import FedAvg
from fedmini.architecture import build_module, shared_coordinates
from fedmini.client import Client, LocalTraining
from fedmini.combinations import selects, sparsifiers
from fedmini.config import Config
from fedmini.data import schema, store
from fedmini.data.dataset import Dataset
from fedmini.data.examples import Hospital, hospitals, pooled
from fedmini.data.normalise import Normalise
from fedmini.data.partition import Partition, partition
from fedmini.data.patients import PatientTable, patient_table, resplit
from fedmini.errors import UserError
from fedmini.faults import Faults, FaultyNetwork
from fedmini.federation import Federation
from fedmini.models.pretrained import load_pretrained
from fedmini.network import InHouse
from fedmini.optim import learning_rate
from fedmini.presets import fill
from fedmini.profiles import Clock, profiles, step_flops
from fedmini.registry import resolve
from fedmini.server import Cohorts, Server
from fedmini.tensors import usable
from fedmini.uplink import largest_upload, ring, travelling, uplink
from fedmini.vector import FlatModel


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
    if sparsifiers(config) and config.error_feedback is None:
        # where a coordinate waits long for its turn, what is owed to it piles up
        bounds["error_feedback"] = bool(selects(config))
    device = usable(config.device)
    return dataclasses.replace(config, partition=scheme, clients=clients, device=device, **bounds)


def build(config: Config, dataset: Dataset, key: bytes | None = None) -> Federation:
    """The federation of one run: one algorithm, one seed, one split.

    `key` is the secret of a private run; without one it gets a new secret, for trial.
    """
    kind = Client
    if config.unit is not None:
        from fedmini import private  # no other run needs the privacy room

        dataset = private.public(dataset)
        kind = private.PrivateClient if config.unit != "client" else Client
    if config.split_seeds[0] is not None:
        dataset = resplit(dataset, config.split_seeds[0])
    table, division, held = divide(config, dataset)
    algorithm = config.build("algorithm", config.algo)
    task = resolve("task", dataset.task)(dataset.classes, dataset.regions)
    module = build_module(config, dataset, task)
    loaded = load_pretrained(module, Path(config.pretrained)) if config.pretrained else []
    model = FlatModel(module.to(config.device))
    shared = shared_coordinates(config, algorithm, model)
    normalise = Normalise(dataset.mean, dataset.std, config.device)
    compression = None
    if config.compress != "none" and not algorithm.alone:
        from fedmini import compressed  # no other run needs its room

        compression = compressed.compression(config, model, shared)
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
            uplink=() if algorithm.alone else uplink(config, model, shared, compression),
            compression=compression,
        )
        for each in participants
    }
    server = build_server(config, algorithm, model, clients, cohort, shared)
    federation = Federation(
        config, dataset, table, division, held, clients, server, model, task, normalise, loaded
    )
    server.compression = compression
    if config.unit is not None:
        private.protect(federation, key or secrets.token_bytes(32))
    if not algorithm.pooled:
        set_clock(federation)
    asked = {"--secagg": config.secagg, "--deadline": config.deadline}
    for flag, given in (asked | {"--compress": config.compress != "none"}).items():
        if given and algorithm.alone:
            notice = f"{config.algo} sends no update: {flag} changes nothing there"
            federation.notices = [*federation.notices, notice]
    return federation


def set_clock(federation: Federation) -> None:
    """Give the hospitals their machines and lines, and the network the deadline."""
    config, server, clients = federation.config, federation.server, federation.clients
    images = {name: each.examples for name, each in clients.items()}
    shape = federation.dataset.channels, *federation.dataset.size
    step = step_flops(federation.model.module, shape, config.batch_size)
    federation.clock = clock = Clock(profiles(config.profile, images), step)
    if config.deadline is None or server.algorithm.alone:
        return
    upload = largest_upload(config, server.sent, server.compression)

    def in_time(name: str, down: int) -> float:
        steps = clients[name].whole_steps
        return clock.work(name, steps=steps, up=upload, down=down, deadline=config.deadline)

    server.network.in_time = in_time
    down = 4 * travelling(federation.model, server.shared)[1]  # float32
    parts = {name: in_time(name, down) for name in clients}
    partial = server.network.faults.keep_partial
    late = [name for name, part in parts.items() if part == 0 or (part < 1 and not partial)]
    if len(late) == len(clients):
        needed = min(
            clock.hours(name, steps=each.whole_steps, up=upload, down=down)
            for name, each in clients.items()
        )
        raise UserError(
            f"--deadline {config.deadline:g}: every hospital would come too late; the fastest "
            f"needs {needed:.2g} simulated hours"
        )
    if late:
        words = f"--deadline {config.deadline:g}: {', '.join(late)} will come too late in each round"
        federation.notices = [*federation.notices, words]


def divide(config: Config, dataset: Dataset) -> tuple[PatientTable, Partition, list[Hospital]]:
    """The patients, whose they are, and the hospitals with their data."""
    seed, table = config.seeds[0], patient_table(dataset)
    division = partition(config.build("partition", config.partition), table, config.clients, seed)
    held = hospitals(
        dataset, table, division,
        device=config.device, scanner_shift=config.scanner_shift, seed=seed,
    )  # fmt: skip
    if not sum(len(each.test) for each in held):
        raise UserError("the data have no test patient; --split-seed N draws a new split")
    if config.select == "best-val" and not sum(len(each.validation) for each in held):
        raise UserError("--select best-val: the data have no validation patient; use --select last")
    return table, division, held


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
        raise UserError(f"--min-survivors {config.min_survivors}: a cohort has only {cohort}")
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


def local_training(config: Config, algorithm: FedAvg, cohort: float, clients: int) -> LocalTraining:
    """What clients are told; the pooled client works as much a round as a cohort would."""
    steps, epochs = config.local_steps, config.local_epochs
    if algorithm.pooled:
        steps, epochs = steps and max(1, round(steps * cohort)), epochs * cohort / clients
    return LocalTraining(config.batch_size, epochs, steps, config.augment, key=config.seeds[0])
