"""Renyi differential privacy of the Poisson-subsampled Gaussian (Mironov, Talwar, Zhang 2019).

At worst a step releases a draw of P = N(0, z^2), or of Q = (1 - q) N(0, z^2) + q N(1, z^2) where
one more unit takes part with probability q. The larger Renyi divergence of the two directions is
that of Q from P (their Theorems 4 and 5): log A / (a - 1) at order a, with A = E_P[(Q / P)^a].

Their sum for integer orders and their two alternating series for the others are replaced by the
integral itself: it is smooth, and the trapezoidal rule converges exponentially (Trefethen, Weideman
2014, Theorem 5.1). One formula serves every real order, and the best one is searched for.
"""

import math
from collections.abc import Mapping

import numpy as np

ORDERS = (1 + 1e-6, 1e6)  # the range of the search
WIDTH = 1e-3  # of log(order - 1) at its end, where epsilon differs by a part in ten million
LEAST_NOISE = 0.02  # below it epsilon is in the hundreds, and sampling is given no credit
DIGITS = 31  # the error of the integral is about e^-31
REACH = 9  # standard deviations beyond which a normal density is left out
GOLDEN = (math.sqrt(5) - 1) / 2


def epsilon(steps: Mapping[tuple[float, float], int], delta: float) -> float:
    """The epsilon of a run, never below 0, at the best order.

    `steps` counts the steps of each (sample rate, noise multiplier), both above 0.
    """

    def at(x: float) -> float:
        order = 1 + math.exp(x)
        moment = sum(count * log_moment(order, *kind) for kind, count in steps.items())
        # epsilon = (log A - log delta - log a) / (a - 1) + log((a - 1) / a) (Eq. 8.4)
        # (Canonne, Kamath, Steinke 2020, Proposition 12)
        return (moment - math.log(delta * order)) / (order - 1) + x - math.log(order)

    # Log A is convex in a, and so is (a - 1) epsilon: epsilon falls, then rises. Golden section
    # finds the turn, and every order on the way is a valid bound.
    low, high = (math.log(order - 1) for order in ORDERS)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = at(left), at(right)
    while high - low > WIDTH:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = at(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = at(right)
    return max(0.0, float(min(at_left, at_right)))


def log_moment(order: float, sample_rate: float, noise_multiplier: float) -> float:
    """log A of one step at an order above 1; relative error below 1e-6 where it is above 1e-17."""
    q, z = sample_rate, noise_multiplier
    if q == 1 or z < LEAST_NOISE:
        # log A = a (a - 1) / (2 z^2) of the Gaussian alone
        return order * (order - 1) / 2 / z / z
    # In units of z, the integrand is analytic up to a height of pi z, where Q / P is 0. A line at
    # the height s shows an error of at most exp(s^2 / 2 - 2 pi s / h): h makes that exp(-DIGITS).
    s = min(math.pi * z, math.sqrt(2 * DIGITS))
    h = 2 * math.pi * s / (DIGITS + s * s / 2)
    x = np.arange(-REACH, order / z + REACH, h)
    log_p = -x * x / 2 + math.log(h / math.sqrt(2 * math.pi))
    # log Q / P = log((1 - q) + q exp((2 x z - 1) / (2 z^2))) (Eq. 8.3)
    log_ratio = np.logaddexp(math.log1p(-q), math.log(q) + (x - 0.5 / z) / z)
    terms = log_p + order * log_ratio
    peak = terms.max()
    moment = peak + math.log(np.exp(terms - peak).sum())
    if moment > 1:
        return moment

    def excess(power: float) -> np.ndarray:
        """P ((Q / P)^power - 1), with all its digits."""
        return -np.exp(log_p + power * log_ratio) * np.expm1(-power * log_ratio)

    # A - 1 = E_P[(Q / P)^a - 1 - a (Q / P - 1)], for E_P[Q / P] = 1: no term is below 0, and even
    # an A that float64 cannot tell from 1 is known
    return math.log1p((excess(order) - order * excess(1)).sum())
