"""Wrong Dice coefficients and wrong segmentation tasks."""

from __future__ import annotations

import numpy as np
import torch
from tests.contracts.framework import mutant
from torch.nn import functional as F

from fedmini.metrics import dice
from fedmini.tasks.segmentation import Segmentation


def by_appearance(patients, multiplicity):
    """Columns as if they were in the order in which patients appear, not in ascending order."""
    _, first = np.unique(patients, return_index=True)
    return None if multiplicity is None else multiplicity[:, np.argsort(np.argsort(first))]


@mutant(
    "dice",
    law="law_dice_counts_pixels",
    harm="The background agrees almost everywhere: a model that finds no tumour scores 0.98.",
)
def counts_the_background(pred, target, labels):
    return dice(pred, target, {0, *(labels if np.iterable(labels) else [labels])})


@mutant(
    "dice",
    law="law_dice_counts_pixels",
    harm="Intersection over union under the name of Dice: every comparison with a paper is off.",
)
def union_below(pred, target, labels):
    value = dice(pred, target, labels)
    return value / (2 - value)


@mutant(
    "dice",
    law="law_dice_counts_pixels",
    harm="The mean over slices: one stray pixel in an empty slice weighs as much as the tumour.",
)
def mean_of_slices(pred, target, labels):
    return float(np.mean([dice(p, t, labels) for p, t in zip(pred, target, strict=True)]))


@mutant(
    "dice",
    law="law_dice_of_the_empty",
    harm="A patient without enhancing tumour, rightly reported so, drags the mean toward zero.",
)
def empty_is_zero(pred, target, labels):
    pixels = np.isin(pred, labels).sum() + np.isin(target, labels).sum()
    return dice(pred, target, labels) if pixels else 0.0


@mutant(
    "dice",
    law="law_dice_of_the_empty",
    harm="One healthy patient and the mean of a whole hospital is NaN.",
)
def empty_is_nan(pred, target, labels):
    pixels = np.isin(pred, labels).sum() + np.isin(target, labels).sum()
    return dice(pred, target, labels) if pixels else float("nan")


@mutant(
    "dice",
    law="law_dice_refuses_other_shapes",
    harm="A prediction is compared with one row of the truth, spread over the image by accident.",
)
def broadcasts(pred, target, labels):
    return dice(*np.broadcast_arrays(np.asarray(pred), np.asarray(target)), labels)


@mutant(
    "segmentation",
    law="law_evidence_counts_each_image",
    harm="The core is scored as if it were its first class alone: the hospitals' ranking changes.",
)
class RegionsOfOneClass(Segmentation):
    def __init__(self, classes, regions):
        super().__init__(classes, {name: indices[:1] for name, indices in regions.items()})


@mutant(
    "segmentation",
    law="law_evidence_counts_each_image",
    harm="Each image is given the counts of its batch: scores depend on the batch size.",
)
class CountsOfTheBatch(Segmentation):
    def evidence(self, logits, targets):
        found = super().evidence(logits, targets)
        return found.sum(0, keepdim=True).expand_as(found)


@mutant(
    "segmentation",
    law="law_dice_is_a_patients_and_then_a_mean",
    harm="The mean of per-image means: a patient's empty slices count as much as the tumour's.",
)
class MeanOverImages(Segmentation):
    def metrics(self, evidence, patients, multiplicity=None):
        return super().metrics(evidence, np.arange(len(patients)), multiplicity)


@mutant(
    "segmentation",
    law="law_dice_is_a_patients_and_then_a_mean",
    harm="All pixels in one pot: the patient with the largest tumour speaks for everybody.",
)
class OnePotOfPixels(Segmentation):
    def metrics(self, evidence, patients, multiplicity=None):
        return super().metrics(evidence, np.zeros(len(patients), int), multiplicity)


@mutant(
    "segmentation",
    law="law_dice_is_a_patients_and_then_a_mean",
    harm="A patient without the region is dropped, so false alarms there cost nothing.",
)
class OnlyWhereTheTruthIs(Segmentation):
    def metrics(self, evidence, patients, multiplicity=None):
        return super().metrics(np.where(evidence[..., 2:] > 0, evidence, 0), patients, multiplicity)


@mutant(
    "segmentation",
    law="law_a_patient_drawn_twice_is_two_patients",
    harm="The resampled sum is divided by all patients: intervals are wide for no reason.",
)
class DividesByEveryone(Segmentation):
    def metrics(self, evidence, patients, multiplicity=None):
        found = super().metrics(evidence, patients, multiplicity)
        if multiplicity is None:
            return found
        share = multiplicity.sum(axis=1) / multiplicity.shape[1]
        return {name: values * share for name, values in found.items()}


@mutant(
    "segmentation",
    law="law_a_patient_drawn_twice_is_two_patients",
    harm="Weights are read in the order of appearance: they land on other patients' results.",
)
class OrderOfAppearance(Segmentation):
    def metrics(self, evidence, patients, multiplicity=None):
        return super().metrics(evidence, patients, by_appearance(patients, multiplicity))


@mutant(
    "segmentation",
    law="law_loss_is_cross_entropy_plus_soft_dice",
    harm="Dice of each image alone: slices without tumour decide what the network learns.",
)
class DiceOfEachImage(Segmentation):
    def loss(self, logits, targets):
        losses = [super(DiceOfEachImage, self).loss(*pair) for pair in _alone(logits, targets)]
        return torch.stack(losses).mean()


def _alone(logits, targets):
    return zip(logits.split(1), targets.split(1), strict=True)


@mutant(
    "segmentation",
    law="law_loss_is_cross_entropy_plus_soft_dice",
    harm="Background counts as a class of its own: its easy Dice hides that tumours are missed.",
)
class DiceOfTheBackground(Segmentation):
    def loss(self, logits, targets):
        truth = F.one_hot(targets.long(), self.outputs).movedim(3, 1)
        probability = logits.softmax(dim=1)
        overlap = (probability * truth).sum((0, 2, 3))
        total = (probability.square() + truth).sum((0, 2, 3))
        dices = (2 * overlap + 1) / (total + 1)
        return F.cross_entropy(logits, targets.long()) + (1 - dices).sum()


@mutant(
    "segmentation",
    law="law_a_perfect_answer_costs_nothing",
    harm="A batch without one of the classes gives 0 / 0: the model of that hospital is NaN.",
)
class NothingToSmooth(Segmentation):
    def loss(self, logits, targets):
        truth = F.one_hot(targets.long(), self.outputs).movedim(3, 1)[:, 1:]
        probability = logits.softmax(dim=1)[:, 1:]
        overlap = (probability * truth).sum((0, 2, 3))
        total = (probability.square() + truth).sum((0, 2, 3))
        return F.cross_entropy(logits, targets.long()) + 1 - (2 * overlap / total).mean()
