"""Laws about the measures of findings; the oracles try every pair and every threshold."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

from fedmini.rng import numpy_stream

real("roc_auc", "fedmini.metrics:roc_auc")
real("macro_auc", "fedmini.metrics:macro_auc")
real("average_precision", "fedmini.metrics:average_precision")
real("youden_threshold", "fedmini.metrics:youden_threshold")
real("ranking", "fedmini.metrics:Ranking")
real("decision_measures", "fedmini.metrics:decision_measures")
real("calibration_error", "fedmini.metrics:calibration_error")

KEYS = st.integers(0, 2**40)
SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=8)  # few levels: many ties
CELLS = st.lists(st.tuples(*[st.integers(0, 1)] * 2), min_size=1, max_size=10)
TIMES = st.lists(st.integers(0, 3), min_size=10, max_size=10)


def mixed(positives: list, negatives: list, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of both in some order."""
    order = numpy_stream(key, "order").permutation(len(positives) + len(negatives))
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    return np.array([*positives, *negatives])[order], labels[order]


def share_of_pairs(scores, labels) -> float:
    """The chance that a positive is above a negative, a tie being half a chance."""
    positives, negatives = ([s for s, y in zip(scores, labels) if y == side] for side in (1, 0))
    wins = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    return sum(wins) / len(wins) if wins else math.nan


def steps_of_precision(scores, labels) -> float:
    """From the highest threshold down: the recall that each adds, times its precision."""
    if not any(labels):
        return math.nan
    scores, labels = np.asarray(scores), np.asarray(labels)
    area, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        called = labels[scores >= threshold]
        area += (called.sum() / labels.sum() - recall) * called.mean()
        recall = called.sum() / labels.sum()
    return area


def gaps_of_bins(probability, truth) -> float:
    """Fifteen bins one after the other, each weighed by its share of the images."""
    members = [[] for _ in range(15)]
    for p, y in zip(probability, truth):
        members[min(int(p * 15), 14)].append((p, y))
    means = [(len(each) / len(truth), *np.mean(each, axis=0)) for each in members if each]
    return sum(share * abs(p - y) for share, p, y in means) if means else math.nan


def same(found: float, expected: float) -> bool:
    return math.isclose(found, expected, abs_tol=1e-12) or math.isnan(found) & math.isnan(expected)


def raises_value_error(impl, scores, labels) -> bool:
    try:
        impl(np.array(scores), np.array(labels))
    except ValueError:
        return True
    return False


@law("roc_auc", positives=SCORES, negatives=SCORES, key=KEYS)
def law_auc_is_the_share_of_pairs_in_order(impl, positives, negatives, key):
    scores, labels = mixed(positives, negatives, key)
    assert same(impl(scores, labels), share_of_pairs(scores, labels))
    assert same(impl(torch.tensor(scores), labels == 1), share_of_pairs(scores, labels))


@law("roc_auc", positives=SCORES, negatives=SCORES, scale=st.sampled_from([1e-12, 1e-3, 1e6]))
def law_auc_depends_on_the_order_alone(impl, positives, negatives, scale):
    scores, labels = mixed(positives, negatives, 0)
    assert same(impl(scores * scale - scale, labels), share_of_pairs(scores, labels))


@law("roc_auc", scores=SCORES, label=st.integers(0, 1))
def law_auc_of_one_class_is_not_defined(impl, scores, label):
    assert math.isnan(impl(np.array(scores), np.full(len(scores), label)))


@law("roc_auc", place=st.integers(0, 3))
def law_auc_refuses_what_has_no_rank(impl, place):
    scores, labels = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1])
    holed, other = scores.copy(), labels.copy()
    holed[place], other[place] = np.nan, -1
    assert raises_value_error(impl, holed, labels), "NaN"
    assert raises_value_error(impl, scores, other), "a label of -1"
    assert raises_value_error(impl, scores, labels[:, None]), "two shapes"


@law("macro_auc", key=KEYS, absent=st.integers(0, 3))
def law_macro_is_over_findings_with_both_classes(impl, key, absent):
    draw = numpy_stream(key, "macro")
    labels, scores = draw.integers(0, 2, (8, 3)), draw.integers(0, 4, (8, 3))
    labels[:, :absent] = 0
    areas = [share_of_pairs(*column) for column in zip(scores.T, labels.T)]
    defined = [area for area in areas if not math.isnan(area)]
    assert same(impl(scores, labels), np.mean(defined) if defined else math.nan)


@law("average_precision", positives=SCORES, negatives=SCORES, key=KEYS)
def law_precision_is_averaged_in_steps_of_recall(impl, positives, negatives, key):
    scores, labels = mixed(positives, negatives, key)
    assert same(impl(scores, labels), steps_of_precision(scores, labels))


@law("average_precision", scores=SCORES)
def law_precision_without_positives_is_not_defined(impl, scores):
    assert math.isnan(impl(np.array(scores), np.zeros(len(scores))))


@law("youden_threshold", positives=SCORES, negatives=SCORES, key=KEYS)
def law_threshold_is_the_lowest_of_the_best(impl, positives, negatives, key):
    scores, labels = mixed(positives, negatives, key)
    # J = sensitivity + specificity - 1, times both counts
    gains = {
        each: sum(s >= each for s in positives) * len(negatives)
        + sum(s < each for s in negatives) * len(positives)
        for each in sorted(set(positives))
    }
    assert impl(scores / 8, labels) == max(gains, key=gains.get) / 8


@law("youden_threshold", scores=SCORES, label=st.integers(0, 1))
def law_one_class_has_no_threshold(impl, scores, label):
    assert math.isnan(impl(np.array(scores), np.full(len(scores), label)))


@law("ranking", positives=SCORES, negatives=SCORES, times=st.lists(TIMES, min_size=1, max_size=3))
def law_a_weight_is_so_many_copies(impl, positives, negatives, times):
    scores, labels = mixed(positives, negatives, len(times))
    weights = np.resize(times, (len(times), len(scores))).astype(float)
    areas = impl(scores, labels).areas(weights)
    for weight, auc, precision in zip(weights, *areas, strict=True):
        copies = np.repeat(np.arange(len(scores)), weight.astype(int))
        assert same(auc, share_of_pairs(scores[copies], labels[copies]))
        assert same(precision, steps_of_precision(scores[copies], labels[copies]))


@law("decision_measures", cells=CELLS, times=TIMES)
def law_decisions_are_counted_by_kind(impl, cells, times):
    decisions, truth = np.array(cells).T
    weights = np.array([times[: len(cells)]]).astype(float)
    copies = [cell for cell, count in zip(cells, times) for _ in range(count)]
    tp, fp, fn, tn = (copies.count(kind) for kind in ((1, 1), (1, 0), (0, 1), (0, 0)))
    expected = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "accuracy": (tp + tn, len(copies)),
        "f1": (2 * tp, 2 * tp + fp + fn if tp + fn else 0),
    }
    found = impl(decisions, truth, weights)
    assert found.keys() == expected.keys()
    for name, (part, whole) in expected.items():
        assert same(found[name][0], part / whole if whole else math.nan), name


@law("calibration_error", key=KEYS, times=TIMES)
def law_calibration_weighs_bins_by_their_images(impl, key, times):
    draw = numpy_stream(key, "calibration")
    probability, truth = draw.choice([0, 0.02, 0.2, 0.9, 0.99, 1], 10), draw.integers(0, 2, 10)
    copies = np.repeat(np.arange(10), times)
    found = impl(probability, truth, np.array([times]).astype(float))
    assert same(found[0], gaps_of_bins(probability[copies], truth[copies]))
