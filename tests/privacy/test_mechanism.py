"""Clipping, weights, Poisson cohorts and noise together, by simulation."""

from __future__ import annotations

import math

import pytest
import torch

from fedmini.privacy.mechanism import clip, gaussian_noise, noisy_mean
from fedmini.rng import numpy_stream, stream

BOUND, MULTIPLIER, RATE = 0.5, 1.3, 0.4
WEIGHTS = torch.tensor([1.0, 0.6, 0.2, 0.05], dtype=torch.float64)
SIZES = torch.tensor([3.0, 0.1, 1.0, 9.0])
UPDATES = torch.randn(4, 6, generator=stream(5, "updates")) * SIZES[:, None]
CLIPPED = torch.stack([clip(update, BOUND) for update in UPDATES]).double()


def total_of(cohort) -> torch.Tensor:
    """The sum over the clients that take part, (4,) 0 or 1."""
    return (torch.as_tensor(cohort) * WEIGHTS) @ CLIPPED


def test_one_client_moves_the_sum_by_its_weight_times_the_bound_at_most():
    whole = total_of([1, 1, 1, 1])
    for missing in range(4):
        cohort = [int(client != missing) for client in range(4)]
        moved = float((whole - total_of(cohort)).norm())
        assert moved <= WEIGHTS[missing] * BOUND <= BOUND


def test_released_means_have_the_noise_that_was_paid_for():
    rounds, expected = 4000, float(RATE * WEIGHTS.sum())
    cohorts = numpy_stream(5, "cohorts").random((rounds, 4)) < RATE
    released = torch.stack([one_round(index, cohort) for index, cohort in enumerate(cohorts)])
    clean = torch.stack([total_of(cohort) / expected for cohort in cohorts])
    noise = released - clean
    deviation = MULTIPLIER * BOUND / expected
    # The standard deviation of 24,000 draws has a standard error of 0.5 percent
    assert noise.std().item() == pytest.approx(deviation, rel=0.02)
    empty = ~torch.as_tensor(cohorts).any(dim=1)
    assert 300 < empty.sum() and noise[empty].std().item() == pytest.approx(deviation, rel=0.05)
    whole = WEIGHTS @ CLIPPED / WEIGHTS.sum()
    error = released.std(dim=0) / math.sqrt(rounds)
    assert ((released.mean(dim=0) - whole).abs() < 4 * error).all(), "the mean is biased"


def one_round(index: int, cohort) -> torch.Tensor:
    noise = gaussian_noise(
        6, max_norm=BOUND, noise_multiplier=MULTIPLIER, generator=stream(b"key", "noise", index)
    )
    return noisy_mean(total_of(cohort), noise, float(RATE * WEIGHTS.sum()))


def test_noise_has_the_tails_of_a_normal():
    noise = gaussian_noise(
        4_000_000, max_norm=1.0, noise_multiplier=1.0, generator=stream(1, "tails")
    )
    for bound, chance in ((3.0, 2.6998e-3), (3.7, 2.1560e-4), (4.5, 6.7953e-6)):
        expected = chance * len(noise)
        beyond = int((noise.abs() > bound).sum())
        assert abs(beyond - expected) < 5 * math.sqrt(expected)
