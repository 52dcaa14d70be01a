"""Laws about the algorithms of chapter 11, which live in files outside of fedmini."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import FEATURES, batches, federation, linear, question

from fedmini.algorithms.fedavg import FedAvg
from fedmini.data.examples import Examples
from fedmini.faults import Faults
from fedmini.rng import stream

TUTORIALS = Path(__file__).parents[2] / "tutorials"
real("scaffold", f"{TUTORIALS / 'scaffold.py'}:Scaffold")
real("fedavgm", f"{TUTORIALS / 'exercises' / 'solutions' / '11_momentum.py'}:Momentum")

SEED = st.integers(0, 10**6)
DROPOUT = st.sampled_from([0.0, 0.4])
COHORT = st.sampled_from([2, 3])  # of three
BETA = st.sampled_from([0.0, 0.5, 0.9])


@law("scaffold", dropout=DROPOUT, cohort=COHORT, seed=SEED)
def law_rounds_are_algorithm_1(impl, dropout, cohort, seed):
    """Karimireddy et al. 2020, option II, as a bare loop; stragglers do a part of their steps."""
    faults = Faults(dropout, 0.5, True, seed)
    run = federation(algorithm=impl(), faults=faults, cohort=cohort, epochs=2, lr=0.05, seed=seed)
    model, control = run.server.model.clone(), torch.zeros(4)
    own = {name: torch.zeros(4) for name in run.clients}
    for record in run.server.run(5):
        updates, changes = [], []
        for name in set(record.cohort) - set(record.dropped):
            work = faults.fate(record.number, name).work
            steps = batches(run.clients[name], question(model, record.number, work=work))
            bare = linear(seed)
            bare.load(model)
            for images, targets in steps:
                bare.grad.zero_()
                run.task.loss(bare.module(images), targets).backward()
                bare.vector.sub_(bare.grad + control - own[name], alpha=0.05)
            updates.append(bare.state - model)
            changes.append((model - bare.state) / (len(steps) * 0.05) - control)
            own[name] = own[name] + changes[-1]
        if updates:
            model = model + sum(updates) / len(updates)
            control = control + sum(changes) / len(own)
        assert torch.allclose(run.server.model, model, rtol=1e-3, atol=1e-4)


@law("scaffold", dropout=DROPOUT, cohort=COHORT)
def law_rests_at_the_optimum_of_the_mean(impl, dropout, cohort):
    """On bowls of other shapes and other optima, whoever is missing and whoever is asked."""
    whole = {"batch_size": 12, "steps": 4, "lr": 0.15}
    faults = Faults(dropout, key=1)
    run = federation((12, 12, 12), algorithm=impl(), faults=faults, cohort=cohort, **whole)
    bowls = [bowl(place) for place in range(3)]
    for asked, data in zip(run.clients.values(), bowls, strict=True):
        asked.data = data
    list(run.server.run(60))
    x = torch.cat([each.images.flatten(1) for each in bowls])
    y = torch.cat([each.targets for each in bowls])
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)  # for the bias
    optimum = torch.linalg.lstsq(x, y).solution[:, 0]
    assert torch.dist(run.server.model, optimum) < 1e-3


def bowl(place: int) -> Examples:
    """Twelve examples with a scale and a truth of their own."""
    draws = stream(place, "bowl")
    scale, truth = 0.5 + torch.rand(2, FEATURES, generator=draws)
    x = scale * torch.randn(12, FEATURES, generator=draws)
    y = x @ truth[:, None] + place
    return Examples(x.view(12, FEATURES, 1, 1), y, torch.arange(12).numpy())


@law("fedavgm", beta=BETA, rate=st.sampled_from([1.0, 0.5]), rounds=st.integers(1, 6), seed=SEED)
def law_velocity_is_a_geometric_sum(impl, beta, rate, rounds, seed):
    """Hsu, Qi, Brown 2019: the update of round s is walked once in s, beta times in s + 1, ..."""
    start, *means = torch.randn(rounds + 1, 6, generator=stream(seed, "means"))
    algorithm = impl(server_lr=rate, beta=beta)
    server = SimpleNamespace(model=start.clone(), state={})
    for mean in means:
        algorithm.server_step(server, SimpleNamespace(mean=mean.clone()))
    walked = [sum(beta**late for late in range(rounds - place)) for place in range(rounds)]
    expected = start + rate * sum(part * mean for part, mean in zip(walked, means, strict=True))
    assert torch.allclose(server.model, expected, atol=1e-5)


@law("fedavgm", dropout=DROPOUT, rate=st.sampled_from([1.0, 0.5]), seed=st.integers(0, 3))
def law_without_momentum_it_is_fedavg(impl, dropout, rate, seed):
    runs = [
        federation(algorithm=algorithm, faults=Faults(dropout, key=seed), seed=seed)
        for algorithm in (impl(server_lr=rate, beta=0.0), FedAvg(server_lr=rate))
    ]
    for run in runs:
        list(run.server.run(3))
    assert torch.equal(runs[0].server.model, runs[1].server.model)


@law("fedavgm", dropout=DROPOUT, cut=st.integers(1, 4))
@law("scaffold", dropout=DROPOUT, cut=st.integers(1, 4))
def law_memory_is_in_the_checkpoint(impl, dropout, cut):
    """A run that was interrupted after any round ends with the bits of one that was not."""

    def fresh():
        return federation(algorithm=impl(), faults=Faults(dropout, key=1), lr=0.05)

    whole, part, again = fresh(), fresh(), fresh()
    list(whole.server.run(5)), list(part.server.run(cut))
    again.restore(part.state())
    list(again.server.run(5))
    assert torch.equal(again.server.model, whole.server.model)
