"""Which hospital holds which patient: equal shares, unequal kinds or numbers, real sites.

A scheme assigns patients of all splits, each split with the same shares, so that a hospital's test
patients are like those it trains on. The Dirichlet rule is that of Yurochkin et al. (2019), with
the strata of the patient table in the place of classes; Hsu, Qi, Brown (2019) draw the classes of
each client instead, all clients being of one size. Imports no torch: its options are in `--help`.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator

from fedmini.data.patients import PatientTable
from fedmini.errors import UserError
from fedmini.options import option, options_of
from fedmini.rng import numpy_stream

SIGMA = "spread of hospital sizes: standard deviation of their log; with other schemes 0"


@dataclass(frozen=True)
class Partition:
    """The hospitals' names, and for each row of the patient table the index of its hospital."""

    names: tuple[str, ...]
    client: np.ndarray  # (M,) int64


@dataclass(frozen=True)
class Scheme:
    """What every partition has: names, and a rule. A rule of your own overrides `assign`."""

    def __post_init__(self) -> None:
        for each in options_of(type(self)):
            each.check(getattr(self, each.name))

    def names(self, table: PatientTable, clients: int | None) -> tuple[str, ...]:
        """The hospitals' names; UserError if there cannot be that many."""
        most = int((table.split == 0).sum())
        if clients is None or not 1 <= clients <= most:
            raise UserError(f"--clients {clients}: must be 1 to {most}, the training patients")
        return tuple(f"hospital-{number}" for number in range(1, clients + 1))

    def assign(self, table: PatientTable, clients: int, generator: Generator) -> np.ndarray:
        """(M,) int64: a hospital for each patient."""
        raise NotImplementedError


@dataclass(frozen=True)
class IID(Scheme):
    """Every hospital gets an equal share of the patients, whatever they have."""

    def assign(self, table: PatientTable, clients: int, generator: Generator) -> np.ndarray:
        return _deal(table.split, 0, np.full((1, clients), 1 / clients), generator)


@dataclass(frozen=True)
class Quantity(Scheme):
    """Hospitals of unequal size: shares are log-normal."""

    sigma: float = option(1.0, SIGMA, low=0.0, high=10.0)

    def assign(self, table: PatientTable, clients: int, generator: Generator) -> np.ndarray:
        size = _sizes(self.sigma, clients, generator)
        return _deal(table.split, 0, size[None], generator)


@dataclass(frozen=True)
class Dirichlet(Scheme):
    """Hospitals with unequal kinds of patients: each stratum is shared out by its own draw."""

    alpha: float = option(0.5, "dirichlet: small is unequal, large equal", above=0.0, high=1e6)
    sigma: float = option(0.0, SIGMA, low=0.0, high=10.0)

    def assign(self, table: PatientTable, clients: int, generator: Generator) -> np.ndarray:
        size = _sizes(self.sigma, clients, generator)
        # s_c ~ Dirichlet(alpha K p), alpha of each of K equal hospitals (Eq. 2.1)
        shares = generator.dirichlet(self.alpha * clients * size, _strata(table))
        return _deal(table.split, table.stratum, shares, generator)


@dataclass(frozen=True)
class Specialty(Scheme):
    """Hospitals that each see a few kinds of patients far more often than the others do."""

    focus: float = option(
        0.8, "specialty: part of a kind of patients that its specialists see", low=0.0, high=1.0
    )
    sigma: float = option(0.0, SIGMA, low=0.0, high=10.0)

    def assign(self, table: PatientTable, clients: int, generator: Generator) -> np.ndarray:
        size, strata = _sizes(self.sigma, clients, generator), _strata(table)
        kind = generator.permutation(np.unique(table.stratum))
        hospital = generator.permutation(clients)
        pair = np.arange(max(len(kind), clients))  # each kind has specialists, each hospital a kind
        special = np.zeros((strata, clients))
        special[kind[pair % len(kind)], hospital[pair % clients]] = 1
        # s_c = f m_c p / (m_c . p) + (1 - f) p,  m_c marking the specialists of stratum c
        part = special * size
        whole = np.maximum(part.sum(axis=1, keepdims=True), size.min())  # of a kind nobody has: 0
        shares = self.focus * part / whole + (1 - self.focus) * size
        return _deal(table.split, table.stratum, shares, generator)


@dataclass(frozen=True)
class Site(Scheme):
    """One hospital for each site in the data; patients of unknown site are a hospital too."""

    def names(self, table: PatientTable, clients: int | None) -> tuple[str, ...]:
        sites = _sites(table)
        names = tuple("unknown site" if site < 0 else table.site_names[site] for site in sites)
        if clients not in (None, len(names)):
            raise UserError(f"--clients {clients}: --partition site gives {len(names)} of them")
        for site, name in zip(sites, names, strict=True):
            if not (table.split[table.site == site] == 0).any():
                line = f"{name} has no training patient; --split-seed N gives every site one"
                raise UserError(f"--partition site: {line}")
        return names

    def assign(self, table: PatientTable, clients: int, generator: Generator) -> np.ndarray:
        return (table.site[:, None] == _sites(table)).argmax(axis=1)


def partition(scheme: Scheme, table: PatientTable, clients: int | None, seed: int) -> Partition:
    """Every patient at one hospital, and every hospital with a patient to train on.

    A hospital that the draw left without one gets it from the hospital that has the most. Raises
    UserError if `clients` is impossible or a scheme of one's own assigns something else.
    """
    names = scheme.names(table, clients)
    client = np.asarray(scheme.assign(table, len(names), numpy_stream(seed, "partition")))
    whole = client.dtype.kind in "iu" and client.shape == table.patient.shape
    if not whole or client.min() < 0 or client.max() >= len(names):
        found = f"{type(scheme).__name__}.assign"
        raise UserError(f"--partition: {found} must give each patient an index below {len(names)}")
    return Partition(names, _fill(client.astype(np.int64), table.split == 0, len(names)))


def _sizes(sigma: float, clients: int, generator: Generator) -> np.ndarray:
    """(clients,) relative sizes; equal, and nothing drawn, at sigma 0."""
    if sigma == 0:
        return np.full(clients, 1 / clients)
    # p_k = exp(sigma z_k) / sum_j exp(sigma z_j),  z_k ~ N(0, 1) (Eq. 2.2)
    size = np.exp(sigma * generator.standard_normal(clients))
    return size / size.sum()


def _strata(table: PatientTable) -> int:
    return int(table.stratum.max()) + 1


def _deal(
    split: np.ndarray, stratum: np.ndarray | int, shares: np.ndarray, generator: Generator
) -> np.ndarray:
    """Deal each stratum of each split out by its row of `shares` (strata, clients).

    Systematic sampling: n patients in random order stand at (i + u)/n on the line of cumulated
    shares, so a client gets n s_k of them, rounded up or down, and on average exactly that.
    """
    client = np.empty(len(split), np.int64)
    for part, (kind, share) in product(range(3), enumerate(shares)):
        rows = generator.permutation(np.flatnonzero((split == part) & (stratum == kind)))
        position = (np.arange(len(rows)) + generator.random()) / max(len(rows), 1)
        client[rows] = np.searchsorted(share.cumsum()[:-1], position, side="right")
    return client


def _fill(client: np.ndarray, training: np.ndarray, clients: int) -> np.ndarray:
    """Move a training patient of the richest hospital to each empty one, in `client` itself."""
    for empty in range(clients):
        held = np.bincount(client[training], minlength=clients)
        if held[empty] == 0:
            client[np.flatnonzero(training & (client == held.argmax()))[-1]] = empty
    return client


def _sites(table: PatientTable) -> np.ndarray:
    """The sites that have patients, ascending, the unknown one last."""
    sites = np.unique(table.site)
    return np.roll(sites, -1) if sites[0] < 0 else sites
