"""Measures of agreement between a prediction and the truth."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch


def dice(
    pred: np.ndarray | torch.Tensor,
    target: np.ndarray | torch.Tensor,
    labels: int | Collection[int],
) -> float:
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


def _array(values: np.ndarray | torch.Tensor) -> np.ndarray:
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
