"""The server beyond its laws: empty cohorts, hopeless numbers, stragglers, rounds that are left."""

from __future__ import annotations

import math

import pytest
import torch
from tests.core.federations import Scripted, federation, hospital, normed, scripted_server

from fedmini.algorithms.fedavg import FedAvg
from fedmini.algorithms.fedprox import FedProx
from fedmini.errors import RunFailed
from fedmini.faults import Faults
from fedmini.messages import Upload, wire_size
from fedmini.server import Cohorts, Server


def test_an_empty_cohort_plays_a_round():
    clients = [Scripted(torch.ones(4)) for _ in range(3)]
    names = tuple(f"hospital-{place}" for place in range(3))
    cohorts = Cohorts(names, 1, poisson=True)
    empty = [round for round in range(1, 40) if not cohorts.sample(round)]
    assert empty
    server = scripted_server(Server, clients, torch.zeros(4), cohorts=cohorts)
    moved = torch.zeros(4)
    for record in server.run(40):
        moved += float(bool(record.cohort))
        assert torch.equal(server.model, moved)
        if record.number in empty:
            assert (record.cohort, record.dropped, record.train_loss) == ([], [], None)
            assert record.aborted and record.bytes_up == record.bytes_down == 0
    assert server.round == 40


def test_run_plays_the_rounds_that_are_left():
    server = scripted_server(Server, [Scripted(torch.ones(4))], torch.zeros(4))
    assert [record.number for record in server.run(2)] == [1, 2]
    assert [record.number for record in server.run(5)] == [3, 4, 5]
    assert list(server.run(5)) == []
    assert server.model.tolist() == [5.0] * 4


def test_the_model_that_was_given_stays():
    start = torch.zeros(4)
    list(scripted_server(Server, [Scripted(torch.ones(4))], start).run(1))
    assert not start.any()


def test_numbers_too_large_to_sum_end_the_run_with_their_cause():
    clients = [Scripted(torch.ones(4)), Scripted(torch.full((4,), 1e30))]
    with pytest.raises(RunFailed, match="round 1: hospital-1 .*diverged.*--lr"):
        list(scripted_server(Server, clients, torch.zeros(4)).run(1))


def test_a_diverging_hospital_is_a_failed_one():
    run = federation((5, 2, 9))
    run.clients["hospital-1"].data.targets.fill_(math.inf)
    (record,) = run.server.run(1)
    assert record.dropped == list(record.failures) == ["hospital-1"]
    assert "FloatingPointError" in record.failures["hospital-1"]
    assert torch.isfinite(run.server.model).all()
    healthy = federation((5, 2, 9))
    healthy.clients["hospital-1"].answer = lambda question: 1 / 0
    list(healthy.server.run(1))
    assert torch.equal(run.server.model, healthy.server.model)


def test_clients_that_all_diverge_end_the_run():
    with pytest.raises(RunFailed, match="hospital-0.*not finite.*--lr"):
        list(federation((5, 2, 9), lr=1e9, epochs=9).server.run(30))


@pytest.mark.parametrize(("algorithm", "trained"), [(FedAvg(), 0), (FedProx(mu=0.0), 3)])
def test_stragglers_are_dropped_or_kept_as_the_algorithm_says(algorithm, trained):
    faults = Faults(stragglers=1.0, keep_partial=algorithm.partial_work)
    run = federation((20, 30, 40), algorithm=algorithm, faults=faults, epochs=2)
    (record,) = run.server.run(1)
    assert len(record.cohort) - len(record.dropped) == trained
    assert record.aborted == (trained == 0)
    assert not record.failures


def test_traffic_is_that_of_the_messages():
    run = federation((5, 2, 9), build_model=normed)
    asked = run.server.questions(run.clients)
    (record,) = run.server.run(1)
    replies = [
        Upload(1, torch.zeros_like(run.server.model), len(each.train), {"loss": torch.zeros(())})
        for each in run.hospitals
    ]
    assert record.bytes_up == sum(map(wire_size, replies))
    assert abs(record.bytes_down - sum(map(wire_size, asked.values()))) <= 3


def test_batch_norm_is_averaged_over_hospitals():
    """After a round with a rate near zero: running means are n_k-weighted means of the clients'."""
    run = federation((3, 6), build_model=normed, lr=1e-12, batch_size=9)
    start = run.server.model.clone()
    alone = []
    for place, count in enumerate((3, 6)):
        single = federation((3, 6), build_model=normed, lr=1e-12, batch_size=9)
        single.server.cohorts = Cohorts((f"hospital-{place}",), 1)
        list(single.server.run(1))
        alone.append(count * (single.server.model - start))
    list(run.server.run(1))
    assert torch.allclose(run.server.model, start + sum(alone) / 9, atol=1e-6)
    assert not torch.equal(run.server.model[-4:], start[-4:])


def test_hospitals_are_not_alike():
    """The tiny hospitals of these tests are unequal, or half of the laws would prove nothing."""
    first, second = hospital(0), hospital(1)
    assert not torch.equal(first.train.targets, second.train.targets)
