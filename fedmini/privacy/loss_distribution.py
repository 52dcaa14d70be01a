"""A tight account: the privacy loss distribution, composed by the fast Fourier transform.

Koskela, Jälkö, Honkela 2020; Gopi, Lee, Wutschitz 2021. At worst a step releases a draw of
N = N(0, z^2), or of M = (1 - q) N + q N(1, z^2) where one more unit takes part with probability q.
Whoever tells P from Q, which is M from N or N from M, sees the loss L = log P / Q, summed over all
steps, and delta(epsilon) = E_P[max(0, 1 - e^(epsilon - L))]. The larger epsilon of both counts.

In exact arithmetic the answer is proven to be no less than the true epsilon:

- An outcome is moved to one of two neighbours, at random, so that the interval between them keeps
  its mass under P and under Q: first to edges of cells of x, then to a grid of losses ("connect the
  dots", Doroshenko et al. 2022). The true outcome is a random function of the moved one, which so
  tells more; and the mean of e^-L stays 1, so that no bias piles up over the steps.
- Beyond the last cells, and where the sum passes the top of the grid (Chernoff), the loss is
  taken to be infinite. A sum that leaves the grid comes back at its other end: it only adds.
- All is computed under P tilted by e^(order L), where the losses that make up delta are the common
  ones: a small delta keeps its digits, and the error of the transforms is small beside it.

In float64 the error of the transforms is bounded (Higham 2002, Theorem 24.2) and added to delta.
For the rounding of masses and losses the same constant is taken, from an analysis, not by
intervals.

Left out: noise below 0.02, where the answer is infinite. One grid serves all steps: where they
differ much in kind the bound is valid, but looser.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

LEAST_NOISE = 0.02
CELL = 1 / 64  # of x, in units of z
POINTS = 2**17  # of the grid of losses
SPARE = 1e-4  # the share of delta for what lies beyond the last cells, or the top of the grid
TAIL = math.log(1e7)  # the tilted sum leaves the grid with a chance of e^-TAIL at either end
ROUNDING = 2.0**-42  # relative, a step; the bound of one transform is 2^-46


class Losses(NamedTuple):
    """The loss of each of `count` equal steps: its values, and their log chances under P."""

    count: int
    values: np.ndarray
    log_mass: np.ndarray


def epsilon(steps: Mapping[tuple[float, float], int], delta: float) -> float:
    """The epsilon of a run, never below 0; infinite where no bound was found.

    `steps` counts the steps of each (sample rate, noise multiplier), both above 0.
    """
    total = sum(steps.values())
    if min(noise for _, noise in steps) < LEAST_NOISE or total * ROUNDING > 1:
        return math.inf
    # A step leaves the cells with a chance below exp(-reach^2 / 2)
    reach = math.sqrt(2 * (math.log(total) - math.log(SPARE * delta)))
    removed, added = [], []
    for (rate, noise), count in steps.items():
        log_ratio, log_mass = cells(rate, noise, reach)
        removed.append(Losses(count, log_ratio, log_mass + log_ratio))
        added.append(Losses(count, -log_ratio, log_mass))
    return max(0.0, *(composed(run, delta, total * ROUNDING) for run in (removed, added)))


def cells(q: float, z: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """log M / N at the edges of the cells, and the log mass under N that is moved there."""
    u = np.arange(-reach, reach + 1 / z + CELL, CELL)
    # M / N is affine in e^(u / z): at t above an edge, this share goes on to the next
    nodes, weights = np.polynomial.legendre.leggauss(8)
    t = (1 + nodes) * CELL / 2
    share = np.expm1(t / z) / math.expm1(CELL / z)
    # The mass of an edge is integrated over both cells beside it, relative to its density
    weights = weights * np.exp(-t * t / 2) * CELL / 2 / math.sqrt(2 * math.pi)
    beside = np.outer(u, t)
    mass = np.exp(-beside) @ (weights * (1 - share)) + np.exp(beside) @ (weights * share[::-1])
    log_rest = math.log1p(-q) if q < 1 else -math.inf
    # log M / N = log((1 - q) + q exp((2 x - 1) / (2 z^2))), x = u z
    return np.logaddexp(log_rest, math.log(q) + (u - 0.5 / z) / z), np.log(mass) - u * u / 2


def on_grid(step: Losses, width: float) -> Losses:
    """The same losses, moved to multiples of `width`."""
    below = np.floor(step.values / width)
    up = np.expm1(below * width - step.values) / math.expm1(-width)
    share = np.clip(np.concatenate([1 - up, up]), 1e-300, 1)
    values = width * np.concatenate([below, below + 1])
    return Losses(step.count, values, np.log(share) + np.tile(step.log_mass, 2))


def cumulants(run: list[Losses], orders: np.ndarray) -> np.ndarray:
    """log E_P[e^(order L)] of the whole run, at each order."""
    total = np.zeros(len(orders))
    for step in run:
        terms = step.log_mass + np.outer(orders, step.values)
        peak = terms.max(axis=1)
        total += step.count * (peak + np.log(np.exp(terms - peak[:, None]).sum(axis=1)))
    return total


def convolved(run: list[Losses], order: float, width: float) -> np.ndarray:
    """The chance of each sum on the grid, modulo its size, under P tilted by e^(order L)."""
    spectrum = np.ones(POINTS // 2 + 1)
    for step in run:
        tilted = step.log_mass + order * step.values
        chance = np.exp(tilted - tilted.max())
        index = np.rint(step.values / width).astype(np.int64) % POINTS
        chance = np.bincount(index, chance / chance.sum(), POINTS)
        spectrum = spectrum * np.fft.rfft(chance) ** step.count
    return np.maximum(np.fft.irfft(spectrum, POINTS), 0)


def composed(run: list[Losses], delta: float, rounding: float) -> float:
    """The epsilon of one direction; it may be below 0."""
    tilts = np.geomspace(1e-6, 1e6, 100)
    log_delta = math.log(delta) + math.log1p(-SPARE)
    chernoff = (cumulants(run, tilts) - log_delta) / tilts
    # epsilon = (log A - log delta - log a) / (a - 1) + log((a - 1) / a), a = 1 + order
    # (Canonne, Kamath, Steinke 2020, Proposition 12)
    bounds = chernoff - np.log1p(tilts) / tilts - np.log1p(1 / tilts)
    order, bound = tilts[bounds.argmin()], bounds.min()
    # A grid that the sum passes with a chance of SPARE delta, and that the tilted one rarely leaves
    scale = cumulants(run, np.array([order]))
    up, down = (
        ((cumulants(run, order + side * tilts) - scale + TAIL) / tilts).min() for side in (1, -1)
    )
    top = max(up, (chernoff - math.log(SPARE) / tilts).min())
    width = (top - min(-down, bound)) / (POINTS - 2)
    first = math.floor(min(-down, bound) / width)

    run = [on_grid(step, width) for step in run]
    log_beyond = (cumulants(run, tilts) - tilts * width * (first + POINTS - 1)).min()
    (log_scale,) = cumulants(run, np.array([order]))
    chances = np.roll(convolved(run, order, width), -first)
    # delta = e^(log_scale - order epsilon) E[e^(-order y) (1 - e^-y)], y = L - epsilon above 0
    y = width * np.arange(POINTS)
    gain = np.exp(-order * y) * -np.expm1(-y)
    error = max(1e-300, rounding * np.linalg.norm(gain))

    def enough(k: int) -> bool:
        log_mean = math.log(chances[k:] @ gain[: POINTS - k] + error)
        within = log_scale - order * width * (first + k) + log_mean
        return np.logaddexp(within, log_beyond) <= log_delta

    k = bisect_left(range(POINTS), True, key=enough)
    return min(bound, width * (first + k) if k < POINTS else math.inf) + rounding
