"""Wrong areas under the ROC curve, of one finding and of many."""

from __future__ import annotations

import numpy as np
from tests.contracts.framework import mutant

from fedmini.metrics import Ranking, roc_auc


def pairs(scores, labels):
    scores, labels = np.asarray(scores), np.asarray(labels)
    return scores[labels == 1][:, None], scores[labels == 0]


@mutant(
    "roc_auc",
    law="law_auc_is_the_share_of_pairs_in_order",
    harm="Ties count as wins: a model that gives every patient the same answer scores 1.",
)
def ties_win(scores, labels):
    positive, negative = pairs(scores, labels)
    return float((positive >= negative).mean())


@mutant(
    "roc_auc",
    law="law_auc_is_the_share_of_pairs_in_order",
    harm="Ties are broken by the order of the file, where the positives often come last.",
)
def ties_by_place(scores, labels):
    order = np.argsort(np.asarray(scores), kind="stable")
    return roc_auc(np.argsort(order), labels)


@mutant(
    "roc_auc",
    law="law_auc_is_the_share_of_pairs_in_order",
    harm="The area of decisions, one corner of the curve: it is balanced accuracy by another name.",
)
def of_decisions(scores, labels):
    return roc_auc(np.asarray(scores) >= 3, labels)


@mutant(
    "roc_auc",
    law="law_auc_is_the_share_of_pairs_in_order",
    harm="The mean of per-batch areas: pairs across batches are never compared.",
)
def mean_of_batches(scores, labels):
    batches = range(0, len(scores), 4)
    areas = [roc_auc(scores[place : place + 4], labels[place : place + 4]) for place in batches]
    return float(np.nanmean(areas)) if not np.isnan(areas).all() else float("nan")


@mutant(
    "roc_auc",
    law="law_auc_depends_on_the_order_alone",
    harm="Two hundred fixed thresholds: the small probabilities of a rare finding all tie.",
)
def fixed_thresholds(scores, labels):
    return roc_auc(np.digitize(scores, np.linspace(0, 1, 200)), labels)


@mutant(
    "roc_auc",
    law="law_auc_of_one_class_is_not_defined",
    harm="A finding that no test patient has enters the mean as a coin toss.",
)
def half_where_undefined(scores, labels):
    return float(np.nan_to_num(roc_auc(scores, labels), nan=0.5))


@mutant(
    "roc_auc",
    law="law_auc_of_one_class_is_not_defined",
    harm="A hospital without a positive patient is reported as the worst of all, with an AUC of 0.",
)
def zero_where_undefined(scores, labels):
    return float(np.nan_to_num(roc_auc(scores, labels), nan=0.0))


@mutant(
    "roc_auc",
    law="law_auc_refuses_what_has_no_rank",
    harm="Sorting puts NaN above everything: a diverged model finds every positive it has NaN for.",
)
def nan_comes_first(scores, labels):
    return roc_auc(np.nan_to_num(scores, nan=np.inf), labels)


@mutant(
    "roc_auc",
    law="law_auc_refuses_what_has_no_rank",
    harm="The -1 of an uncertain label is taken for a negative: the AUC is of another question.",
)
def uncertain_is_negative(scores, labels):
    return roc_auc(scores, np.maximum(labels, 0))


@mutant(
    "macro_auc",
    law="law_macro_is_over_findings_with_both_classes",
    harm="One rare finding without a positive makes the headline NaN in every small hospital.",
)
def one_nan_is_all_nan(scores, labels):
    return float(np.mean([roc_auc(*column) for column in zip(scores.T, labels.T)]))


@mutant(
    "macro_auc",
    law="law_macro_is_over_findings_with_both_classes",
    harm="All findings in one pot: it rewards knowing which finding is common, not who has it.",
)
def micro(scores, labels):
    return roc_auc(scores.ravel(), labels.ravel())


@mutant(
    "macro_auc",
    law="law_macro_is_over_findings_with_both_classes",
    harm="Findings with both classes are summed, but divided by all: rare findings cost points.",
)
def divided_by_all_findings(scores, labels):
    areas = [roc_auc(*column) for column in zip(scores.T, labels.T)]
    return float(np.nansum(areas) / len(areas))


@mutant(
    "ranking",
    law="law_a_weight_is_so_many_copies",
    harm="Resamples are not seen at all: every interval has width zero.",
)
class EveryoneOnce(Ranking):
    def areas(self, weights=None):
        auc, precision = super().areas()
        return np.repeat(auc, len(weights)), np.repeat(precision, len(weights))


@mutant(
    "ranking",
    law="law_a_weight_is_so_many_copies",
    harm="Only positives are resampled: intervals are too narrow by what the negatives add.",
)
class NegativesOnce(Ranking):
    def areas(self, weights=None):
        weights = weights.copy()
        weights[:, self.negative] = 1
        return super().areas(weights)


@mutant(
    "ranking",
    law="law_a_weight_is_so_many_copies",
    harm="Weights keep the order of the file while the scores are sorted: they land on others.",
)
class WeightsUnsorted(Ranking):
    def areas(self, weights=None):
        return super().areas(weights[:, np.argsort(np.append(self.positive, self.negative))])
