"""Wrong metrics of the classification tasks."""

from __future__ import annotations

import numpy as np
from tests.contracts.framework import mutant
from tests.mutants.mutants_tasks import by_appearance

from fedmini.tasks.classification import ENOUGH, Binary, Multiclass, Multilabel


@mutant(
    "multilabel",
    law="law_metrics_are_means_over_findings",
    harm="The AUC of decisions: it moves with the threshold, and curves cannot be compared.",
)
class AreaOfDecisions(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        found = super().metrics(evidence, patients, multiplicity)
        decided = evidence[..., [2, 1, 2]]
        areas = super().metrics(decided, patients, multiplicity)
        return found | {name: areas[name] for name in found if name.startswith("auc")}


@mutant(
    "multilabel",
    law="law_metrics_are_means_over_findings",
    harm="The mean of per-batch metrics: pairs across batches are never compared.",
)
class MeanOfBatches(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        unit, row = np.unique(patients, return_inverse=True)
        times = np.ones((1, len(unit))) if multiplicity is None else multiplicity
        images, batches = np.arange(len(row)), np.array_split(np.arange(len(row)), 2)
        metrics = super().metrics
        parts = [metrics(evidence[own], images[own], times[:, row[own]]) for own in batches]
        return {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}


@mutant(
    "multilabel",
    law="law_metrics_are_means_over_findings",
    harm="A patient is resampled by one image: those with many images count as those with one.",
)
class OneImageOfEach(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        _, first = np.unique(patients, return_index=True)
        return super().metrics(evidence[first], patients[first], multiplicity)


@mutant(
    "multilabel",
    law="law_metrics_are_means_over_findings",
    harm="Weights are read in the order of appearance: they land on other patients' images.",
)
class OrderOfAppearance(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        return super().metrics(evidence, patients, by_appearance(patients, multiplicity))


@mutant(
    "multilabel",
    law="law_metrics_are_means_over_findings",
    harm="A resample without positives counts as a coin toss: intervals are drawn toward 0.5.",
)
class UndefinedIsHalf(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        found = super().metrics(evidence, patients, multiplicity)
        return {name: np.nan_to_num(values, nan=0.5) for name, values in found.items()}


@mutant(
    "multilabel",
    law="law_metrics_are_means_over_findings",
    harm="All findings in one pot: knowing which one is common passes for finding it.",
)
class OnePot(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        found = super().metrics(evidence, patients, multiplicity)
        pot = evidence.reshape(-1, 1, 3)
        task = Binary(("rest", "any"), {})
        return found | task.metrics(pot, np.repeat(patients, self.outputs), multiplicity)


@mutant(
    "multiclass",
    law="law_accuracy_is_the_share_of_right_classes",
    harm="The mean over one-against-the-rest: always saying one of three classes scores 5 of 9.",
)
class AccuracyOfEachClass(Multiclass):
    def _accuracy(self, each):
        return each.mean(axis=0)


@mutant(
    "binary",
    law="law_a_single_finding_always_counts",
    harm="A hospital with four patients has no AUC, though there is no mean to protect.",
)
class TooFewToCount(Binary):
    def _counted(self, evidence, patients):
        return np.array([len(np.unique(patients[evidence[:, 0, 1] == 1])) >= ENOUGH])


@mutant(
    "multilabel",
    law="law_a_finding_of_few_patients_is_left_out",
    harm="Twelve images of one patient pass for enough: the mean hangs on that patient.",
)
class CountsImages(Multilabel):
    def _counted(self, evidence, patients):
        return super()._counted(evidence, np.arange(len(patients)))


@mutant(
    "multilabel",
    law="law_a_finding_of_few_patients_is_left_out",
    harm="Only positives are counted: a finding that nearly everybody has decides the mean.",
)
class CountsPositivesOnly(Multilabel):
    def _counted(self, evidence, patients):
        positive = evidence[..., 1].T == 1
        return np.array([len(np.unique(patients[each])) >= ENOUGH for each in positive])


@mutant(
    "multilabel",
    law="law_a_finding_of_few_patients_is_left_out",
    harm="Whatever is defined is averaged: each hospital's mean is over other findings by chance.",
)
class WhateverIsDefined(Multilabel):
    def _counted(self, evidence, patients):
        return np.ptp(evidence[..., 1], axis=0) > 0


@mutant(
    "multilabel",
    law="law_scores_of_different_models_are_never_ranked_against_each_other",
    harm="Hospitals that trained alone look best of all: their prevalences are ranked as skill.",
)
class RanksAllModelsTogether(Multilabel):
    def metrics(self, evidence, patients, multiplicity=None):
        return super().metrics(evidence[..., :3], patients, multiplicity)


@mutant(
    "binary",
    law="law_scores_of_different_models_are_never_ranked_against_each_other",
    harm="A hospital of two patients has as much say in the mean as one of two hundred.",
)
class MeanOfModels(Binary):
    def metrics(self, evidence, patients, multiplicity=None):
        found = super().metrics(evidence, patients, multiplicity)
        if evidence.shape[2] > 3:
            rows = [evidence[:, 0, 3] == each for each in np.unique(evidence[:, 0, 3])]
            each = [super(MeanOfModels, self).metrics(evidence[at], patients[at]) for at in rows]
            found["auc"] = np.nanmean([one["auc"] for one in each], axis=0)
        return found
