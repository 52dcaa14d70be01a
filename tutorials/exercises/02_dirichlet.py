"""Exercise 02: hospitals with unequal kinds of patients, (Eq. 2.1), not yet right.

This one draws shares once for all kinds, so that hospitals differ in size and not in kind; and it
draws them again for every split, so that a hospital is tested on patients it never trains on. The
laws ask for more:

* each kind of patients (`table.stratum`) is shared out by a draw of its own;
* a hospital has the same share of a kind in all three splits (`table.split`), rounding apart;
* shares are as unequal as the Dirichlet distribution with this `alpha` says.

    pytest tests/contracts --impl dirichlet=tutorials/exercises/02_dirichlet.py:Unequal
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
        for split in range(3):
            rows = generator.permutation(np.flatnonzero(table.split == split))
            shares = generator.dirichlet(np.full(clients, self.alpha))  # your lines
            ends = np.rint(shares.cumsum() * len(rows))
            client[rows] = np.searchsorted(ends, np.arange(len(rows)), side="right")
        return client
