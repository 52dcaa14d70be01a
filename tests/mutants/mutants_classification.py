"""Wrong classification tasks: losses, evidence, decisions."""

from __future__ import annotations

import numpy as np
import torch
from tests.contracts.framework import mutant
from torch.nn import functional as F

from fedmini.tasks.classification import Binary, Multiclass, Multilabel


@mutant(
    "multilabel",
    law="law_loss_is_the_mean_binary_cross_entropy",
    harm="The sigmoid is taken twice: no probability falls below a half, training crawls.",
)
class SigmoidTwice(Multilabel):
    def loss(self, logits, targets):
        return super().loss(logits.sigmoid(), targets)


@mutant(
    "multilabel",
    law="law_loss_is_the_mean_binary_cross_entropy",
    harm="Findings compete in one softmax: an image with two of them can never be right.",
)
class FindingsCompete(Multilabel):
    def loss(self, logits, targets):
        return F.cross_entropy(logits, targets.float())


@mutant(
    "multilabel",
    law="law_loss_is_the_mean_binary_cross_entropy",
    harm="A sum over findings: the learning rate means something else for fourteen of them.",
)
class SumOverFindings(Multilabel):
    def loss(self, logits, targets):
        return super().loss(logits, targets) * self.outputs


@mutant(
    "multiclass",
    law="law_loss_is_the_mean_cross_entropy",
    harm="Softmax before cross-entropy, which takes it again: gradients vanish where it is wrong.",
)
class SoftmaxTwice(Multiclass):
    def loss(self, logits, targets):
        return super().loss(logits.softmax(dim=1), targets)


@mutant(
    "multiclass",
    law="law_loss_is_the_mean_cross_entropy",
    harm="A sigmoid a class is trained and a softmax read: the probabilities fit neither.",
)
class ClassesAlone(Multiclass):
    def loss(self, logits, targets):
        right = F.one_hot(targets[:, 0].long(), self.outputs)
        return F.binary_cross_entropy_with_logits(logits, right.float())


@mutant(
    "multilabel",
    law="law_evidence_is_probability_truth_and_decision",
    harm="Softmax over findings: an image full of them looks healthier than one with a single one.",
)
class SoftmaxOverFindings(Multilabel):
    def evidence(self, logits, targets):
        found = super().evidence(logits, targets)
        found[..., 0] = logits.double().softmax(dim=1)
        return found


@mutant(
    "multilabel",
    law="law_evidence_is_probability_truth_and_decision",
    harm="A logit of 0.5 is taken for a probability of 0.5: patients at 0.5 to 0.62 are missed.",
)
class CutsLogits(Multilabel):
    def evidence(self, logits, targets):
        found = super().evidence(logits, targets)
        found[..., 2] = logits >= 0.5
        return found


@mutant(
    "multilabel",
    law="law_the_sure_are_still_ranked",
    harm="In single precision every logit above 17 is a probability of 1: the surest images tie.",
)
class SinglePrecision(Multilabel):
    def evidence(self, logits, targets):
        found = super().evidence(logits, targets)
        found[..., 0] = logits.float().sigmoid()
        return found


@mutant(
    "multiclass",
    law="law_evidence_is_each_class_against_the_rest",
    harm="Sigmoids of logits that were trained in a softmax: they sum to anything.",
)
class SigmoidOfClasses(Multiclass):
    def evidence(self, logits, targets):
        found = super().evidence(logits, targets)
        found[..., 0] = logits.double().sigmoid()
        return found


@mutant(
    "multiclass",
    law="law_evidence_is_each_class_against_the_rest",
    harm="Where no class reaches one half there is no decision: the patient has no class at all.",
)
class MajorityOnly(Multiclass):
    def evidence(self, logits, targets):
        found = super().evidence(logits, targets)
        found[..., 2] = found[..., 0] >= 0.5
        return found


@mutant(
    "multiclass",
    law="law_evidence_is_each_class_against_the_rest",
    harm="A threshold for each class undoes the likeliest one: a patient is given two classes.",
)
class CutsEachClass(Multiclass):
    thresholds, decide = Multilabel.thresholds, Multilabel.decide


@mutant(
    "binary",
    law="law_the_second_class_is_the_finding",
    harm="The first class is taken for the finding: the table names the healthy ill.",
)
class NamesTheFirst(Binary):
    def __init__(self, classes, regions):
        super().__init__(classes[::-1], regions)


@mutant(
    "binary",
    law="law_the_second_class_is_the_finding",
    harm="The probability of the negative class is kept: an AUC of 0.9 is reported as 0.1.",
)
class ProbabilityOfTheFirst(Binary):
    def evidence(self, logits, targets):
        return super().evidence(-logits, targets)


@mutant(
    "binary",
    law="law_the_second_class_is_the_finding",
    harm="A row of B targets against a column of B logits: each image learns the batch's mean.",
)
class LossOfAllPairs(Binary):
    def loss(self, logits, targets):
        return super().loss(*torch.broadcast_tensors(logits, targets[:, 0]))


@mutant(
    "multilabel",
    law="law_decisions_fall_at_the_given_thresholds",
    harm="Thresholds are chosen anew on the data they are tested on: sensitivity is flattered.",
)
class ChosenOnTheTest(Multilabel):
    def decide(self, evidence, thresholds):
        return super().decide(evidence, self.thresholds(evidence))


@mutant(
    "multilabel",
    law="law_decisions_fall_at_the_given_thresholds",
    harm="The cut stays at one half: of a finding in one patient of fifty nothing is ever found.",
)
class AlwaysOneHalf(Multilabel):
    def decide(self, evidence, thresholds):
        return super().decide(evidence, np.full(self.outputs, 0.5))


@mutant(
    "multilabel",
    law="law_decisions_fall_at_the_given_thresholds",
    harm="Strictly above: the patient by whom the threshold was set is missed.",
)
class StrictlyAbove(Multilabel):
    def decide(self, evidence, thresholds):
        return super().decide(evidence, np.nextafter(thresholds, 2))


@mutant(
    "multilabel",
    law="law_decisions_fall_at_the_given_thresholds",
    harm="The evidence itself is changed: the next model that is compared has these decisions.",
)
class InPlace(Multilabel):
    def decide(self, evidence, thresholds):
        evidence[..., 2] = evidence[..., 0] >= thresholds
        return evidence


@mutant(
    "multilabel",
    law="law_each_finding_has_its_own_threshold",
    harm="One threshold for all findings fits the common ones: rare ones are never called.",
)
class OneForAll(Multilabel):
    def thresholds(self, evidence):
        found = super().thresholds(evidence)
        return np.full_like(found, found.mean())


@mutant(
    "multilabel",
    law="law_each_finding_has_its_own_threshold",
    harm="Without a positive in validation the threshold is NaN, and no patient is ever above it.",
)
class NaNWhereUndefined(Multilabel):
    def thresholds(self, evidence):
        found = super().thresholds(evidence)
        return np.where(found == 0.5, np.nan, found)
