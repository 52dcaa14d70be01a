"""The bootstrap over patients: known intervals, many algorithms, resamples that miss a repeat."""

from __future__ import annotations

import time

import numpy as np
import pytest

from fedmini.rng import numpy_stream
from fedmini.statistics import Estimate, Evaluation, interval, paired, resamples
from fedmini.tasks.segmentation import Segmentation

TASK = Segmentation(("background", "tumour"), {"whole": (1,)})


def evaluation(scores, patients=None) -> Evaluation:
    """A patient for each score, whose Dice is that many hundredths."""
    scores = np.asarray(scores)
    evidence = np.stack([scores, np.full_like(scores, 100), np.full_like(scores, 100)], axis=-1)
    patients = np.arange(len(scores)) if patients is None else np.array(patients)
    return Evaluation(evidence[:, None], patients)


def test_interval_of_the_numbers_up_to_a_thousand():
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))
    assert interval(np.arange(1001.0), level=0.9) == pytest.approx((50, 950))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for trial in range(200):
        draw = numpy_stream("coverage", trial)
        run = evaluation(draw.binomial(100, 0.7, 40))
        found = paired(TASK.metrics, {"a": [run]}, draw, draws=300).algorithms["a"]["dice"]
        covered += found.low <= 0.7 <= found.high
    assert 0.88 < covered / 200 < 0.99


def test_every_pair_is_compared_in_the_order_given():
    runs = {name: [evaluation([level] * 5)] for name, level in (("c", 80), ("a", 70), ("b", 60))}
    found = paired(TASK.metrics, runs, numpy_stream("pairs"), draws=50)
    assert list(found.differences) == [("c", "a"), ("c", "b"), ("a", "b")]
    assert list(found.algorithms) == ["c", "a", "b"]
    estimate = found.differences["c", "b"]["dice_whole"]
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.2, 0.2, 0.2))


def test_repeats_are_averaged_and_pairing_narrows_the_difference():
    draw = numpy_stream("repeats")
    hard = draw.integers(20, 90, 60)
    first = [evaluation(hard + draw.integers(0, 10, 60)) for _ in range(3)]
    second = [evaluation(hard) for _ in range(3)]
    found = paired(TASK.metrics, {"a": first, "b": second}, draw)
    alone, difference = found.algorithms["a"]["dice"], found.differences["a", "b"]["dice"]
    means = [np.mean(each.evidence[:, 0, 0]) / 100 for each in first]
    assert alone.value == pytest.approx(np.mean(means))
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)
    assert difference.low > 0


def test_a_resample_without_a_repeats_patients_leaves_that_repeat_out():
    runs = {"a": [evaluation([50], [1]), evaluation([90], [2])]}
    found = paired(TASK.metrics, runs, numpy_stream("one each"), draws=200)
    assert found.algorithms["a"]["dice"] == Estimate(0.7, 0.5, 0.9)


def test_two_thousand_draws_of_a_hundred_patients_take_no_second():
    draw = numpy_stream("speed")
    runs = {
        name: [evaluation(draw.integers(0, 100, 100)) for _ in range(3)]
        for name in ("centralized", "fedavg", "fedprox", "local")
    }
    start = time.process_time()
    paired(TASK.metrics, runs, draw)
    assert time.process_time() - start < 1


def test_resamples_of_one_generator_are_the_same_for_all():
    one, two = (resamples(9, 20, numpy_stream("same")) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("second", [[], [evaluation([1, 2, 3])] * 2, [evaluation([1, 2], [0, 5])]])
def test_runs_that_do_not_match_are_refused(second):
    runs = {"fedavg": [evaluation([1, 2, 3])], "fedprox": second}
    with pytest.raises(ValueError, match="fedprox .* same patients as fedavg"):
        paired(TASK.metrics, runs, numpy_stream("none"))
