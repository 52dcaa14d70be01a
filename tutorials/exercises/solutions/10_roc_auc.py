"""Exercise 10, solved: every pair is looked at. fedmini counts them by sorting, for N log N.

pytest tests/contracts --impl roc_auc=tutorials/exercises/solutions/10_roc_auc.py:area
"""

from __future__ import annotations

import numpy as np


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of pairs of a positive and a negative that stand in the right order."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError("scores and labels must both be (N,)")
    if np.isnan(scores).any() or not np.isin(labels, (0, 1)).all():
        raise ValueError("scores must be numbers, labels 0 or 1")
    positive, negative = scores[labels == 1][:, None], scores[labels == 0]
    wins = (positive > negative) + (positive == negative) / 2
    return float(wins.mean()) if wins.size else float("nan")
