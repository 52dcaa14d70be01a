"""`make bench`: what federation costs beside training, as ratios measured side by side.

Each pair times one round of ours and the same steps in a bare loop of torch.optim, or a round over
images on disk and one over the same images in memory, in alternating order, so that a machine whose
speed drifts slows both. Medians are printed, with the quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import torch

from data_prep.store import write
from fedmini.config import Config, available_threads
from fedmini.data import store
from fedmini.data.dataset import Dataset
from fedmini.federation import Federation
from data_prep.phantoms.brats import brats
from data_prep.phantoms.nih import nih
from fedmini.architecture import build_module
from fedmini.simulation import build, settle_defaults

NETWORKS = {"U-Net": brats, "ResNet-18": nih}  # each with the data that it is the default for


def federation(dataset: Dataset, algorithm: str = "fedavg") -> Federation:
    """Two hospitals and the network of preset small at 64 pixels, Adam, without flips."""
    work = {"local_steps": 12, "rounds": 10_000, "augment": "none"}
    given = {"algo": algorithm, "clients": 2, "partition": "iid", "device": "cpu", **work}
    return build(settle_defaults(Config.of(given), dataset), dataset)


def one_round(federation: Federation) -> None:
    next(federation.server.run(10_000))


def bare_loop(federation: Federation, modules: list[torch.nn.Module]) -> None:
    """The same number of steps over the same images, one plain module a client."""
    for client, module in zip(federation.clients.values(), modules, strict=True):
        optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
        size, count = client.training.batch_size, client.examples
        order = torch.randperm(count)
        module.train()
        for step in range(client.training.steps):
            first = step * size % (count - size)
            rows = order[first : first + size]
            images = federation.normalise(client.data.images[rows])
            optimizer.zero_grad()
            loss = federation.task.loss(module(images), client.data.targets[rows])
            loss.backward()
            optimizer.step()


def seconds(action: Callable[[], None]) -> float:
    started = perf_counter()
    action()
    return perf_counter() - started


def compare(what: str, one: Callable, other: Callable, pairs: int) -> None:
    """Print how many times as long as `other` the action `one` takes."""
    ratios = []
    for pair in range(pairs + 1):
        order = (one, other) if pair % 2 else (other, one)
        times = {action: seconds(action) for action in order}
        if pair:  # the first one warms up
            ratios.append(times[one] / times[other])
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"{what:<48} {middle:.3f}  [{low:.3f}, {high:.3f}]   ({pairs} pairs)")


def beside_a_bare_loop(network: str, dataset: Dataset, algorithm: str, pairs: int) -> None:
    """Print the ratio, and the part of a round that is not local training."""
    ours = federation(dataset, algorithm)
    modules = [build_module(ours.config, dataset, ours.task) for _ in ours.clients]
    what = f"{network}, {algorithm}: round / bare loop"
    compare(what, partial(one_round, ours), partial(bare_loop, ours, modules), pairs)
    outside = statistics.median(outside_training(ours) for _ in range(pairs))
    print(f"{'':<48} {outside:.1%} of a round is outside local training")


def outside_training(federation: Federation) -> float:
    """The part of a round that is not local training."""
    training = []
    for client in federation.clients.values():
        train = type(client).train.__get__(client)
        client.train = lambda *given, train=train: training.append(seconds(partial(train, *given)))
    whole = seconds(partial(one_round, federation))
    return 1 - sum(training) / whole


def beside_memory(network: str, dataset: Dataset, pairs: int) -> None:
    """Print the ratio for a file as fedmini writes it: compressed, with checksums."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "a.h5", dataset)
        runs = [federation(store.read(Path(folder) / "a.h5", kept)) for kept in ("no", "yes")]
        what = f"{network}, fedavg: from disk / from memory"
        compare(what, *(partial(one_round, run) for run in runs), pairs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(available_threads())
    for network, phantom in NETWORKS.items():
        dataset = phantom()
        for algorithm in ("fedavg", "fedprox"):
            beside_a_bare_loop(network, dataset, algorithm, pairs)
        beside_memory(network, dataset, pairs)


if __name__ == "__main__":
    main()
