"""Figures in words: true to the numbers that are drawn."""

from __future__ import annotations

from fedmini import captions
from tests.report.pages import comparison, interval, record, summary


def lines(*values):
    """Rounds of 30 bytes each; None where a round was not validated."""
    found = [record(number, ["a"], []) for number in range(1, len(values) + 1)]
    for line, value in zip(found, values, strict=True):
        line["dice"] = value
    return found


def test_curves_begin_and_end_where_they_are_measured():
    curves = {"fedavg": [lines(None, 0.2, 0.4), lines(None, 0.4, 0.6)], "local": [lines(0.1, 0.3)]}
    words = captions.learning_curves(curves, "dice")
    assert "fedavg from 0.300 after round 2 to 0.500 after round 3, with 30 bytes sent up" in words
    assert "local from 0.100 after round 1 to 0.300 after round 2" in words
    assert words.startswith("Dice of validation patients")


def test_a_curve_that_was_never_measured_is_left_out():
    assert "local" not in captions.learning_curves({"fedavg": [lines(0.1)], "local": [[]]}, "dice")


def told(found):
    rows = {name: each["dice"] for name, each in found["hospitals"].items()}
    return captions.intervals("hospitals", rows, found["test"]["dice"], "dice")


def test_hospitals_are_told_from_the_lowest_to_the_highest():
    found = summary({"north": 0.6, "south": 0.4, "west": 0.5})
    words = told(found)
    assert "Dice of 3 hospitals: all together 0.437 [0.406, 0.454]" in words
    assert "lowest south, 0.400 [0.369, 0.417]; highest north, 0.600 [0.569, 0.617]." in words
    found["hospitals"]["south"]["dice"] = interval(0.0) | {"value": None}
    assert "Dice of 2 hospitals" in told(found)
    assert "lowest west" in told(found)
    assert "highest" not in told(summary({"north": 0.6}))


def test_a_partition_is_told_by_its_ends():
    counts = {"north": (3, 90), "south": (7, 20)}
    members = {n: {"training_patients": p, "training_images": i} for n, (p, i) in counts.items()}
    words = captions.partition(members)
    assert "training patients from 3 at north to 7 at south" in words
    assert "training images from 20 at south to 90 at north" in words


def test_predictions_are_told_patient_by_patient():
    words = captions.predictions(["north\npatient 3\nDice 0.10", "south\npatient 4\nDice 0.90"])
    assert "north, patient 3, Dice 0.10; south, patient 4, Dice 0.90" in words


def test_a_comparison_is_told_with_its_verdicts():
    words = captions.comparison(comparison(["fedavg", "local"]))
    assert "Dice: fedavg 0.400 [0.369, 0.417]; local 0.500 [0.469, 0.517]" in words
    assert "local minus fedavg +0.100 [+0.069, +0.117]: local is higher" in words
