"""Dice on cases that can be counted on one hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedmini.metrics import dice

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
