"""Segmentation: every pixel gets a class, and regions are unions of classes.

Trained on cross-entropy plus soft Dice (Milletari, Navab, Ahmadi 2016), judged by the Dice
coefficient of each region and patient: pixels are summed over a patient's images before dividing.

Left out: surface distances, and connected components.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fedmini.tasks import Task

SMOOTH = 1.0  # pixels; a class that neither truth nor prediction holds then costs nothing


class Segmentation(Task):
    """classes: names, the first being background; regions: name -> class indices."""

    primary, judged_by = "dice", "Dice"

    def __init__(self, classes: Sequence[str], regions: Mapping[str, Sequence[int]]) -> None:
        self.outputs = len(classes)
        self.regions = {name: tuple(indices) for name, indices in regions.items()}

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of logits (B, K, H, W) against class indices (B, H, W) uint8."""
        log_probability = F.log_softmax(logits, dim=1)
        entropy = F.nll_loss(log_probability, targets.long())
        foreground = torch.arange(1, self.outputs, device=targets.device)
        truth = targets[:, None] == foreground[:, None, None]
        probability = log_probability[:, 1:].exp()
        overlap = (probability * truth).sum(dim=(0, 2, 3))
        total = (probability.square() + truth).sum(dim=(0, 2, 3))
        # D_k = (2 sum p g + s) / (sum p^2 + sum g^2 + s), over all pixels of the batch; g^2 = g
        dice = (2 * overlap + SMOOTH) / (total + SMOOTH)
        return entropy + (1 - dice).sum()

    def evidence(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, R, 3) int64: pixels in both, predicted pixels, true pixels, for image and region."""
        prediction = logits.argmax(dim=1)
        counts = []
        for indices in self.regions.values():
            region = torch.tensor(indices, device=logits.device)
            inside, truth = torch.isin(prediction, region), torch.isin(targets, region)
            counts += [(inside & truth).sum((1, 2)), inside.sum((1, 2)), truth.sum((1, 2))]
        return torch.stack(counts, dim=1).reshape(len(logits), len(self.regions), 3)

    def metrics(
        self, evidence: np.ndarray, patients: np.ndarray, multiplicity: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Mean patient Dice of each region ("dice_<region>"), and their mean ("dice").

        evidence: (N, R, 3); patients: (N,), whose each row is. multiplicity: (T, patients), how
        often each patient counts in each of T resamples, columns in the order of
        np.unique(patients); None is everyone once, T = 1. Values are (T,) float64, NaN where a
        resample holds nobody. A region that is empty in truth and prediction counts as 1.
        """
        unit, row = np.unique(patients, return_inverse=True)
        pixels = np.zeros((len(unit), len(self.regions), 3))
        np.add.at(pixels, row, evidence)
        overlap, size = pixels[..., 0], pixels[..., 1] + pixels[..., 2]
        # Dice = 2 |A and B| / (|A| + |B|), one a patient and region
        dice = np.divide(2 * overlap, size, out=np.ones_like(size), where=size > 0)
        weight = np.ones((1, len(unit))) if multiplicity is None else multiplicity
        with np.errstate(invalid="ignore"):
            mean = (weight @ dice) / weight.sum(axis=1, keepdims=True)
        regions = {f"dice_{name}": mean[:, index] for index, name in enumerate(self.regions)}
        return {self.primary: mean.mean(axis=1), **regions}

    def judge(self, evidence: np.ndarray) -> float:
        """The mean Dice over regions."""
        return float(self.metrics(evidence, np.zeros(len(evidence)))[self.primary][0])
