"""Exercise 10: the area under the ROC curve, (Eq. 10.1), not yet right.

This one walks down the ranking and adds up how many negatives each positive has below it. Where
scores tie, it believes the order in which they stand in the file. The laws ask that

* a tie counts half, whatever stands first;
* scores and labels may be arrays or torch tensors, of any scale;
* with positives alone, or negatives alone, the area is NaN;
* scores that hold NaN, labels other than 0 and 1, and other shapes are a ValueError.

    pytest tests/contracts --impl roc_auc=tutorials/exercises/10_roc_auc.py:area
"""

from __future__ import annotations

import numpy as np


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of pairs of a positive and a negative that stand in the right order."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    ranked = labels[np.argsort(scores, kind="stable")]
    below = np.cumsum(ranked == 0)[ranked == 1]  # your lines
    pairs = (labels == 1).sum() * (labels == 0).sum()
    return float(below.sum() / pairs) if pairs else 0.5
