"""From a case of BraTS to rows of the prepared file: standardised slices and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.brats_cases import BratsCase
from data_prep.canvas import Canvas
from data_prep.prepare import Rows
from data_prep.volume import brain_statistics, standardise
from fedmini.errors import UserError
from data_prep.phantoms.brats import CLASSES

ENHANCING = 4  # as it is labelled from 2017 to 2021; 3 before and after that, and in our files
LABELS = ({1, 2, ENHANCING}, {1, 2, 3})


@dataclass(frozen=True)
class BratsRows:
    """Callable on a case, gives its `images` (n, C, S, S) float16 and `masks` (n, S, S) uint8."""

    canvas: Canvas
    slices: str  # tumour, all, or every:N
    modalities: Sequence[str]

    def __call__(self, case: BratsCase) -> Rows:
        """UserError for a case that is broken."""
        arrays = case.read()
        classes = class_indices(next(arrays))
        kept = self.chosen(classes.any(axis=(1, 2)))
        size = self.canvas.size
        images = np.empty((len(kept), len(self.modalities), size, size), np.float16)
        sums = []
        for channel, (modality, volume) in enumerate(zip(self.modalities, arrays, strict=True)):
            try:
                mean, std = brain_statistics(volume)
            except ValueError as error:
                raise UserError(f"{modality}: {error}") from None
            sums.append(self.draw(volume[kept], mean, std, images[:, channel]))
        masks = self.canvas.masks(classes[kept], len(CLASSES))
        return Rows({"images": images, "masks": masks}, {"slices": kept.tolist(), "sums": sums})

    def chosen(self, tumour: np.ndarray) -> np.ndarray:
        """The numbers of the slices to keep, given whether each (Z,) shows tumour."""
        if self.slices == "tumour":
            kept = np.flatnonzero(tumour)
            if not len(kept):
                raise UserError("the segmentation shows no tumour; --slices all would keep it")
            return kept
        step = 1 if self.slices == "all" else int(self.slices.removeprefix("every:"))
        return np.arange(0, len(tumour), step)

    def draw(
        self, slices: np.ndarray, mean: float, std: float, target: np.ndarray
    ) -> tuple[float, float]:
        """Standardise slices into `target` (n, S, S); the sums of values and of their squares.

        The sums are of values that float16 then rounds, which does not show in their mean.
        """
        if self.canvas.shrinks:
            values = self.canvas.smaller_images(standardise(slices, mean, std))
            target[:] = values
        else:
            self.canvas.centre(standardise(slices, mean, std, np.float16), target)
            values = standardise(slices[slices != 0], mean, std)
        total = values.sum(dtype=np.float64)
        return float(total), float(np.square(values).sum(dtype=np.float64))


def class_indices(labels: np.ndarray) -> np.ndarray:
    """(Z, rows, columns) uint8, indices into CLASSES; UserError for labels that BraTS has not."""
    found = set(np.unique(labels[labels != 0]).tolist())
    if not any(found <= known for known in LABELS):
        wrong = ", ".join(f"{value:g}" for value in sorted(found)[:6])
        raise UserError(f"seg: found the labels {wrong}; right would be 1, 2, 4 or 1, 2, 3")
    classes = labels.astype(np.uint8)
    classes[classes == ENHANCING] = CLASSES.index("enhancing")
    return classes
