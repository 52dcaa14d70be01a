"""Laws about the metrics of the classification tasks; the oracle copies images, one by one."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from tests.contracts.framework import law
from tests.contracts.laws_classification import BOTH, FINDINGS, KEYS, judged
from tests.contracts.laws_metrics import gaps_of_bins, same, share_of_pairs, steps_of_precision

from fedmini.rng import numpy_stream
from fedmini.tasks.classification import Binary

PATIENTS = 14
TIMES = st.lists(st.lists(st.integers(0, 2), min_size=14, max_size=14), min_size=1, max_size=3)


def one_class_each(key: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence (28, 3, 3) of a multi-class task and the owners, who have two classes each."""
    draw = numpy_stream(key, "classes")
    place = draw.permutation(2 * PATIENTS)
    owners = place // 2
    truth, decision = (owners + place % 2) % 3, draw.integers(0, 3, len(place))
    probability = draw.choice([0.1, 0.3, 0.4, 0.8], (len(place), 3))
    return np.stack([probability, np.eye(3)[truth], np.eye(3)[decision]], axis=2), owners


def copies(evidence: np.ndarray, owners: np.ndarray, row: list[int]) -> np.ndarray:
    """The evidence of all images of each patient, as often as `row` has the patient."""
    counts = zip(np.unique(owners), row, strict=True)
    return np.concatenate([evidence[owners == patient].repeat(n, axis=0) for patient, n in counts])


def by_hand(column: np.ndarray) -> dict[str, float]:
    """The measures of one finding from its evidence (n, 3)."""
    probability, truth, decision = column.T

    def share(of: np.ndarray, among: np.ndarray) -> float:
        return of[among].mean() if among.any() else math.nan

    called, present = decision == 1, truth == 1
    either = called.sum() + present.sum()
    return {
        "auc": share_of_pairs(probability, truth),
        "ap": steps_of_precision(probability, truth),
        "sensitivity": share(called, present),
        "specificity": share(~called, ~present),
        "accuracy": share(called == present, np.ones(len(truth), bool)),
        "f1": 2 * (called & present).sum() / either if present.any() else math.nan,
        "ece": gaps_of_bins(probability, truth),
    }


def means_by_hand(names: tuple[str, ...], evidence: np.ndarray) -> dict[str, float]:
    """Over all findings, and the AUC of each."""
    each = [by_hand(column) for column in evidence.swapaxes(0, 1)]
    means = {measure: np.mean([one[measure] for one in each]) for measure in each[0]}
    return means | {f"auc_{name}": one["auc"] for name, one in zip(names, each, strict=True)}


def agree(found: dict[str, np.ndarray], draw: int, expected: dict[str, float]) -> bool:
    assert list(found) == list(expected)
    return all(same(found[name][draw], value) for name, value in expected.items())


@law("multilabel", key=KEYS, times=TIMES)
def law_metrics_are_means_over_findings(impl, key, times):
    task = impl(FINDINGS, {})
    evidence, owners = judged(key, 3)
    found = task.metrics(evidence, owners, np.array(times))
    assert task.left_out(evidence, owners) == [] and next(iter(found)) == task.primary
    for draw, row in enumerate(times):
        assert agree(found, draw, means_by_hand(FINDINGS, copies(evidence, owners, row)))


@law("multiclass", key=KEYS, times=TIMES)
def law_accuracy_is_the_share_of_right_classes(impl, key, times):
    evidence, owners = one_class_each(key)
    found = impl(FINDINGS, {}).metrics(evidence, owners, np.array(times))
    for draw, row in enumerate(times):
        copied = copies(evidence, owners, row)
        expected = means_by_hand(FINDINGS, copied)
        if len(copied):
            right = copied[..., 1].argmax(axis=1) == copied[..., 2].argmax(axis=1)
            expected["accuracy"] = right.mean()
        assert agree(found, draw, expected)


@law("binary", key=KEYS, images=st.integers(1, 28))
def law_a_single_finding_always_counts(impl, key, images):
    """However few patients have it; it needs no name."""
    task = impl(BOTH, {})
    evidence, owners = judged(key, 1)
    evidence, owners = evidence[:images], owners[:images]
    assert task.left_out(evidence, owners) == []
    assert agree(task.metrics(evidence, owners), 0, by_hand(evidence[:, 0]))


@law("multilabel", key=KEYS, few=st.integers(0, 4), rare=st.booleans())
def law_a_finding_of_few_patients_is_left_out(impl, key, few, rare):
    """However many images they have, and in every resample."""
    task = impl(FINDINGS, {})
    evidence, owners = judged(key, 3)
    special = np.isin(owners, np.unique(owners)[:few])
    evidence[:, 2, 1] = special == rare
    rows = np.concatenate([np.arange(len(owners)), np.flatnonzero(special).repeat(5)])
    evidence, owners = evidence[rows], owners[rows]
    assert task.left_out(evidence, owners) == ["Hernia"]
    times = np.ones((2, PATIENTS), int)
    times[1, :few] = 3
    found = task.metrics(evidence, owners, times)
    assert np.allclose(found["auc"], (found["auc_Mass"] + found["auc_Edema"]) / 2)
    assert same(found["auc_Hernia"][0], share_of_pairs(*evidence[:, 2, :2].T))


@law("multilabel", key=KEYS, apart=st.floats(-1.0, 1.0))
@law("binary", key=KEYS, apart=st.floats(-1.0, 1.0))
def law_scores_of_different_models_are_never_ranked_against_each_other(impl, key, apart):
    """Pairs of images are compared within a model: moving all scores of one changes nothing."""
    names = BOTH if issubclass(impl, Binary) else FINDINGS
    task, draw = impl(names, {}), numpy_stream(key, "models")
    evidence, owners = judged(key, 1 if issubclass(impl, Binary) else 3)
    second = owners >= np.median(owners)
    moved = evidence.copy()
    moved[second, :, 0] += apart
    parts = [(evidence[~second], 0), (moved[second], 1)]
    marked = np.concatenate([task.of_model(each, number) for each, number in parts])
    order = draw.permutation(len(marked))
    whose = np.concatenate([owners[~second], owners[second]])
    found = task.metrics(marked[order], whose[order])["auc"][0]
    areas = []
    for k in range(evidence.shape[1]):
        pairs = [share_of_pairs(*each[:, k, :2].T) for each, _ in parts]
        sides = [(each[:, k, 1].sum(), (1 - each[:, k, 1]).sum()) for each, _ in parts]
        weights = [positives * negatives for positives, negatives in sides]
        known = [(area, weight) for area, weight in zip(pairs, weights, strict=True) if weight]
        areas.append(sum(a * w for a, w in known) / sum(w for _, w in known) if known else math.nan)
    left_out = task.left_out(evidence, owners)
    counted = [a for a, name in zip(areas, task.findings, strict=True) if name not in left_out]
    assert same(found, np.mean(counted) if counted else math.nan)
