"""The plan of a private run: noise that fits each hospital, and what is said about it."""

from __future__ import annotations

import math

import pytest
from tests.data.factory import segmentation_dataset

from fedmini.config import Config
from fedmini.privacy import plan as room
from fedmini.privacy.plan import EVERYONE, make_plan
from fedmini.simulation import build, settle_defaults

DATA = segmentation_dataset(patients=15, slices=2, sites=3)
PARTIES = {"small": (0.5, 4), "large": (0.01, 30), "whole": (1.0, 1)}
ALL, FEW = frozenset(PARTIES), frozenset(["small"])


def config(**given: object) -> Config:
    return Config.of({"rounds": 6, "dp_unit": "patient", **given})


def spent(plan) -> dict[str, float]:
    return plan.spent(plan.line(round) for round in range(1, len(plan.asked) + 1))


def test_every_hospital_spends_what_was_asked_for():
    """By its own rate and steps, for the rounds in which it takes part: here two, or six."""
    given = config(dp_epsilon=2.0)
    plan = make_plan(given, PARTIES, [ALL, FEW, FEW, ALL, FEW, FEW])
    for name, epsilon in spent(plan).items():
        assert 0.999 * 2 <= epsilon <= 2, name
    noise = {name: each.noise_multiplier for name, each in plan.charges.items()}
    assert noise["small"] > noise["large"]
    often = make_plan(given, PARTIES, [ALL] * 6)
    assert often.charges["large"].noise_multiplier > noise["large"]
    assert often.charges["small"].noise_multiplier == noise["small"]


def test_the_loss_distribution_needs_less_noise():
    rdp, pld = (
        make_plan(config(dp_epsilon=2.0, dp_accountant=name), {"small": (0.5, 4)}, [FEW] * 3)
        for name in ("rdp", "pld")
    )
    assert pld.charges["small"].noise_multiplier < rdp.charges["small"].noise_multiplier
    assert 0.999 * 2 <= spent(pld)["small"] <= 2


def test_a_noise_that_was_given_is_everyones():
    plan = make_plan(config(dp_noise_multiplier=0.7), PARTIES, [ALL] * 6)
    assert {each.noise_multiplier for each in plan.charges.values()} == {0.7}
    assert plan.budget == math.inf and plan.unit == "patient"
    both = config(dp_noise_multiplier=0.7, dp_epsilon=30.0)
    assert make_plan(both, PARTIES, [ALL]).budget == 30


def test_who_is_never_asked_spends_nothing():
    plan = make_plan(config(dp_epsilon=2.0), PARTIES, [FEW, FEW, frozenset()])
    assert spent(plan)["large"] == 0 and plan.charges["large"].noise_multiplier > 0
    assert plan.line(3) == {}


@pytest.mark.parametrize(
    ("unit", "parties", "words"),
    [
        ("client", {EVERYONE: (1.0, 1)}, ["each hospital", "not against the server"]),
        ("record", PARTIES, ["each image", "against the server", "the worst of 3"]),
        ("patient", PARTIES, ["each patient", "one patient gives", "the worst of 3"]),
    ],
)
def test_words_say_who_is_protected_from_whom(unit, parties, words):
    plan = make_plan(config(dp_unit=unit, dp_epsilon=2.0), parties, [frozenset(parties)] * 6)
    text = plan.words(spent(plan))
    epsilon = max(spent(plan).values())
    everywhere = [f"epsilon {epsilon:.4g}", "delta 1e-05", "replaced by nothing", "Not covered"]
    for each in [*words, *everywhere, "rdp accountant", "Mersenne Twister", "training loss"]:
        assert each in text
    assert unit != "client" or "worst" not in text


def test_the_other_neighbour_relation_is_told_apart():
    """Where a unit is replaced by another one, a cohort of fixed size has twice the sensitivity."""
    words = " ".join(room.__doc__.split())
    assert "replaced by another" in words and "twice the sensitivity" in words


@pytest.mark.parametrize("unit", ["record", "patient"])
def test_hospitals_of_a_data_set_are_charged_by_their_units(unit):
    given = {"width": 2, "depth": 1, "batch_size": 2, "partition": "site", "device": "cpu"}
    given |= {"cohort": "2", "local_epochs": 2.5, "dp_epsilon": 5.0, "dp_unit": unit}
    made = build(settle_defaults(config(**given), DATA), DATA)
    for name, charge in made.plan.charges.items():
        train = made.clients[name].data
        units = len(train) if unit == "record" else len(set(train.patients.tolist()))
        assert charge.sample_rate == min(1.0, 2 / units)
        assert charge.steps == math.ceil(2.5 * math.ceil(units / 2))
    asked = [set(made.server.cohorts.sample(round)) for round in range(1, 7)]
    assert [set(each) for each in made.plan.asked] == asked
    assert all(0.999 * 5 <= each <= 5 for each in spent(made.plan).values())
