"""Renyi differential privacy of the Poisson-subsampled Gaussian (Mironov, Talwar, Zhang 2019).

One step releases a draw of P = N(0, z^2), or of Q = (1 - q) N(0, z^2) + q N(1, z^2) if one more unit
takes part with probability q; that is the worst case, in either direction (their Theorem 5 and
section 3). Its Renyi divergence of order a is log A_a / (a - 1) with A_a = E_P[(Q / P)^a].

Their sum for integer orders and their two alternating series for the others are replaced by the
integral itself: it is smooth, and the trapezoidal rule converges exponentially (Trefethen, Weideman
2014, Theorem 5.1). One formula serves every real order, and the best one is searched for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

ORDERS = (1 + 1e-6, 1e6)  # the range of the search
LEAST_NOISE = 0.05  # below it epsilon is in the hundreds, and sampling is given no credit
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
        # epsilon = (log A - log delta - log a) / (a - 1) + log((a - 1) / a)
        # (Canonne, Kamath, Steinke 2020, Proposition 12)
        return (moment - math.log(delta * order)) / (order - 1) + x - math.log(order)

    # Log A is convex in a, and so is (a - 1) at(a): at falls, then rises. Golden section finds
    # the turn, and every order on the way is a valid bound.
    low, high = (math.log(order - 1) for order in ORDERS)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = at(left), at(right)
    while high - low > 1e-4:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = at(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = at(right)
    return max(0.0, min(at_left, at_right))


def log_moment(order: float, sample_rate: float, noise_multiplier: float) -> float:
    """log A of one step at an order above 1, to a relative error below 1e-6."""
    q, z = sample_rate, noise_multiplier
    if q == 1 or z < LEAST_NOISE:
        # log A = a (a - 1) / (2 z^2) of the Gaussian alone
        return order * (order - 1) / 2 / z / z
    # The integrand has its poles at Im x = pi z^2. Moved up by s z, the line of integration gives
    # an error of exp(s^2 / 2 - 2 pi s z / h), and h is where that is exp(-DIGITS).
    s = min(math.pi * z, math.sqrt(2 * DIGITS))
    h = 2 * math.pi * s * z / (DIGITS + s * s / 2)
    x = np.arange(-REACH * z, order + REACH * z, h)
    density = -x * x / (2 * z * z) + math.log(h / z / math.sqrt(2 * math.pi))
    ratio = np.logaddexp(math.log1p(-q), math.log(q) + (x - 0.5) / (z * z))  # log Q / P
    terms = density + order * ratio
    peak = terms.max()
    moment = peak + math.log(np.exp(terms - peak).sum())
    if moment > 1:
        return moment
    # A - 1 = E[(Q / P)^a - 1 - a (Q / P - 1)], since E[Q / P] = 1: no term is negative, so even
    # an A that differs from 1 by less than float64 can tell keeps its digits
    raised = -np.exp(terms) * np.expm1(-order * ratio)
    return math.log1p((raised - order * np.exp(density) * np.expm1(ratio)).sum())
