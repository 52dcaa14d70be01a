"""Integer noise that clients add themselves, so that the server never sees a sum without it.

The Skellam mechanism (Agarwal, Kairouz, Liu 2021): the difference of two Poisson draws. Such noise
of several clients is again Skellam noise, of their variances' sum, and integers go through the ring
and its masks exactly. The noise of `honest` clients alone is what is charged: others may be gone,
or tell the server theirs. A client whose update is replaced by zero still sends noise.

The charge is in clip bounds, as if the noise were Gaussian: at whole orders, where the paper's
bound holds, the Renyi curve of the Gaussian is not below that of this noise (see `variance`).
Orders between them, and the exact epsilon of the Gaussian, are not used: nothing is proven there.

Left out: amplification, since the server knows the cohort; a rotation that would let fewer bits do;
an exact sampler: numpy rejects in floating point (Hormann 1993), so the noise stays below LOUDEST.
"""

import math

import numpy as np

from fedmini.rng import numpy_stream

LOUDEST = 2.0**36  # variance of a client; beyond it the sampler's chances are wrong by 1e-4
ORDERS = np.unique(np.geomspace(2, 1e6, 5000).round())
WRAPS = 2.0**-40  # chance, a round, that noise goes beyond its `reach`


def variance(noise_multiplier: float, bound: float, honest: int) -> float:
    """Of the noise of one client; `bound`: the L2 norm of one client's integers at most.

    Of m = (z L2)^2 + 9/4 in all, the paper's bound (Corollary 3.6), with L1 <= L2^2 for integers,
    is a L2^2 / 2m + (2a + 5) L2^2 / 4m^2 <= (a L2^2 / 2m) (1 + 9 / 4m) <= a / (2 z^2) at orders
    a >= 2: that of a Gaussian of z clip bounds.
    """
    # m = ((z L2)^2 + 9/4) / honest
    return ((noise_multiplier * bound) ** 2 + 9 / 4) / honest


def skellam_noise(size: int, variance: float, key: bytes, round: int, client: str) -> np.ndarray:
    """(size,) int64 noise, from a stream under a secret key: a replay releases the same bits."""
    # Poisson(m / 2) - Poisson(m / 2)
    draws = numpy_stream(key, "skellam", round, client).poisson(variance / 2, (2, size))
    return draws[0] - draws[1]


def reach(variance: float, size: int) -> float:
    """A bound that noise in `size` coordinates passes with a chance below WRAPS (Bernstein)."""
    # 2 size exp(-x^2 / (2 m + 2 x / 3)) <= WRAPS for x = sqrt(2 m l) + l, l = log(2 size / WRAPS)
    likely = math.log(2 * size / WRAPS)
    return math.sqrt(2 * variance * likely) + likely


def epsilon(mu: float, delta: float) -> float:
    """The epsilon of a run, never below 0, at the best whole order; mu^2 = sum_i 1 / z_i^2."""
    # epsilon = a mu^2 / 2 - (log delta + log a) / (a - 1) + log((a - 1) / a)
    bounds = ORDERS * mu**2 / 2 - np.log(delta * ORDERS) / (ORDERS - 1) + np.log1p(-1 / ORDERS)
    return max(0.0, float(bounds.min()))
