"""What a network is asked to do: its loss, the evidence kept of each image, the metrics of it."""

from typing import Protocol

import numpy as np
from torch import Tensor


class Task(Protocol):
    """A task is built from a data set's class names and regions; N images, B of them in a batch."""

    outputs: int  # the network's output channels
    primary: str  # the name of the headline metric
    findings: tuple[str, ...] = ()  # what decisions are about; none for masks
    judged_by: str  # what `judge` measures, in words

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """A scalar to train on, without a host synchronisation."""

    def evidence(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, ...) one row an image: all that the metrics will ask about it."""

    def metrics(
        self, evidence: np.ndarray, patients: np.ndarray, multiplicity: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Every metric, the headline first, from the rows of a whole split.

        patients: (N,), whose each row is. multiplicity: (T, patients), how often each patient
        counts in each of T resamples, columns in the order of np.unique(patients); None is everyone
        once, T = 1. Values are (T,) float64, NaN where a metric is not defined.
        """

    def judge(self, evidence: np.ndarray) -> float:
        """From 0 to 1: how close the images of one patient, the rows of `evidence`, came out."""

    def of_model(self, evidence: np.ndarray, number: int) -> np.ndarray:
        """The evidence marked as that of one of several models; unmarked if that is no matter."""
        return evidence

    def thresholds(self, evidence: np.ndarray) -> np.ndarray:
        """Where scores become decisions, chosen on the evidence of validation; (0,): nowhere."""
        return np.zeros(0)

    def decide(self, evidence: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        """The evidence with decisions at these thresholds."""
        return evidence

    def left_out(self, evidence: np.ndarray, patients: np.ndarray) -> list[str]:
        """What the headline is not averaged over, by name, for want of patients."""
        return []
