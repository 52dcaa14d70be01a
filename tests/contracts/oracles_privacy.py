"""Slow and plain answers about the Gaussian mechanism, from its densities alone."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from fedmini.privacy.accountant import Charge

LONG = np.longdouble
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def grid(low: float, high: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss and Legendre on panels of about this width."""
    edges = np.linspace(low, high, 1 + math.ceil((high - low) / width), dtype=LONG)
    half = np.diff(edges)[:, None] / 2
    points = edges[:-1, None] + half * (1 + NODES.astype(LONG))
    return points.ravel(), (half * WEIGHTS.astype(LONG)).ravel()


def log_normal(x: np.ndarray, mean: float, noise: float) -> np.ndarray:
    return -(((x - mean) / LONG(noise)) ** 2) / 2 - np.log(LONG(noise) * np.sqrt(2 * LONG(np.pi)))


def log_ratio(x: np.ndarray, rate: float, noise: float) -> np.ndarray:
    """log of ((1 - q) N(0, z^2) + q N(1, z^2)) / N(0, z^2)."""
    exponent = (x - LONG(0.5)) / LONG(noise) ** 2
    if rate == 1:
        return exponent
    return np.logaddexp(np.log1p(-LONG(rate)), np.log(LONG(rate)) + exponent)


def log_moment_by_quadrature(order: float, rate: float, noise: float) -> float:
    """log E_P[(Q / P)^a], with the integral of A - 1 = E[r^a - 1 - a (r - 1)]."""
    x, weight = grid(-12 * noise, order + 12 * noise, min(noise, noise**2))
    density, ratio = log_normal(x, 0, noise), log_ratio(x, rate, noise)
    peak = (density + order * ratio).max()
    moment = peak + np.log((np.exp(density + order * ratio - peak) * weight).sum())
    if moment > 1:
        return float(moment)
    excess = np.exp(density + order * ratio) - np.exp(density) * (1 + order * np.expm1(ratio))
    # Where r - 1 is tiny, the first terms of the binomial series are all there is
    r, a = np.expm1(ratio), LONG(order)
    series = a * (a - 1) / 2 * r**2 * (1 + (a - 2) / 3 * r * (1 + (a - 3) / 4 * r))
    excess = np.where(abs(order * ratio) < 1e-5, np.exp(density) * series, excess)
    return float(np.log1p((excess * weight).sum()))


def log_moment_by_binomials(order: int, rate: float, noise: float) -> float:
    """log sum_k C(a, k) (1 - q)^(a - k) q^k exp((k^2 - k) / (2 z^2)), in 60 digits."""
    with localcontext(prec=60):
        q, z = Decimal(rate), Decimal(noise)
        return float(
            sum(
                math.comb(order, k)
                * (1 - q) ** (order - k)
                * q**k
                * (Decimal(k * k - k) / (2 * z * z)).exp()
                for k in range(order + 1)
            ).ln()
        )


def gaussian_delta(epsilon: float, mu: float) -> float:
    """Integral of max(0, N(mu, 1) - e^epsilon N(0, 1))."""
    start = epsilon / mu + mu / 2
    x, weight = grid(max(start, mu - 12), max(start, mu) + 12, 0.25)
    log_p = log_normal(x, mu, 1)
    return float((np.exp(log_p) * -np.expm1(epsilon - (x - mu / 2) * LONG(mu)) * weight).sum())


def least_delta(epsilon: float, charges: list[Charge]) -> float:
    """A delta below which no honest account of the run can be, at this epsilon.

    The loss log Q / P of each step, rounded DOWN to a grid, is convolved step after step.
    """
    width, size = 2e-3, 2**15
    total = np.zeros(size)
    total[size // 2] = 1  # index i stands for a loss of (i - size / 2) widths
    for charge in charges:
        loss = one_loss(charge, width, size)
        for _ in range(charge.steps):
            total = np.fft.irfft(np.fft.rfft(total) * np.fft.rfft(np.roll(loss, -size // 2)), size)
    losses = (np.arange(size) - size // 2) * width
    above = losses > epsilon
    return float((total[above] * -np.expm1(epsilon - losses[above])).sum())


def one_loss(charge: Charge, width: float, size: int) -> np.ndarray:
    """The chances, under Q, of one step's losses."""
    rate, noise = charge.sample_rate, charge.noise_multiplier
    edges = np.linspace(-9 * noise, 1 + 9 * noise, 20001)
    middle = (edges[1:] + edges[:-1]) / 2
    chance = np.exp((log_normal(middle, 0, noise) + log_ratio(middle, rate, noise)).astype(float))
    index = np.floor(log_ratio(edges[:-1], rate, noise).astype(float) / width).astype(int)
    loss = np.zeros(size)
    np.add.at(loss, np.clip(index + size // 2, 0, size - 1), chance * np.diff(edges))
    return loss
