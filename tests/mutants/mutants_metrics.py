"""Wrong average precision, thresholds, measures of decisions and of calibration."""

from __future__ import annotations

import numpy as np
from tests.contracts.framework import mutant

from fedmini.metrics import (
    BINS,
    average_precision,
    calibration_error,
    decision_measures,
    youden_threshold,
)


def by_thresholds(scores, labels):
    """Counts at or above each distinct score, highest first: positives and negatives."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    levels = np.unique(scores)[::-1]
    counts = [[(labels[scores >= level] == side).sum() for level in levels] for side in (1, 0)]
    return np.array(counts, float)


@mutant(
    "average_precision",
    law="law_precision_is_averaged_in_steps_of_recall",
    harm="Precision is no line between two thresholds: trapezoids promise what no threshold gives.",
)
def trapezoids(scores, labels):
    hits, alarms = by_thresholds(scores, labels)
    recall, precision = np.append(0, hits / hits[-1]), np.append(1, hits / (hits + alarms))
    return float((np.diff(recall) * (precision[1:] + precision[:-1]) / 2).sum())


@mutant(
    "average_precision",
    law="law_precision_is_averaged_in_steps_of_recall",
    harm="The best precision to the right is used: the curve is smoothed upward.",
)
def interpolated(scores, labels):
    hits, alarms = by_thresholds(scores, labels)
    best = np.maximum.accumulate((hits / (hits + alarms))[::-1])[::-1]
    return float((np.diff(hits / hits[-1], prepend=0) * best).sum())


@mutant(
    "average_precision",
    law="law_precision_is_averaged_in_steps_of_recall",
    harm="Images with one score are taken one by one: the order of the file changes the result.",
)
def ties_one_by_one(scores, labels):
    return average_precision(np.argsort(np.argsort(scores, kind="stable")), labels)


@mutant(
    "average_precision",
    law="law_precision_without_positives_is_not_defined",
    harm="A finding that nobody has counts as one that was never found.",
)
def nothing_to_find_is_zero(scores, labels):
    return float(np.nan_to_num(average_precision(scores, labels)))


@mutant(
    "youden_threshold",
    law="law_threshold_is_the_lowest_of_the_best",
    harm="The threshold of best accuracy: with one patient in a hundred ill, nobody is called ill.",
)
def most_accurate(scores, labels):
    levels = np.unique(scores[labels == 1])
    return levels[np.argmax([((scores >= level) == labels).sum() for level in levels])]


@mutant(
    "youden_threshold",
    law="law_threshold_is_the_lowest_of_the_best",
    harm="Of equal thresholds the highest: patients are missed for nothing in return.",
)
def highest_of_the_best(scores, labels):
    levels = np.unique(scores[labels == 1])[::-1]
    hits, clear = ((labels == 1).sum(), (labels == 0).sum())
    gains = [
        ((scores >= level) & (labels == 1)).sum() * clear
        - ((scores >= level) & (labels == 0)).sum() * hits
        for level in levels
    ]
    return levels[np.argmax(gains)]


@mutant(
    "youden_threshold",
    law="law_threshold_is_the_lowest_of_the_best",
    harm="Deciding from strictly above the score misses the very patient that it was set by.",
)
def the_level_above(scores, labels):
    found = youden_threshold(scores, labels)
    above = scores[scores > found]
    return above.min() if len(above) else found


@mutant(
    "youden_threshold",
    law="law_one_class_has_no_threshold",
    harm="With no positive in validation the highest score becomes the threshold, by accident.",
)
def argmax_of_nothing(scores, labels):
    found = youden_threshold(scores, labels)
    return scores.max() if np.isnan(found) else found


@mutant(
    "decision_measures",
    law="law_decisions_are_counted_by_kind",
    harm="Sensitivity and specificity change places: a blind model looks like a careful one.",
)
def swapped(decisions, truth, weights):
    found = decision_measures(decisions, truth, weights)
    return found | {
        "sensitivity": found["specificity"],
        "specificity": found["sensitivity"],
    }


@mutant(
    "decision_measures",
    law="law_decisions_are_counted_by_kind",
    harm="Rows and columns of the table change places: precision is sold as sensitivity.",
)
def transposed(decisions, truth, weights):
    return decision_measures(truth, decisions, weights)


@mutant(
    "decision_measures",
    law="law_decisions_are_counted_by_kind",
    harm="0 / 0 is 0: a hospital without a patient is a hospital where all is missed.",
)
def zero_over_zero(decisions, truth, weights):
    found = decision_measures(decisions, truth, weights)
    return {name: np.nan_to_num(values) for name, values in found.items()}


@mutant(
    "calibration_error",
    law="law_calibration_weighs_bins_by_their_images",
    harm="Weights are ignored: the calibration error has an interval of width zero.",
)
def without_weights(probability, truth, weights):
    return calibration_error(probability, truth, np.ones_like(weights))


@mutant(
    "calibration_error",
    law="law_calibration_weighs_bins_by_their_images",
    harm="A bin with one image weighs as much as one with a thousand.",
)
def bins_count_alike(probability, truth, weights):
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    one = [calibration_error(probability, truth, weights * (bins == each)) for each in range(BINS)]
    filled = np.array(one)[:, 0]
    return np.array([filled[~np.isnan(filled)].sum() / max(1, (~np.isnan(filled)).sum())])


@mutant(
    "calibration_error",
    law="law_calibration_weighs_bins_by_their_images",
    harm="Bins are half open: images at a probability of exactly 1, the surest errors, are lost.",
)
def certainty_falls_out(probability, truth, weights):
    return calibration_error(probability, truth, weights * (probability < 1))
