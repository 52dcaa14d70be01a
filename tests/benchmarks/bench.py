"""`make bench`: what federation costs beside training, as ratios measured side by side.

Each pair times one round of ours and the same steps in a bare loop of torch.optim, in alternating
order, so that a machine whose speed drifts slows both. Medians are printed, with the quartiles.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter

import torch

from fedmini.config import Config, available_threads
from fedmini.phantoms.brats import brats
from fedmini.federation import Federation
from fedmini.simulation import build, build_module, settle_defaults


def federation(algorithm: str) -> Federation:
    """Two synthetic hospitals and a U-Net of width 8, Adam, without flips."""
    work = {"local_steps": 12, "rounds": 10_000, "augment": "none"}
    given = {"algo": algorithm, "clients": 2, "partition": "iid", **work}
    dataset = brats()
    return build(settle_defaults(Config.of(given), dataset), dataset)


def our_round(federation: Federation) -> tuple[float, float]:
    """Seconds of one round, and the seconds of it that local training took."""
    training = [0.0]
    for client in federation.clients.values():
        client.train = timed(type(client).train.__get__(client), training)
    started = perf_counter()
    next(federation.server.run(10_000))
    return perf_counter() - started, training[0]


def timed(function, total: list[float]):
    """`function`, adding the seconds that it takes to `total`."""

    def call(*arguments):
        started = perf_counter()
        function(*arguments)
        total[0] += perf_counter() - started

    return call


def bare_loop(federation: Federation, modules: list[torch.nn.Module]) -> float:
    """Seconds of the same number of steps over the same images, one plain module a client."""
    started = perf_counter()
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
    return perf_counter() - started


def measure(algorithm: str, pairs: int) -> None:
    """Print the ratio and the share of one algorithm."""
    ours = federation(algorithm)
    modules = [build_module(ours.config, ours.dataset, ours.task) for _ in ours.clients]
    ratios, shares = [], []
    for pair in range(pairs + 1):
        if pair % 2:
            bare = bare_loop(ours, modules)
            seconds, training = our_round(ours)
        else:
            seconds, training = our_round(ours)
            bare = bare_loop(ours, modules)
        if pair:  # the first one warms up
            ratios.append(seconds / bare)
            shares.append(1 - training / seconds)
    low, middle, high = statistics.quantiles(ratios, n=4)
    outside = statistics.median(shares)
    print(f"U-Net, {algorithm:<8} round / bare loop  {middle:.3f}  [{low:.3f}, {high:.3f}]", end="")
    print(f"   outside local training {outside:.1%}   ({pairs} pairs)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(available_threads())
    for algorithm in ("fedavg", "fedprox"):
        measure(algorithm, pairs)


if __name__ == "__main__":
    main()
