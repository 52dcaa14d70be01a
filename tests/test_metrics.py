"""Dice, AUC and average precision on cases that can be counted on one hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedmini.metrics import (
    Ranking,
    average_precision,
    calibration_error,
    decision_measures,
    dice,
    macro_auc,
    roc_auc,
    youden_threshold,
)

TRUTH = np.array([[0, 1, 1], [0, 2, 3]])
FOUND = np.array([[0, 1, 2], [1, 2, 0]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(1, 2 / 4), (2, 2 / 3), (3, 0.0), (4, 1.0), ((1, 2, 3), 6 / 8), ({1, 3}, 2 / 5), ([], 1.0)],
)
def test_dice_of_regions(labels, expected):
    assert dice(FOUND, TRUTH, labels) == pytest.approx(expected)
    assert dice(torch.tensor(FOUND), TRUTH.astype(np.uint8), labels) == pytest.approx(expected)


def test_dice_of_booleans_and_of_a_numpy_label():
    assert dice(FOUND > 0, TRUTH > 0, np.int64(1)) == pytest.approx(6 / 8)
    assert type(dice(FOUND, TRUTH, 1)) is float


def test_dice_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3,\)"):
        dice(FOUND, TRUTH[0], 1)


SCORES = np.array([0.9, 0.8, 0.7, 0.7, 0.4, 0.1])
LABELS = np.array([1, 0, 1, 0, 1, 0])


def test_areas_of_six_images():
    """Of nine pairs five are in order and one is a tie; precision is 1/1, 2/4 and 3/5."""
    assert roc_auc(SCORES, LABELS) == pytest.approx(5.5 / 9)
    assert average_precision(SCORES, LABELS) == pytest.approx((1 + 2 / 4 + 3 / 5) / 3)
    assert type(roc_auc(torch.tensor(SCORES), LABELS > 0)) is float


def test_macro_of_a_ranking_and_its_reverse():
    """The third finding is nobody's."""
    scores = np.stack([SCORES, -SCORES, SCORES], axis=1)
    labels = np.stack([LABELS, LABELS, 0 * LABELS], axis=1)
    assert macro_auc(scores, labels) == pytest.approx(0.5)
    assert np.isnan(macro_auc(scores[:, 2:], labels[:, 2:]))


def test_a_threshold_keeps_the_single_precision_of_its_score():
    scores = np.array([0.1, 0.2, 0.3], np.float32)
    assert (scores >= youden_threshold(scores, np.array([0, 1, 1]))).tolist() == [0, 1, 1]


def test_infinite_scores_have_a_rank():
    assert roc_auc(np.array([-np.inf, 0, np.inf]), np.array([0, 1, 1])) == 1


def test_nothing_is_defined_without_images():
    nobody, nothing = np.zeros((2, 0)), np.zeros(0)
    measured = [
        *Ranking(nothing, nothing).areas(nobody),
        *decision_measures(nothing, nothing, nobody).values(),
        calibration_error(nothing, nothing, nobody),
    ]
    assert np.isnan(measured).all() and np.shape(measured) == (7, 2)


def test_fractional_weights_are_weights():
    weights = np.array([[0.5, 0.25, 1.0, 0.5, 0.75, 2.0]])
    whole = Ranking(SCORES, LABELS).areas(weights * 4)
    assert np.allclose(Ranking(SCORES, LABELS).areas(weights), whole)
