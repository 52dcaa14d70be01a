"""Whole federations built from options, with a U-Net of a few hundred weights on factory data."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tests.data.factory import segmentation_dataset

from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.evaluation import scores
from fedmini.federation import Federation
from fedmini.simulation import build, settle_defaults

DATA = segmentation_dataset(patients=15, slices=2, sites=3)
TINY = {"width": 2, "depth": 1, "rounds": 3, "batch_size": 4, "lr": 0.01, "partition": "site"}


def federation(**given: object) -> Federation:
    return build(settle_defaults(Config.of({**TINY, "device": "cpu", **given}), DATA), DATA)


def trained(run: Federation, rounds: int = 3) -> torch.Tensor:
    list(run.server.run(rounds))
    return run.server.model


FAULTS = {"dropout": 0.3, "stragglers": 0.5, "cohort": "2", "straggler_policy": "partial"}


def test_fedprox_without_leash_is_fedavg():
    average = trained(federation(algo="fedavg", **FAULTS))
    assert torch.equal(trained(federation(algo="fedprox", mu=0.0, **FAULTS)), average)
    assert not torch.equal(trained(federation(algo="fedprox", mu=1.0, **FAULTS)), average)


def test_all_algorithms_start_alike_and_ask_the_same_cohorts():
    runs = [federation(algo=algo, **FAULTS) for algo in ("fedavg", "fedprox", "local")]
    assert len({run.server.model.sum().item() for run in runs}) == 1
    cohorts = [[record.cohort for record in run.server.run(3)] for run in runs]
    assert cohorts[0] == cohorts[1] == cohorts[2]


@pytest.mark.parametrize("algo", ["fedavg", "fedprox", "centralized", "local"])
def test_resume_gives_the_same_bits(algo):
    norm = {"norm": "batch", "batch_norm": "local"} if algo == "fedavg" else {}
    straight, broken, resumed = (federation(algo=algo, **FAULTS, **norm) for _ in range(3))
    trained(straight)
    trained(broken, 1)
    resumed.restore(broken.state())
    trained(resumed)
    sums = {run.weights_sha256(run.snapshot()) for run in (straight, resumed)}
    assert len(sums) == 1


def test_watching_changes_nothing():
    watched, unwatched = (federation(norm="batch", batch_norm="average") for _ in range(2))
    for number in (1, 2, 3):
        trained(watched, number)
        found = scores(watched.task, watched.evaluate(watched.snapshot(), "validation"))
        assert all(0 <= score <= 1 for score in found.values())
    assert torch.equal(watched.server.model, trained(unwatched))


def test_the_seed_reaches_everything_and_the_global_one_nothing():
    first = trained(federation(seed="1"))
    torch.rand(1)
    assert torch.equal(first, trained(federation(seed="1")))
    assert not torch.equal(first, trained(federation(seed="2")))


def test_local_hospitals_send_nothing_and_differ():
    run = federation(algo="local")
    start = run.server.model.clone()
    records = list(run.server.run(2))
    assert torch.equal(run.server.model, start)
    assert all(record.bytes_up < 3 * 400 for record in records)
    private = list(run.snapshot().private.values())
    assert len(private) == 3 and not torch.equal(private[0], private[1])
    assert all(len(each) == len(start) for each in private)


def test_norm_layers_may_stay_at_home():
    run = federation(algo="fedavg", norm="batch", batch_norm="local")
    kept = ~run.server.shared
    for name, part in zip(run.model.names, kept.split(run.model.sizes), strict=True):
        module = run.model.module.get_submodule(name.rpartition(".")[0])
        assert part.all() == part.any() == isinstance(module, torch.nn.BatchNorm2d)
    start = run.server.model.clone()
    trained(run, 1)
    assert torch.equal(run.server.model[kept], start[kept])
    assert not torch.equal(run.server.model[~kept], start[~kept])
    private = list(run.snapshot().private.values())
    assert not torch.equal(private[0], private[1])


def test_batch_norm_variances_stay_positive():
    run = federation(algo="fedavg", norm="batch", batch_norm="average", server_lr=3.0)
    trained(run)
    variances = run.server.model[run.model.variances()]
    assert len(variances) and (variances >= 0).all()


def test_centralized_holds_every_training_image_and_works_as_much():
    run = federation(algo="centralized", cohort="2", local_epochs=3.0, dropout=1.0)
    (client,) = run.clients.values()
    assert client.examples == sum(len(each.train) for each in run.hospitals)
    assert client.training.epochs == pytest.approx(3.0 * 2 / 3)
    records = list(run.server.run(2))
    assert all(record.cohort == ["centralized"] and not record.dropped for record in records)


def test_a_round_needs_survivors():
    run = federation(min_survivors=3, dropout=1.0)
    start = run.server.model.clone()
    lost = [record for record in run.server.run(3) if record.aborted]
    assert lost and len(lost) == sum(len(record.dropped) > 0 for record in lost)
    assert run.server.round == 3 and run.server.model.shape == start.shape
    with pytest.raises(UserError, match="--min-survivors 3.*only 2"):
        federation(min_survivors=3, cohort="2")


def test_learning_rate_follows_the_schedule():
    run = federation(lr_schedule="cosine", rounds=4)
    rates = [run.server.learning_rate(number) for number in (1, 2, 3, 4)]
    assert rates[0] == 0.01 and rates == sorted(rates, reverse=True) and rates[-1] > 0


def test_options_reach_their_components():
    run = federation(algo="fedprox", mu=0.7, optimizer="sgd", momentum=0.8, local_steps=2)
    client = next(iter(run.clients.values()))
    assert run.server.algorithm.mu == 0.7
    assert client.optimizer.momentum == 0.8
    assert dataclasses.astuple(client.training) == (4, 1.0, 2, "flips", 0)
