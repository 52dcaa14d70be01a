"""Uncertainty by resampling patients: the bootstrap of Efron (1979), percentile intervals.

The patient is the unit: images of one patient are no independent evidence. Everything that is
compared sees the same resamples, so that an interval of a difference is a paired one.

Left out: bias-corrected intervals, tests of hypotheses, correction for many comparisons, and the
uncertainty over seeds: repeats are averaged, not resampled.
"""

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Metrics = Callable[..., dict[str, np.ndarray]]  # the method `metrics` of a task


@dataclass(frozen=True)
class Evaluation:
    """What a task keeps of a split: `evidence`, a row an image, and whose row it is (N,)."""

    evidence: np.ndarray
    patients: np.ndarray


Runs = Mapping[str, Sequence[Evaluation]]  # the repeats of every algorithm


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """An Estimate a metric: of each algorithm, and of first minus second for each pair."""

    algorithms: dict[str, dict[str, Estimate]]
    differences: dict[tuple[str, str], dict[str, Estimate]]


def resamples(patients: int, draws: int, generator: np.random.Generator) -> np.ndarray:
    """(draws, patients) int64: how often each patient is drawn, out of `patients` draws."""
    # c ~ Multinomial(M; 1/M, ..., 1/M) (Eq. 10.2)
    return generator.multinomial(patients, np.full(patients, 1 / patients), size=draws)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrap values (T,), NaN left out; NaN if nothing is left."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired(
    metrics: Metrics, runs: Runs, generator: np.random.Generator, draws: int = 2000
) -> Comparison:
    """Means over repeats, with intervals, of every algorithm and of every pair's difference.

    runs: an algorithm's repeats (seeds, splits), equally many and over the same patients for all
    algorithms; ValueError if not. Patients of all repeats together are drawn once a resample; a
    repeat takes the columns of its own. Where a resample holds none of them, that repeat is left
    out of that resample's mean.
    """
    held = {name: [np.unique(each.patients).tolist() for each in run] for name, run in runs.items()}
    first, patients = next(iter(held.items()))
    for name, each in held.items():
        if each != patients or not each:
            raise ValueError(f"{name} was not evaluated on the same patients as {first}")
    union = np.unique(np.concatenate(patients))
    everyone = np.ones((1, len(union)), dtype=np.int64)
    multiplicity = np.concatenate([everyone, resamples(len(union), draws, generator)])
    values = {name: _per_repeat(metrics, run, multiplicity, union) for name, run in runs.items()}
    differences = {
        # d(c) = a(c) - b(c), the same c for both (Eq. 10.3)
        (a, b): _estimates({key: values[a][key] - values[b][key] for key in values[a]})
        for a, b in itertools.combinations(values, 2)
    }
    return Comparison({name: _estimates(each) for name, each in values.items()}, differences)


def _per_repeat(
    metrics: Metrics, run: Sequence[Evaluation], multiplicity: np.ndarray, union: np.ndarray
) -> dict[str, np.ndarray]:
    """Every metric as (repeats, 1 + draws): row 0 of `multiplicity` is the data as they are."""
    tables = []
    for each in run:
        columns = np.searchsorted(union, np.unique(each.patients))
        tables.append(metrics(each.evidence, each.patients, multiplicity[:, columns]))
    return {key: np.stack([table[key] for table in tables]) for key in tables[0]}


def _estimates(values: dict[str, np.ndarray]) -> dict[str, Estimate]:
    with warnings.catch_warnings(action="ignore"):  # of a mean over nothing, which is NaN
        means = {key: np.nanmean(table, axis=0) for key, table in values.items()}
    return {key: Estimate(float(m[0]), *interval(m[1:])) for key, m in means.items()}
