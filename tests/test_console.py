"""Tables: what stands in them, in which column, and how wide they get."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmini.console import comparison_table, summary_table
from fedmini.report.words import byte_unit, metric_words, unresolved, verdict, written


def interval(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def row(name, metrics, differences, seconds=3.0):
    return {
        "algorithm": name,
        "metrics": metrics,
        "differences": differences,
        "bytes_up": 12_340_000,
        "bytes_down": 2_000_000,
        "seconds": seconds,
        "simulated_hours": 0.00125,
    }


@pytest.fixture
def comparison():
    better = {"dice": interval(0.012, -0.003, 0.027)}
    lower = {"dice": interval(-0.11, -0.15, -0.08)}
    return {
        "dataset": "brats",
        "synthetic": True,
        "primary": "dice",
        "privacy": "No noise.",
        "epsilon": None,
        "repeats": 3,
        "rows": [
            row("fedavg", {"dice": interval(0.81, 0.77, 0.84)}, {}),
            row("fedprox", {"dice": interval(0.822, 0.79, 0.85)}, {"fedavg": better}, 101.5),
            row("local", {"dice": interval(0.7, 0.65, 0.75)}, {"fedavg": lower, "fedprox": {}}),
        ],
    }


def test_a_comparison_shows_levels_costs_and_verdicts(comparison):
    lines = comparison_table(comparison).splitlines()
    assert "SYNTHETIC" in lines[0] and "means of 3 runs" in lines[0]
    assert lines[2].split() == "Dice sent up sent down seconds simulated".split()
    assert lines[4].split() == "fedprox 0.822 [0.790, 0.850] 12.3 MB 2.0 MB 101.5 4.5 s".split()
    assert "fedprox - fedavg  +0.012 [-0.003, +0.027]  not resolved" in lines
    assert "local - fedavg    -0.110 [-0.150, -0.080]  local is lower" in lines
    assert lines[-1].split() == "local - fedprox - not resolved".split()


def test_one_algorithm_has_no_differences(comparison):
    comparison["rows"] = comparison["rows"][:1]
    assert "Paired" not in comparison_table(comparison)


def test_real_data_carry_no_stamp(comparison):
    assert "SYNTHETIC" not in comparison_table(comparison | {"synthetic": False})


@given(metrics=st.integers(0, 9), name=st.text("abcdef", min_size=1, max_size=30))
def test_a_line_fits_the_console_and_no_column_is_lost(metrics, name):
    values = {f"dice_region {n}": interval(0.5, 0.4, 0.6) for n in range(metrics)}
    content = {"dataset": "brats", "synthetic": True, "primary": "dice", "repeats": 1}
    content |= {"epsilon": None, "privacy": "No noise."}
    text = comparison_table(content | {"rows": [row(name, values, {})]})
    assert max(map(len, text.splitlines())) <= 100
    for heading in [*map(metric_words, values), "sent up", "sent down", "seconds", "simulated"]:
        assert text.count(heading) == 1


def test_numbers_end_in_line(comparison):
    lines = comparison_table(comparison).splitlines()[2:6]
    assert len({len(line) for line in lines}) == 1
    assert len({match.end() for line in lines[1:] if (match := re.search("]", line))}) == 1


def test_a_summary_names_the_worst_hospital():
    value = {"dice": interval(0.8, 0.7, 0.9)}
    summary = {
        "algorithm": "fedprox",
        "dataset": "brats",
        "synthetic": False,
        "round": 20,
        "test": value,
        "worst": "b",
        "epsilon": None,
        "left_out": [],
        "hospitals": {"a": value | {"patients": 2}, "b": value | {"patients": 3}},
        "totals": {"bytes_up": 5_000, "bytes_down": 900, "seconds": 2.25, "simulated_hours": None},
    }
    lines = summary_table(summary).splitlines()
    assert "fedprox after round 20" in lines[0]
    assert lines[3].split() == "all hospitals 5 0.800 [0.700, 0.900]".split()
    assert lines[5].startswith("b (worst)")
    assert lines[-1] == "5.0 kB up, 900 bytes down, 2.2 seconds (simulated federation: -)"
    private = summary_table(summary | {"epsilon": 1.5, "privacy": "each patient: epsilon 1.5"})
    assert private.splitlines()[-1] == "each patient: epsilon 1.5"


def test_undefined_numbers_are_a_dash():
    for value in (None, interval(None), interval(float("nan"), float("nan"), float("nan"))):
        assert written(value) == "-"
        assert verdict("fedprox", value) == "not resolved"
    assert written(interval(0.5, float("nan"), 0.6)) == "0.500"


@given(st.floats(-1, 1, allow_subnormal=False), st.floats(0, 1), st.floats(0, 1))
def test_a_difference_is_resolved_only_away_from_zero(value, below, above):
    difference = interval(value, value - below, value + above)
    assert unresolved(difference) == (value - below <= 0 <= value + above)
    said = verdict("fedprox", difference)
    assert said in ("not resolved", f"fedprox is {'higher' if value > 0 else 'lower'}")


def test_a_difference_without_interval_is_not_resolved():
    assert verdict("fedprox", interval(0.3)) == "not resolved"


def test_units_and_names():
    assert byte_unit(0) == (1.0, "bytes")
    assert byte_unit(999_999) == (1e3, "kB")
    assert byte_unit(1e6) == (1e6, "MB")
    assert byte_unit(2e13) == (1e12, "TB")
    assert metric_words("dice") == "Dice"
    assert metric_words("auc_edema") == "AUC, edema"
    assert metric_words("train_loss") == "train loss"
