"""Each rule of what may not be combined refuses its own case, and not the case beside it."""

from __future__ import annotations

import pytest

from fedmini.combinations import ROWS
from fedmini.config import Config
from fedmini.errors import UserError

BUDGET = {"dp_epsilon": 3.0}
CLIENT, RECORD = {**BUDGET, "dp_unit": "client"}, {**BUDGET, "dp_unit": "record"}
SECRET, BOUNDS = {"secagg": "masks"}, {"clip": 1.0, "weight_cap": 3}
RING = {"ring_bits": 32, **BOUNDS}
SPREAD = {**SECRET, **CLIENT, "dp_mode": "distributed"}
MEDIAN, AVERAGED = {"aggregator": "my.py:Median"}, {"norm": "batch", "batch_norm": "average"}
AT_HOME, KEPT = {"norm": "batch", "batch_norm": "local"}, {"transcript": True}

# Row, options that it forbids, and options beside them that are allowed.
CASES = [
    ("privacy without a budget", {"dp_unit": "record"}, {**RECORD}),
    ("privacy without a budget", {"dp_delta": 1e-6}, {"dp_delta": 1e-6, "dp_epsilon": 1.0}),
    ("privacy without a budget", {"dp_accountant": "pld"}, {**BUDGET, "dp_accountant": "pld"}),
    ("privacy without a budget", {"dp_images_per_patient": 2}, {**BUDGET}),
    (
        "privacy without a budget",
        {"dp_physical_batch": 2},
        {"dp_physical_batch": 2, "dp_noise_multiplier": 1.0},
    ),
    ("privacy x batch norm", {**BUDGET, "norm": "batch"}, {"norm": "batch"}),
    ("privacy x batch norm", {**CLIENT, "norm": "batch"}, {**CLIENT, "norm": "none"}),
    ("client privacy x robust aggregation", {**CLIENT, "aggregator": "my.py:Median"}, {**CLIENT}),
    (
        "client privacy x robust aggregation",
        {**CLIENT, "aggregator": "my.py:Median"},
        {**RECORD, "aggregator": "my.py:Median"},
    ),
    ("client privacy x aborted rounds", {**CLIENT, "min_survivors": 2}, {**CLIENT}),
    (
        "client privacy x aborted rounds",
        {**CLIENT, "min_survivors": 2},
        {**BUDGET, "min_survivors": 2},
    ),
    (
        "client privacy x options of DP-SGD",
        {**CLIENT, "dp_physical_batch": 4},
        {**RECORD, "dp_physical_batch": 4},
    ),
    (
        "images of a patient x other units",
        {**RECORD, "dp_images_per_patient": 2},
        {**BUDGET, "dp_images_per_patient": 2},
    ),
    ("images of a patient x other units", {**CLIENT, "dp_images_per_patient": 2}, {**CLIENT}),
    (
        "options of secure aggregation without it",
        {"secagg_threshold": 3},
        {**SECRET, "secagg_threshold": 3},
    ),
    (
        "options of secure aggregation without it",
        {"mask_generator": "aes-ctr"},
        {**SECRET, "mask_generator": "aes-ctr"},
    ),
    ("colluders x central noise", {"dp_colluders": 2}, {**SPREAD, "dp_colluders": 2}),
    ("distributed noise in other sums", {**SPREAD, "secagg": None}, SPREAD),
    ("distributed noise in other sums", {**SPREAD, "secagg": "mpc:3"}, SPREAD),
    ("distributed noise in other sums", {**SPREAD, "sampling": "poisson"}, SPREAD),
    ("distributed noise in other sums", {**SPREAD, "dp_accountant": "pld"}, SPREAD),
    (
        "secure aggregation x secret cohorts",
        {**SECRET, **CLIENT, "sampling": "poisson"}, {**CLIENT, "sampling": "poisson"},
    ),
    ("transcript of what the server must not see", KEPT, {**SECRET, **KEPT}),
    ("transcript of what the server must not see", {**SECRET, **CLIENT, **KEPT}, SECRET),
    ("transcript of what the server must not see", {**KEPT, "secagg": "mpc:3"}, SECRET),
    ("ring bits between 32 and 64", {**RING, "ring_bits": 48}, {**RING, "ring_bits": 64}),
    ("ring without public bounds", {"ring_bits": 32}, {**SECRET, "ring_bits": 32}),
    ("ring without public bounds", {"ring_bits": 32, "clip": 1.0}, RING),
    ("ring without public bounds", {"ring_bits": 32, "weight_cap": 3}, BOUNDS),
    ("ring x DP-SGD", {**SECRET, **RECORD}, {**SECRET, **CLIENT}),
    ("ring x DP-SGD", {**RING, **BUDGET}, {**BOUNDS, **BUDGET}),
    ("ring x robust aggregation", {**SECRET, **MEDIAN}, MEDIAN),
    ("ring x robust aggregation", {**RING, **MEDIAN}, {**BOUNDS, **MEDIAN}),
    ("ring x averaged batch norm", {**SECRET, **AVERAGED}, {**SECRET, **AT_HOME}),
    ("ring x averaged batch norm", {**RING, **AVERAGED}, {**BOUNDS, **AVERAGED}),
    ("secure aggregation x one client", {**SECRET, "clients": 1}, {**SECRET, "clients": 2}),
    ("secure aggregation x one client", {**SECRET, "cohort": "1"}, {**SECRET, "cohort": "1.0"}),
]
NAMES = [name for name, _, _ in ROWS]


def config(options: dict) -> Config:
    """A Config that nothing has been checked of."""
    found = Config()
    vars(found).update(options)
    return found


@pytest.mark.parametrize(("row", "forbidden", "allowed"), CASES)
def test_a_rule_refuses_its_case_and_not_the_neighbour(row, forbidden, allowed):
    hit = [(name, reason) for name, forbids, reason in ROWS if forbids(config(forbidden))]
    assert [name for name, _ in hit] == [row]
    with pytest.raises(UserError) as refused:
        Config.of(forbidden)
    assert str(refused.value) == hit[0][1]
    Config.of(allowed)


def test_every_rule_has_a_case_and_no_two_are_one():
    assert {row for row, _, _ in CASES} == set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("reason", [reason for _, _, reason in ROWS], ids=NAMES)
def test_a_reason_is_one_line_that_names_an_option(reason):
    assert "--" in reason and "\n" not in reason and not reason.endswith(".")


@pytest.mark.parametrize(
    "options",
    [
        {}, {"clip": 1.0}, {"weight_cap": 3}, BUDGET, CLIENT, RECORD, {"dp_noise_multiplier": 1.0},
        SECRET, RING, {**SECRET, **CLIENT}, {**SECRET, **RING},
    ],
)
@pytest.mark.parametrize("algo", ["fedavg", "fedprox,fedavg", "local", "centralized"])
@pytest.mark.parametrize("sampling", ["fixed", "poisson"])
def test_what_goes_together_is_left_alone(options, algo, sampling):
    if options == {**SECRET, **CLIENT}:
        sampling = "fixed"
    Config.of({**options, "algo": algo, "sampling": sampling, "dropout": 0.3, "cohort": "0.5"})


def test_privacy_has_a_unit_only_where_noise_is_asked_for():
    assert Config.of({}).unit is None
    assert Config.of(BUDGET).unit == "patient"
    assert Config.of({"dp_noise_multiplier": 1.0, "dp_unit": "client"}).unit == "client"
