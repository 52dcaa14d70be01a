"""Classification: an image has findings, or a class.

Multi-label: K findings, of which an image may have any. Binary: one finding. Multi-class: exactly
one of K classes, each judged against the rest. The headline is the ROC AUC, the mean over findings.

An image is the example, a patient the unit of resampling: one drawn twice brings all images twice.
Thresholds are chosen on validation data and stay as they are in every resample.

Left out: weights of findings in the loss, which would have to be public.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fedmini.metrics import Ranking, calibration_error, decision_measures, youden_threshold
from fedmini.tasks import Task

# Patients with a finding, and as many without, for a mean to count it. Of 5 patients one resample
# in 150 holds none; with fewer, the interval of the mean would be about those few alone.
ENOUGH = 5
CELLS = 2**19  # resamples times images that are worked on at one time


class Classification(Task):
    """What all three share: evidence (N, K, 3) float64 and its metrics.

    The evidence of an image and finding is its probability, the truth and the decision, 0 or 1;
    where every hospital has a model of its own, a fourth number says whose it is.
    """

    primary, judged_by = "auc", "agreement"

    def __init__(self, classes: Sequence[str], regions: Mapping[str, Sequence[int]]) -> None:
        self.findings = tuple(classes)
        self.outputs = len(self.findings)

    def metrics(
        self, evidence: np.ndarray, patients: np.ndarray, multiplicity: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """See Task: means over findings, and "auc_<finding>" for each if there are several.

        The means, but for accuracy, are over the findings that enough patients in `evidence` have,
        so that every resample and every model is averaged over the same; `left_out` names the rest.
        Scores of different models have no common scale and are not ranked against each other.
        """
        unit, row = np.unique(patients, return_inverse=True)
        times = np.ones((1, len(unit))) if multiplicity is None else multiplicity
        columns = evidence.swapaxes(0, 1)
        models = evidence[:, 0, 3] if evidence.shape[2] > 3 else np.zeros(len(row))
        places = [np.flatnonzero(models == each) for each in np.unique(models)]
        rankings = [[(at, Ranking(*column[at, :2].T)) for at in places] for column in columns]
        chunk, parts = max(1, CELLS // len(row)), []
        for start in range(0, len(times), chunk):
            weights = times[start : start + chunk, row].astype(np.float64)
            findings = zip(rankings, columns, strict=True)
            parts.append([_measures(*finding, weights) for finding in findings])
        each = {
            key: np.concatenate([[finding[key] for finding in part] for part in parts], axis=1)
            for key in parts[0][0]
        }
        counted = self._counted(evidence, patients)
        found = {key: _mean(values[counted]) for key, values in each.items()}
        found["accuracy"] = self._accuracy(each["accuracy"])
        if self.outputs > 1:
            found |= {f"auc_{name}": each["auc"][k] for k, name in enumerate(self.findings)}
        return found

    def left_out(self, evidence: np.ndarray, patients: np.ndarray) -> list[str]:
        """The findings that the means do not count; a single finding always counts."""
        counted = self._counted(evidence, patients)
        return [name for name, kept in zip(self.findings, counted, strict=True) if not kept]

    def of_model(self, evidence: np.ndarray, number: int) -> np.ndarray:
        """(N, K, 4): the evidence with the number of the model."""
        if not len(evidence):
            return evidence
        return np.concatenate([evidence[..., :3], np.full((*evidence.shape[:2], 1), number)], 2)

    def judge(self, evidence: np.ndarray) -> float:
        """One less the mean distance between probability and truth, over images and findings."""
        return 1 - float(np.abs(evidence[..., 0] - evidence[..., 1]).mean())

    def _counted(self, evidence: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """(K,) bool: whether at least ENOUGH patients have an image with, and one without."""
        if self.outputs == 1:
            return np.array([True])
        held = [
            [len(np.unique(patients[truth == side])) for side in (0, 1)]
            for truth in evidence[..., 1].T
        ]
        return np.min(held, axis=1) >= ENOUGH

    def _accuracy(self, each: np.ndarray) -> np.ndarray:
        """(T,) from the accuracy (K, T) of every finding."""
        return each.mean(axis=0)


class Multilabel(Classification):
    """classes: the findings; targets (B, K) uint8, 1 where an image has one."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of logits (B, K), over images and findings."""
        return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))

    def evidence(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, K, 3); decisions at a probability of 0.5."""
        probability = logits.double().sigmoid()
        return torch.stack([probability, targets.double(), (probability >= 0.5).double()], dim=2)

    def thresholds(self, evidence: np.ndarray) -> np.ndarray:
        """(K,) by Youden's J; 0.5 for a finding that all images have, or none."""
        columns = evidence.swapaxes(0, 1) if len(evidence) else [np.zeros((0, 2))] * self.outputs
        found = [youden_threshold(column[:, 0], column[:, 1]) for column in columns]
        return np.nan_to_num(found, nan=0.5)

    def decide(self, evidence: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        """A copy of the evidence: a finding is there from its threshold on."""
        decided = evidence.copy()
        decided[..., 2] = evidence[..., 0] >= thresholds
        return decided


class Binary(Multilabel):
    """classes: the negative one, then the positive one, the finding; targets (B, 1) uint8."""

    def __init__(self, classes: Sequence[str], regions: Mapping[str, Sequence[int]]) -> None:
        super().__init__(classes[1:], regions)


class Multiclass(Classification):
    """classes: names; targets (B, 1) uint8, the class; the decision is the likeliest class."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of logits (B, K)."""
        return F.cross_entropy(logits, targets[:, 0].long())

    def evidence(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, K, 3), each class against the rest; of equally likely classes the first."""
        classes = torch.arange(self.outputs, device=logits.device)
        truth, decision = targets == classes, logits.argmax(dim=1, keepdim=True) == classes
        return torch.stack([logits.double().softmax(dim=1), truth.double(), decision.double()], 2)

    def _accuracy(self, each: np.ndarray) -> np.ndarray:
        # An image given a wrong class is wrong about two classes.
        return 1 - (1 - each).sum(axis=0) / 2


def _measures(
    rankings: list[tuple[np.ndarray, Ranking]], evidence: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics (T,) of one finding, the headline first.

    rankings: the images of each model, and how it ranks them. evidence: (N, 3) or more.
    """
    probability, truth, decision = evidence[:, :3].T
    areas = np.array([ranking.areas(weights[:, at]) for at, ranking in rankings])
    if len(areas) > 1:
        positives = np.array([weights[:, at] @ truth[at] for at, _ in rankings])
        negatives = np.array([weights[:, at] @ (1 - truth[at]) for at, _ in rankings])
        # over models m: AUC = sum_m P_m N_m AUC_m / sum_m P_m N_m,  AP = sum_m P_m AP_m / sum_m P_m
        shares = np.stack([positives * negatives, positives], axis=1)
        with np.errstate(invalid="ignore"):
            areas = [(shares * np.nan_to_num(areas)).sum(axis=0) / shares.sum(axis=0)]
    auc, precision = areas[0]
    return {
        "auc": auc,
        "ap": precision,
        **decision_measures(decision, truth, weights),
        "ece": calibration_error(probability, truth, weights),
    }


def _mean(values: np.ndarray) -> np.ndarray:
    """(T,) the mean of (K, T) over K; NaN if there is none."""
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)
