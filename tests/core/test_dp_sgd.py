"""DP-SGD beyond its laws: steps of a round, memory, empty rounds, losses, what diverges."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from tests.contracts.laws_dp_sgd import private
from tests.core.federations import SquaredError, hospital, linear, question

from fedmini.client import LocalTraining
from fedmini.data.examples import pooled
from fedmini.dp_sgd import PrivateClient, units_of
from fedmini.optim import SGD, Adam


@pytest.mark.parametrize(
    ("unit", "training", "steps"),
    [
        ("record", {"epochs": 1.0}, 3),
        ("patient", {"epochs": 1.0}, 2),
        ("patient", {"epochs": 0.5}, 1),
        ("record", {"epochs": 0.01}, 1),
        ("patient", {"epochs": 1.6}, 4),
        ("patient", {"steps": 7}, 7),
    ],
)
@pytest.mark.parametrize("work", [1.0, 0.4, 0.001])
def test_steps_of_a_round_are_counted_in_units(unit, training, steps, work):
    made = private(PrivateClient, unit)
    made.training = LocalTraining(batch_size=3, augment="none", **training)
    made.question = question(made.model, work=work)
    assert [step for _, step in made.batches()] == list(range(math.ceil(work * steps)))
    assert made.steps <= made.training.steps_of(len(made.units)) == steps


@pytest.mark.parametrize("work", [0.3, 0.6])
def test_a_stragglers_steps_are_the_first_of_its_whole_work(work):
    whole, part = (private(PrivateClient, noise=1.0, steps=6) for _ in range(2))
    whole.question, part.question = question(linear()), question(linear(), work=work)
    for (units, step), (same, number) in zip(whole.batches(), part.batches()):
        assert step == number and len(units) == len(same)
        assert all(torch.equal(a, b) for (a, _), (b, _) in zip(units, same, strict=True))


@pytest.mark.parametrize("unit", ["record", "patient"])
def test_what_is_held_in_memory_changes_nothing_but_rounding(unit):
    updates = []
    for physical in (1, 2, 100):
        made = private(PrivateClient, unit, noise=0.1)
        made.release = dataclasses.replace(made.release, physical_batch=physical)
        updates.append(made.answer(question(linear())).update)
    assert torch.allclose(updates[0], updates[1], atol=1e-6)
    assert torch.allclose(updates[0], updates[2], atol=1e-6)


@pytest.mark.parametrize("optimizer", [SGD(0.9), Adam()])
def test_a_round_in_which_nobody_is_drawn_is_noise(optimizer):
    made = private(PrivateClient, rate=1e-9, noise=1.0, optimizer=optimizer)
    reply = made.answer(question(linear()))
    assert (reply.update != 0).all()
    assert reply.weight == len(made.data), "the weight tells who was drawn"


def test_without_noise_and_with_everyone_it_is_gradient_descent():
    """A bound that nothing reaches, every unit in every batch."""
    made = private(PrivateClient, rate=1.0, steps=3)
    made.release = dataclasses.replace(made.release, max_norm=1e6)
    update = made.answer(question(linear())).update
    model = linear()
    for _ in range(3):
        model.grad.zero_()
        SquaredError().loss(model.module(made.data.images), made.data.targets).backward()
        model.vector.sub_(model.grad, alpha=0.1)
    assert torch.allclose(update, model.state - linear().state, atol=1e-5)


@pytest.mark.parametrize("unit", ["record", "patient"])
def test_loss_is_the_mean_over_the_units_that_were_drawn_and_stays_here(unit):
    made = private(PrivateClient, unit, steps=5)
    made.question = question(linear())
    for step, (units, _) in enumerate(made.batches()):
        with torch.no_grad():
            losses = [float(SquaredError().loss(made.model.module(x), y)) for x, y in units]
        found = float(made.gradient(units, step))
        assert found == pytest.approx(sum(losses) / max(1, len(losses)), rel=1e-5)
    assert not private(PrivateClient, unit).answer(question(linear())).sums


def test_a_step_is_released_once():
    made = private(PrivateClient, rate=1.0, steps=2)
    made.question = question(linear())
    (first, _), (second, _) = made.batches()
    made.gradient(first, 0)
    made.gradient(second, 1)
    for step in (0, 1):
        with pytest.raises(RuntimeError, match="trains twice in a round"):
            made.gradient(first, step)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_not_sent(poison):
    made = private(PrivateClient, rate=1.0)
    made.data.targets[2] = poison
    with pytest.raises((ValueError, FloatingPointError), match="not finite"):
        made.answer(question(linear()))


def test_a_patient_is_one_unit_in_the_pool_of_all_hospitals():
    together = pooled([hospital(place, count) for place, count in enumerate((5, 2, 9))]).train
    assert len(units_of(together, "record")) == 16
    assert len(units_of(together, "patient")) == len(set(together.patients.tolist()))
