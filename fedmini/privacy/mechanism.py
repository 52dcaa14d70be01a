"""The Gaussian mechanism: bound what one contribution can do, then hide it in noise.

Replacing one contribution by nothing moves a sum of clipped contributions, of weights at most 1, by
at most the clip bound. Noise of `noise_multiplier` clip bounds a coordinate then gives what
`accountant.epsilon` says (for records Abadi et al. 2016, Algorithm 1; for clients McMahan et al.
2018, Algorithm 1).

Left out: protection of the noise itself. It comes from a Mersenne Twister, which is not
cryptographic, and is sampled in floating point, which leaves gaps that an attacker with the exact
output can exploit (Mironov 2012).
"""

import math

import torch
from torch import Tensor

from fedmini.rng import numpy_stream

CHUNK = 2**16  # coordinates that are taken to float64 at a time, so that they stay in the cache
MARGIN = 2.0**-20  # far above what float32 rounds off, far below what training notices
LEAST = 1e-30  # below it, what float32 rounds off near zero could exceed the margin


def clip(vector: Tensor, max_norm: float) -> Tensor:
    """A new float32 vector of L2 norm at most `max_norm`, in the direction of `vector` (D,).

    One above the bound is scaled to max_norm (1 - 2^-20): its float64 norm never exceeds the bound.
    ValueError if the vector is not finite, or `max_norm` not at least 1e-30 and finite.
    """
    scale = clip_scale(vector, max_norm)
    chunks = vector.detach().float().split(CHUNK)
    return torch.cat([(each.double() * scale).float() for each in chunks])


def clip_scale(vector: Tensor, max_norm: float) -> float:
    """What `clip` multiplies a vector (D,) by; the same errors."""
    if not LEAST <= max_norm < math.inf:
        raise ValueError(f"max_norm is {max_norm}; it must be finite and at least {LEAST}")
    chunks = vector.detach().float().split(CHUNK)
    norm = math.sqrt(sum(torch.dot(each, each) for each in map(Tensor.double, chunks)))
    # min(1, C / norm) alone would let NaN through
    if not math.isfinite(norm):
        raise ValueError("the vector is not finite: it has no norm to clip")
    # min(1, C / ||g||) (Eq. 7.1)
    return 1.0 if norm <= max_norm else max_norm * (1 - MARGIN) / norm


def gaussian_noise(
    size: int, max_norm: float, noise_multiplier: float, generator: torch.Generator
) -> Tensor:
    """(size,) float64 noise for a SUM of clipped contributions of weights at most 1.

    `generator` is a stream under the run's secret key: a replay then releases the same bits. 256
    bits of it are the key of a stream of numpy, whose ziggurat (Marsaglia, Tsang 2000) takes 0.6
    of torch's time. A float32 draw of torch, faster still, never passes 5.8 standard
    deviations, as a true normal does with a chance of 8e-9.
    """
    key = bytes(torch.randint(256, (32,), generator=generator).tolist())
    # N(0, (z C)^2 I) (Eq. 7.2)
    noise = torch.from_numpy(numpy_stream(key, "noise").standard_normal(size))
    return noise.mul_(noise_multiplier * max_norm)


def noisy_mean(total: Tensor, noise: Tensor, expected_weight: float) -> Tensor:
    """The mean to release, float64 (D,), from the sum of clipped contributions and its noise.

    The denominator is the weight EXPECTED of a cohort or batch, known before it was drawn: the
    weight that came would tell who was there. An empty sum is released like any other.
    """
    # (sum_k w_k clip(g_k) + noise) / E[sum_k w_k] (Eq. 7.3)
    return (total + noise.to(total.device)).div_(expected_weight)
