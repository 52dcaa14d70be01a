"""Laws about the bootstrap over patients; the oracles take means of patients' plain numbers."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from tests.contracts.framework import law, real

from fedmini.rng import numpy_stream
from fedmini.statistics import Evaluation, resamples

real("resamples", "fedmini.statistics:resamples")
real("interval", "fedmini.statistics:interval")
real("paired", "fedmini.statistics:paired")

KEYS = st.integers(0, 2**40)
DRAWS = 400


def mean_of_patients(evidence, patients, multiplicity=None) -> dict[str, np.ndarray]:
    """The smallest task: a number an image, a mean of images a patient, a mean of patients."""
    unit, row = np.unique(patients, return_inverse=True)
    means = np.array([evidence[row == index].mean() for index in range(len(unit))])
    weight = np.ones((1, len(unit))) if multiplicity is None else multiplicity
    with np.errstate(invalid="ignore"):
        return {"mean": weight @ means / weight.sum(axis=1)}


def evaluation(key: int, patients: np.ndarray) -> Evaluation:
    return Evaluation(numpy_stream(key, "evidence").normal(size=len(patients)), patients)


def compare(impl, runs: dict[str, list[Evaluation]]):
    return impl(mean_of_patients, runs, numpy_stream("bootstrap"), draws=DRAWS)


def width(estimate) -> float:
    return estimate.high - estimate.low


@law("resamples", key=KEYS, patients=st.integers(1, 12))
def law_resamples_draw_with_replacement(impl, key, patients):
    draws = 3000
    found = impl(patients, draws, numpy_stream(key))
    assert found.shape == (draws, patients) and (found >= 0).all()
    assert (found.sum(axis=1) == patients).all()
    # how often one patient is drawn is binomial: mean 1, variance 1 - 1/n
    assert np.abs(found.mean(axis=0) - 1).max() < 6 / math.sqrt(draws)
    assert np.abs(found.var(axis=0) - (1 - 1 / patients)).max() < 12 / math.sqrt(draws)


@law("interval", key=KEYS, level=st.sampled_from([0.5, 0.8, 0.95]), missing=st.integers(0, 3))
def law_interval_holds_its_share_of_a_skewed_sample(impl, key, level, missing):
    values = numpy_stream(key).exponential(size=1001)
    low, high = impl(np.append(values, [math.nan] * missing), level)
    tail = (1 - level) / 2
    assert abs((values < low).mean() - tail) < 0.002
    assert abs((values > high).mean() - tail) < 0.002


@law("interval", count=st.integers(0, 2))
def law_interval_of_nothing_is_not_a_number(impl, count):
    low, high = impl(np.full(count, math.nan))
    assert math.isnan(low) and math.isnan(high)


@law("paired", key=KEYS, shift=st.sampled_from([0.0, 0.5, -2.0]))
def law_a_constant_difference_has_no_width(impl, key, shift):
    first = evaluation(key, np.arange(9))
    second = Evaluation(first.evidence - shift, first.patients)
    found = compare(impl, {"a": [first], "b": [second]})
    difference = found.differences["a", "b"]["mean"]
    for value in (difference.value, difference.low, difference.high):
        assert math.isclose(value, shift, abs_tol=1e-9)
    assert width(found.algorithms["a"]["mean"]) > 0


@law("paired", key=KEYS, copies=st.integers(2, 5))
def law_more_images_of_a_patient_are_no_more_evidence(impl, key, copies):
    once = evaluation(key, np.arange(8))
    often = Evaluation(np.repeat(once.evidence, copies), np.repeat(once.patients, copies))
    found = [compare(impl, {"a": [each]}).algorithms["a"]["mean"] for each in (once, often)]
    for name in ("value", "low", "high"):
        assert math.isclose(*(getattr(each, name) for each in found), abs_tol=1e-9)


@law("paired", key=KEYS, repeats=st.integers(2, 4))
def law_more_seeds_are_no_more_patients(impl, key, repeats):
    once = evaluation(key, np.arange(8))
    found = [
        compare(impl, {"a": [once] * count}).algorithms["a"]["mean"] for count in (1, repeats)
    ]
    for name in ("value", "low", "high"):
        assert math.isclose(*(getattr(each, name) for each in found), abs_tol=1e-9)


@law("paired", key=KEYS, parts=st.permutations([[5, 3, 9], [3, 7, 1, 5], [9]]))
def law_repeats_with_other_patients_are_averaged(impl, key, parts):
    runs = {
        name: [evaluation(key + index + 10 * bias, np.array(p)) for index, p in enumerate(parts)]
        for bias, name in enumerate(("a", "b"))
    }
    found = compare(impl, runs)
    union = [1, 3, 5, 7, 9]
    drawn = resamples(len(union), DRAWS, numpy_stream("bootstrap"))

    def averages(row) -> dict[str, float]:
        """Each algorithm's mean over the repeats that have a patient in this resample."""
        times = dict(zip(union, row, strict=True))
        means = {name: [] for name in runs}
        for name, each in ((name, each) for name, run in runs.items() for each in run):
            weight = np.array([times[patient] for patient in each.patients])
            if weight.any():
                means[name].append(np.average(each.evidence, weights=weight))
        return {name: np.mean(values) for name, values in means.items()}

    plain, values = averages([1] * 5), [averages(row) for row in drawn]
    expected = {
        "a": (found.algorithms["a"], lambda each: each["a"]),
        "a-b": (found.differences["a", "b"], lambda each: each["a"] - each["b"]),
    }
    for estimates, pick in expected.values():
        estimate = estimates["mean"]
        low, high = np.quantile([pick(each) for each in values], [0.025, 0.975])
        assert math.isclose(estimate.value, pick(plain), abs_tol=1e-9)
        assert math.isclose(estimate.low, low, abs_tol=1e-9)
        assert math.isclose(estimate.high, high, abs_tol=1e-9)


@law("paired", other=st.sampled_from([[0, 1, 3], [0, 1], [0, 1, 2, 3]]))
def law_other_patients_are_not_compared(impl, other):
    runs = {"a": [evaluation(0, np.arange(3))], "b": [evaluation(1, np.array(other))]}
    try:
        compare(impl, runs)
    except ValueError as error:
        assert "b" in str(error)
        return
    raise AssertionError("two algorithms were compared on different patients")
