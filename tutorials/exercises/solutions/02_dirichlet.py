"""Exercise 02, solved: one draw of shares a kind, and the same shares for each of its splits.

pytest tests/contracts --impl dirichlet=tutorials/exercises/solutions/02_dirichlet.py:Unequal
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmini.data.partition import Scheme
from fedmini.data.patients import PatientTable
from fedmini.options import option


@dataclass(frozen=True)
class Unequal(Scheme):
    """A Dirichlet partition."""

    alpha: float = option(0.5, "small is unequal, large equal", above=0.0, high=1e6)

    def assign(
        self, table: PatientTable, clients: int, generator: np.random.Generator
    ) -> np.ndarray:
        client = np.empty(len(table), np.int64)
        for kind in range(len(table.strata)):
            shares = generator.dirichlet(np.full(clients, self.alpha))
            for split in range(3):
                alike = (table.stratum == kind) & (table.split == split)
                rows = generator.permutation(np.flatnonzero(alike))
                # Rounded sums, not rounded shares: all patients have a place, and none has two.
                ends = np.rint(shares.cumsum() * len(rows))
                client[rows] = np.searchsorted(ends, np.arange(len(rows)), side="right")
        return client
