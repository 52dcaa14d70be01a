"""The Gaussian mechanism: bound what one contribution can do, then hide it in noise.

Replacing one contribution by nothing moves a sum of clipped contributions, of weights at most 1, by
at most the clip bound. Noise of `noise_multiplier` clip bounds a coordinate then gives what
`accountant.epsilon` says (for records Abadi et al. 2016, Algorithm 1; for clients McMahan et al.
2018, Algorithm 1).

Left out: protection of the noise itself. It comes from a Mersenne Twister, which is not
cryptographic, and is sampled in floating point, which leaves gaps that an attacker with the exact
output can exploit (Mironov 2012).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CHUNK = 2**16  # coordinates that are taken to float64 at a time, so that they stay in the cache
MARGIN = 2.0**-20  # far above what float32 rounds off, far below what training notices
LEAST = 1e-30  # below it, what float32 rounds off near zero could exceed the margin


def clip(vector: Tensor, max_norm: float) -> Tensor:
    """A new float32 vector of L2 norm at most `max_norm`, in the direction of `vector` (D,).

    One above the bound is scaled to max_norm (1 - 2^-20): its float64 norm never exceeds the bound.
    ValueError if the vector is not finite, or `max_norm` not at least 1e-30 and finite.
    """
    if not LEAST <= max_norm < math.inf:
        raise ValueError(f"max_norm is {max_norm}; it must be finite and at least {LEAST}")
    chunks = vector.detach().float().split(CHUNK)
    norm = math.sqrt(sum(torch.dot(each, each) for each in map(Tensor.double, chunks)))
    # min(1, C / norm) alone would let NaN through
    if not math.isfinite(norm):
        raise ValueError("the vector is not finite: it has no norm to clip")
    scale = 1.0 if norm <= max_norm else max_norm * (1 - MARGIN) / norm
    clipped = torch.empty_like(vector, dtype=torch.float32, requires_grad=False)
    for target, each in zip(clipped.split(CHUNK), chunks, strict=True):
        target.copy_(each.double() * scale)
    return clipped


def gaussian_noise(
    size: int,
    *,
    max_norm: float,
    noise_multiplier: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """(size,) noise for a SUM of clipped contributions of weights at most 1.

    `generator` is a stream under the run's secret key: a replay then releases the same bits.
    torch draws float32 about four times as fast, but no such draw passes 5.8 standard deviations,
    as a true normal does with a chance of 8e-9.
    """
    # N(0, (z C)^2 I)
    noise = torch.randn(size, generator=generator, dtype=dtype)
    return noise.mul_(noise_multiplier * max_norm)


def noisy_mean(total: Tensor, noise: Tensor, expected_weight: float) -> Tensor:
    """The mean to release, float64 (D,), from the sum of clipped contributions and its noise.

    The denominator is the weight EXPECTED of a cohort or batch, known before it was drawn: the
    weight that came would tell who was there. An empty sum is released like any other.
    """
    # (sum_k w_k clip(g_k) + noise) / E[sum_k w_k]
    return (total + noise.to(total.device)) / expected_weight
