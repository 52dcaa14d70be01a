"""The client beyond its laws: fractions of passes, flips, hospitals side by side, divergence."""

from __future__ import annotations

import math

import dataclasses

import pytest
import torch
from tests.core.federations import batches, client, federation, hospital, linear, normed, question

from fedmini.client import refuse_unusable
from fedmini.data.examples import Hospital
from fedmini.messages import wire_size
from fedmini.optim import SGD


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({"epochs": 0.5}, 2),
        ({"epochs": 0.01}, 1),
        ({"epochs": 1.5}, 6),
        ({"steps": 1}, 1),
        ({"steps": 9}, 9),
        ({"epochs": 0.07, "batch_size": 1, "count": 100}, 7),
    ],
)
def test_steps_of_a_round(training, steps):
    held = hospital(count=training.pop("count", 10))
    asked = client(held=held, **training)
    assert len(batches(asked, question(asked.model))) == steps


def test_steps_go_on_over_several_passes():
    asked = client(held=hospital(count=4), steps=5)
    sizes = [len(images) for images, _ in batches(asked, question(asked.model))]
    assert sizes == [3, 1, 3, 1, 3]


def with_pixels() -> Hospital:
    """Nine images of 2 x 2 pixels, no two of which are equal."""
    held = hospital(count=9)
    images = torch.arange(9 * 3 * 4.0).reshape(9, 3, 2, 2)
    return dataclasses.replace(held, train=dataclasses.replace(held.train, images=images))


def test_flips_change_images_and_no_order():
    plain, flipped = client(held=with_pixels()), client(held=with_pixels(), augment="flips")
    pairs = zip(*(batches(each, question(each.model)) for each in (plain, flipped)), strict=True)
    changed = 0
    for (images, targets), (mirrored, same) in pairs:
        assert torch.equal(targets, same)
        assert torch.equal(images.flatten(2).sort().values, mirrored.flatten(2).sort().values)
        changed += int((images != mirrored).any())
    assert changed


def test_a_stragglers_flips_are_those_of_its_whole_work():
    asked = client(held=with_pixels(), augment="flips", epochs=3)
    whole = batches(asked, question(asked.model))
    part = batches(asked, question(asked.model, work=0.3))
    assert len(part) == 3
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(part, whole))


def test_hospitals_that_take_turns_on_one_model_do_not_meet():
    """Momentum and weights of one never reach the next: each answers as if it were alone."""
    model = linear()
    hospitals = [hospital(place, 5 + place) for place in range(3)]
    together = [client(held=each, model=model, optimizer=SGD(0.9)) for each in hospitals]
    for round in (1, 2):
        asking = question(linear(round), round)
        for each, asked in zip(hospitals, together, strict=True):
            alone = client(held=each, optimizer=SGD(0.9)).answer(asking)
            assert torch.equal(asked.answer(asking).update, alone.update)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_whatever_is_sent_must_be_finite(number):
    good = torch.zeros(3)
    refuse_unusable(good, 1.0, {"loss": torch.zeros(())})
    refuse_unusable(torch.zeros(0), 1.0, {})
    bad = torch.tensor([0.0, number, 1.0])
    for update, sums in ((bad, {}), (good, {"loss": bad[1]})):
        with pytest.raises(FloatingPointError, match="not finite.*--lr"):
            refuse_unusable(update, 1.0, sums)
    with pytest.raises(FloatingPointError, match="not finite"):
        refuse_unusable(torch.tensor([float("inf"), float("-inf")]), 1.0, {})
    for weight in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="weight"):
            refuse_unusable(good, weight, {})


def test_integer_buffers_stay_at_home():
    """The batch counter of batch norm is no coordinate of the model."""
    run = federation(build_model=normed)
    counters = [b for b in run.model.module.buffers() if not b.is_floating_point()]
    assert len(counters) == 1
    floats = sum(t.numel() for t in run.model.module.state_dict().values() if t.is_floating_point())
    assert len(run.server.model) == floats
    question = next(iter(run.server.questions(run.clients).values()))
    assert 4 * floats < wire_size(question) < 4 * floats + 400
