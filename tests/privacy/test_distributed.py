"""Whole rounds in which every hospital adds its part of the noise, through the masks."""

from __future__ import annotations

import math

import pytest
import torch

from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.simulation import build, load_dataset, settle_defaults

TINY = {
    "dataset": "nih", "preset": "tiny", "algo": "fedavg", "secagg": "masks", "dp_unit": "client",
    "dp_mode": "distributed", "device": "cpu", "threads": 1,
    "local_steps": 1, "width": 4,
}  # fmt: skip
KEY = b"k" * 32


@pytest.fixture(scope="module")
def dataset():
    return load_dataset(Config.of({"dataset": "nih"}))[0]


def federation(dataset, **options):
    options = {**TINY, "clients": 5, "rounds": 2, "dp_noise_multiplier": 2.0, **options}
    return build(settle_defaults(Config.of(options), dataset), dataset, KEY)


def rounds(made, count: int = 1):
    """The records of some rounds, and the model before and after each."""
    models, records = [made.server.model], []
    for record in made.server.run(count):
        records.append(record)
        models.append(made.server.model)
    return records, models


def silent(made):
    """The same federation, whose hospitals send zeros, so that only noise is left."""
    for client in made.server.network.clients.values():
        whole = client.client.answer

        def answer(question, whole=whole):
            upload = whole(question)
            return type(upload)(upload.round, 0 * upload.update, upload.weight, upload.sums)

        client.client.answer = answer
    return made


def test_a_round_moves_the_model_by_noise_of_all_survivors_over_the_expected_weight(dataset):
    """Five of five stay; three less one colluder have to make the noise that is charged."""
    made = silent(federation(dataset))
    (record,), (before, after) = rounds(made)
    assert not record.dropped and not record.aborted
    moved = (after - before).double() * 5
    variance = (2.0 * made.config.clip) ** 2 * 5 / 2
    assert abs(float(moved.square().mean()) / variance - 1) < 6 * math.sqrt(2 / len(moved))
    assert abs(float(moved.mean())) < 6 * math.sqrt(variance / len(moved))


def test_a_round_with_too_few_survivors_releases_nothing_though_it_is_charged(dataset):
    made = federation(dataset, dropout=1.0)
    (record,), (before, after) = rounds(made)
    assert record.aborted and torch.equal(before, after)
    assert made.plan.line(1) == {"all hospitals": [1.0, 2.0, 1]}


def test_a_round_played_again_is_the_same_bits_under_fresh_masks(dataset):
    made = federation(dataset)
    (_, first), (_, again) = rounds(made, 2), rounds(federation(dataset), 2)
    assert torch.equal(first[-1], again[-1])
    other = build(made.config, dataset, b"other" + KEY)
    assert not torch.equal(rounds(other)[1][1], first[1])


def test_the_plan_says_that_it_holds_against_the_server_and_keeps_its_budget(dataset):
    made = federation(dataset, dp_epsilon=3.0, dp_noise_multiplier=None, rounds=7)
    plan = made.plan
    spent = plan.spent(plan.line(number) for number in range(1, 8))
    assert 0.99 * 3 < spent["all hospitals"] <= 3
    assert "the server and up to --dp-colluders hospitals" in plan.words(spent)
    central = federation(
        dataset, dp_epsilon=3.0, dp_noise_multiplier=None, rounds=7, dp_mode="central"
    )
    assert "not against the server" in central.plan.words(spent)
    rates = [each.plan.charges["all hospitals"] for each in (made, central)]
    assert 1 < rates[0].noise_multiplier / rates[1].noise_multiplier < 1.1


def test_colluders_raise_the_threshold_and_may_not_be_all(dataset):
    assert federation(dataset, dp_colluders=3).server.threshold == 4
    with pytest.raises(UserError, match="threshold of 6"):
        federation(dataset, dp_colluders=5)


def test_a_ring_that_noise_makes_too_coarse_is_refused(dataset):
    with pytest.raises(UserError, match="less noise"):
        federation(dataset, dp_noise_multiplier=1e5)
