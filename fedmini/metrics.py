"""Measures of agreement between a prediction and the truth.

Regions of an image are measured by Dice. A finding, which an image has or not, is measured by
- how its scores rank the images: the area under the ROC curve, which is the share of all pairs of a
  positive and a negative image that stand in the right order (Mann and Whitney 1947; Hanley and
  McNeil 1982), and average precision;
- what decisions get right: sensitivity, specificity, accuracy, F1;
- how far its probabilities are off: the expected calibration error (Naeini, Cooper, Hauskrecht
  2015).

`weights` (T, N) say how often each of N images counts in each of T resamples; the measures are (T,)
float64 then, NaN where there is nothing to divide by.

Left out: partial areas, smoothed or interpolated curves, calibration in bins of equal counts.
"""

from collections.abc import Collection

import numpy as np
import torch

BINS = 15  # of equal width, for the calibration error
Array = np.ndarray | torch.Tensor


def dice(pred: Array, target: Array, labels: int | Collection[int]) -> float:
    """The Dice coefficient (Dice 1945) of one region, over all pixels of both arrays together.

    pred, target: class indices, equal shapes. labels: the class index, or the indices, that make up
    the region. Both empty gives 1, one of them empty 0. Raises ValueError if the shapes differ.
    """
    chosen = list(labels) if np.iterable(labels) else [labels]
    inside, truth = (np.isin(_array(each), chosen) for each in (pred, target))
    if inside.shape != truth.shape:
        raise ValueError(f"dice of shapes {inside.shape} and {truth.shape}: they must be equal")
    pixels = int(inside.sum()) + int(truth.sum())
    # Dice = 2 |A and B| / (|A| + |B|)
    return 2 * int((inside & truth).sum()) / pixels if pixels else 1.0


def roc_auc(scores: Array, labels: Array) -> float:
    """Area under the ROC curve of (N,) scores and 0/1 labels, ties half; NaN for one class only.

    Raises ValueError for scores that hold NaN, other labels, other shapes.
    """
    return float(Ranking(scores, labels).areas()[0][0])


def macro_auc(scores: Array, labels: Array) -> float:
    """The mean `roc_auc` of the columns of (N, K) that hold both classes; NaN if none does."""
    columns = zip(_array(scores).T, _array(labels).T, strict=True)
    areas = np.array([roc_auc(*column) for column in columns])
    defined = areas[~np.isnan(areas)]
    return float(defined.mean()) if len(defined) else float("nan")


def average_precision(scores: Array, labels: Array) -> float:
    """The mean precision over the recall that each threshold adds; NaN without a positive."""
    return float(Ranking(scores, labels).areas()[1][0])


def youden_threshold(scores: Array, labels: Array) -> float:
    """The score from which on to decide for positive, by Youden's J (1950); NaN for one class only.

    Of equally good thresholds the lowest: a missed finding harms more than a false alarm.
    """
    ranking = Ranking(scores, labels)
    positives, negatives = len(ranking.positive), len(ranking.negative)
    if not positives or not negatives:
        return float("nan")
    hits, alarms = positives - ranking.positives_below, negatives - ranking.negatives_below
    # J = TP / P - FP / N (Eq. 10.4); times P N it is a whole number, so that equals are equal
    return float(ranking.score[(hits * negatives - alarms * positives).argmax()])


class Ranking:
    """Positives and negatives among N images, sorted once by score, for any number of weights."""

    def __init__(self, scores: Array, labels: Array) -> None:
        scores, labels = _array(scores), _array(labels)
        if scores.ndim != 1 or scores.shape != labels.shape:
            raise ValueError(f"scores {scores.shape} and labels {labels.shape}: both must be (N,)")
        if np.isnan(scores).any():
            raise ValueError("the scores hold NaN, which has no rank")
        if not np.isin(labels, (0, 1)).all():
            raise ValueError("labels must be 0 or 1")
        order = np.argsort(scores)
        self.positive, self.negative = order[labels[order] == 1], order[labels[order] == 0]
        self.score, lower = scores[self.positive], scores[self.negative]
        # (P,) for each positive, by ascending score: how many images of a kind are below it
        self.positives_below = np.searchsorted(self.score, self.score)
        self.negatives_below = np.searchsorted(lower, self.score)
        self.negatives_up_to = np.searchsorted(lower, self.score, side="right")  # ties included

    def areas(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Areas under the ROC curve and, in steps, under precision over recall: (T,) each.

        Without weights every image counts once, T = 1.
        """
        if weights is None:
            weights = np.ones((1, len(self.positive) + len(self.negative)))
        weight, positive = weights[:, self.positive], _running(weights[:, self.positive])
        negative = _running(weights[:, self.negative])
        below, up_to = negative[:, self.negatives_below], negative[:, self.negatives_up_to]
        # AUC = sum_i w_i (N(s < s_i) + N(s <= s_i)) / (2 P N), i over the positives (Eq. 10.1)
        wins = (weight * (below + up_to)).sum(axis=1) / 2
        auc = _ratio(wins, positive[:, -1] * negative[:, -1])
        hits = positive[:, -1:] - positive[:, self.positives_below]
        called = hits + negative[:, -1:] - below
        precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
        # AP = sum_i w_i precision(s >= s_i) / P: each positive adds w_i / P of recall
        return auc, _ratio((weight * precision).sum(axis=1), positive[:, -1])


def decision_measures(
    decisions: np.ndarray, truth: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Sensitivity, specificity, accuracy and F1 of 0/1 decisions (N,): (T,) each.

    NaN where undefined: sensitivity and F1 without a positive, specificity without a negative.
    """
    decided, true = np.stack([decisions, 1 - decisions]), np.stack([truth, 1 - truth])
    (tp, fp), (fn, tn) = (decided[:, None] * true) @ weights.T
    return {
        "sensitivity": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "accuracy": _ratio(tp + tn, weights.sum(axis=1)),
        "f1": np.where(tp + fn > 0, _ratio(2 * tp, 2 * tp + fp + fn), np.nan),
    }


def calibration_error(
    probability: np.ndarray, truth: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(T,) how far the mean probability (N,) of a bin lies from its share of positives, on average.

    Bins are of equal width and weigh as much as the images in them. It cannot fall below 0, so
    noise only raises it: resampled values, and their interval, run above the value itself.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    gaps = (bins[:, None] == np.arange(BINS)) * (probability - truth)[:, None]
    # ECE = sum_b n_b / n |mean p - mean y|
    #     = sum_b |sum_(i in b) w_i (p_i - y_i)| / sum_i w_i (Eq. 10.5)
    return _ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def _running(weights: np.ndarray) -> np.ndarray:
    """(T, n + 1) the sums of the first 0, 1, ... n of n columns."""
    return np.pad(weights.cumsum(axis=1, dtype=np.float64), ((0, 0), (1, 0)))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _array(values: Array) -> np.ndarray:
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
