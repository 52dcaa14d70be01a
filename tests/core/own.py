"""Components of a student's own, each in a few lines: named on the command line by this file."""

from __future__ import annotations

import torch

from fedmini.compression import Sparsifier


class Median:
    """The median of each coordinate (Yin et al. 2018), whatever the weights."""

    individual = True

    def __init__(self, cohort: int) -> None:
        self.updates: list[torch.Tensor] = []

    def add(self, client: str, update: torch.Tensor, weight: float) -> None:
        self.updates.append(update.double())

    def result(self) -> torch.Tensor:
        return torch.stack(self.updates).median(dim=0).values


class Smallest(Sparsifier):
    """The coordinates of least magnitude: of no use, and allowed."""

    def coordinates(self, vector, generator=None):
        return vector.abs().argsort()[: self.kept(len(vector))].sort().values
