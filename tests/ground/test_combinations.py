"""Each rule of what may not be combined refuses its own case, and not the case beside it."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod

import pytest

from fedmini.cli import main
from fedmini.combinations import ROWS, kinds, refuse, table
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.rng import numpy_stream
from tests.ground.combination_counts import VALUES, first_refusals, refused_alone
from tests.ground.diagram import Diagram, read_by

BUDGET = {"dp_epsilon": 3.0}
CLIENT, RECORD = {**BUDGET, "dp_unit": "client"}, {**BUDGET, "dp_unit": "record"}
SECRET, BOUNDS = {"secagg": "masks"}, {"clip": 1.0, "weight_cap": 3}
RING = {"ring_bits": 32, **BOUNDS}
SPREAD = {**SECRET, **CLIENT, "dp_mode": "distributed"}
MEDIAN, AVERAGED = {"aggregator": "my.py:Median"}, {"norm": "batch", "batch_norm": "average"}
TOPK, PREVK = {"compress": "topk:0.1"}, {"compress": "prevk:0.1"}
QUANT, OWN = {"compress": "quant:4"}, {"compress": "my.py:Mine:0.1"}
FORGETFUL = {"error_feedback": False}
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
    ("distributed noise x secret cohorts, pld", {**SPREAD, "sampling": "poisson"}, SPREAD),
    ("distributed noise x secret cohorts, pld", {**SPREAD, "dp_accountant": "pld"}, SPREAD),
    (
        "secure aggregation x secret cohorts",
        {**SECRET, **CLIENT, "sampling": "poisson"}, {**CLIENT, "sampling": "poisson"},
    ),
    ("transcript in the clear", KEPT, {**SECRET, **KEPT}),
    ("transcript in the clear", {**SECRET, **CLIENT, **KEPT}, SECRET),
    ("transcript in the clear", {**KEPT, "secagg": "mpc:3"}, SECRET),
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
    ("client privacy x coordinates chosen from data", {**CLIENT, **TOPK}, {**RECORD, **TOPK}),
    ("client privacy x coordinates chosen from data", {**CLIENT, **OWN}, {**CLIENT, **PREVK}),
    ("client privacy x quantiser", {**CLIENT, **QUANT}, {**BUDGET, **QUANT}),
    ("ring x coordinates chosen from data", {**SECRET, **TOPK}, {**SECRET, **PREVK}),
    ("ring x coordinates chosen from data", {**RING, **OWN}, {**BOUNDS, **OWN}),
    ("ring x quantiser", {**SECRET, **QUANT}, {**BOUNDS, **QUANT}),
    ("ring x quantiser", {**RING, "compress": "randk:0.1+quant:4"}, {**RING, **PREVK}),
    ("quantiser x averaged batch norm", {**QUANT, **AVERAGED}, {**QUANT, **AT_HOME}),
    ("robust aggregation x coordinates chosen from data", {**TOPK, **MEDIAN}, {**PREVK, **MEDIAN}),
    ("robust aggregation x coordinates chosen from data", {**OWN, **MEDIAN}, OWN),
    ("error feedback without a sparsifier", {"error_feedback": False}, {**TOPK, **FORGETFUL}),
    ("error feedback without a sparsifier", {**QUANT, **FORGETFUL}, {**OWN, **FORGETFUL}),
]


def config(options: dict) -> Config:
    """A Config that nothing has been checked of."""
    found = Config()
    vars(found).update(options)
    return found


@pytest.mark.parametrize(("row", "forbidden", "allowed"), CASES)
def test_a_rule_refuses_its_case_and_not_the_neighbour(row, forbidden, allowed):
    hit = [each for each in ROWS if each.forbids(config(forbidden))]
    assert [each.name for each in hit] == [row]
    with pytest.raises(UserError) as refused:
        Config.of(forbidden)
    assert str(refused.value) == hit[0].refusal
    Config.of(allowed)


def test_every_rule_has_a_case_and_no_two_are_one():
    names = [row.name for row in ROWS]
    assert {row for row, _, _ in CASES} == set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_refusal_is_one_line_that_names_an_option(row):
    assert "--" in row.reason and row.instead
    assert "\n" not in row.refusal and not row.refusal.endswith(".")


def test_the_table_tells_every_row_in_lines_that_fit():
    lines = table().splitlines()
    assert max(map(len, lines)) <= 100
    for row in ROWS:
        place = lines.index(row.name)
        assert [each.strip() for each in lines[place + 1 : place + 3]] == [row.reason, row.instead]
    assert "may be combined" in lines[-2]


def test_the_command_line_prints_the_table(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--compatibility"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == table() + "\n"


def test_every_row_refuses_and_none_is_told_by_the_others():
    first, alone = first_refusals(), refused_alone()
    assert first.total() == prod(map(len, VALUES.values()))
    assert first[None] > 0 and all(alone.values()) and alone.keys() | {None} == first.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_option_that_a_row_reads_is_counted(row):
    assert set(read_by(row, VALUES)) <= VALUES.keys()


def test_the_values_that_are_counted_begin_with_the_default():
    for name, values in VALUES.items():
        assert values[0] == getattr(Config, name) and len(set(values)) == len(values) > 1


def test_the_diagram_counts_as_one_by_one():
    few = {name: VALUES[name][:3] for name in ("dp_unit", "secagg", "compress", "aggregator")}
    few |= {"dp_epsilon": (3.0, None), "norm": ("group", "batch"), "clip": (1.0,)}
    rest = {name: values[:1] for name, values in VALUES.items() if name not in few}
    found = Diagram(few | rest, ROWS).count()
    cases = [dict(zip(few, case, strict=True)) for case in product(*few.values())]
    counted = Counter(map(first_to_refuse, cases))
    for name in (None, *(row.name for row in ROWS)):
        assert found[name] == counted[name]


def test_refuse_names_the_first_row_and_the_diagram_agrees():
    draws, diagram = numpy_stream(0, "combinations"), Diagram(VALUES, ROWS)
    for _ in range(300):
        node, case = diagram.root, {}
        for depth, (name, values) in enumerate(VALUES.items()):
            place = int(draws.integers(len(values))) if draws.random() < 0.3 else 0
            case[name], node = values[place], diagram.step(depth, node, place)
        row = first_to_refuse(case)
        assert (node[0].row if node else None) == row
        if row is None:
            refuse(config(case))
            continue
        with pytest.raises(UserError) as refused:
            refuse(config(case))
        assert str(refused.value) in [each.refusal for each in ROWS if each.name == row]


def first_to_refuse(options: dict) -> str | None:
    """By looking at every row."""
    return next((row.name for row in ROWS if row.forbids(config(options))), None)


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("none", set()), ("topk:0.01", {"topk"}), ("quant:4", {"quant"}),
        ("topk:0.01+quant:4", {"topk", "quant"}), ("my/quant.py:Top:0.1", {"my/quant.py:Top"}),
    ],
)  # fmt: skip
def test_the_parts_of_a_compressor(spec, parts):
    assert kinds(spec) == parts


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
