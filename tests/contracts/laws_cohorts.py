"""Laws about who is asked in a round."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

real("cohorts", "fedmini.server:Cohorts")

SEED = st.integers(0, 10**6)
CLIENTS = tuple(f"hospital-{place}" for place in range(6))
ROUNDS = 300


@law("cohorts", size=st.integers(1, 6), key=SEED)
def law_fixed_cohort_is_exact(impl, size, key):
    cohorts = impl(CLIENTS, size, key=key)
    for round in range(1, 20):
        cohort = cohorts.sample(round)
        assert len(cohort) == size
        assert cohort == [name for name in CLIENTS if name in cohort]


@law("cohorts", size=st.integers(1, 6), poisson=st.booleans(), key=SEED)
def law_every_client_is_asked_equally_often(impl, size, poisson, key):
    cohorts = impl(CLIENTS, size, poisson, key)
    drawn = [name for round in range(ROUNDS) for name in cohorts.sample(round)]
    chance = size / len(CLIENTS)
    # six standard deviations of a binomial count
    slack = 6 * math.sqrt(ROUNDS * chance * (1 - chance))
    for name in CLIENTS:
        assert abs(drawn.count(name) - ROUNDS * chance) <= slack


@law("cohorts", size=st.integers(1, 5), key=SEED)
def law_poisson_sizes_vary_as_binomial_ones(impl, size, key):
    cohorts = impl(CLIENTS, size, True, key)
    sizes = torch.tensor([float(len(cohorts.sample(round))) for round in range(ROUNDS)])
    variance = size * (1 - size / len(CLIENTS))
    assert abs(sizes.mean() - size) <= 6 * math.sqrt(variance / ROUNDS)
    assert 0.5 * variance < sizes.var() < 1.7 * variance


@law("cohorts", poisson=st.booleans(), key=SEED)
def law_cohorts_have_an_address(impl, poisson, key):
    """Key and round decide; the rounds before, and torch's own seed, do not."""
    cohorts = impl(CLIENTS, 3, poisson, key)
    rounds = [cohorts.sample(round) for round in range(1, 9)]
    torch.rand(1)
    others = impl(CLIENTS, 3, poisson, key)
    assert [others.sample(round) for round in range(8, 0, -1)] == rounds[::-1]
    assert len({tuple(cohort) for cohort in rounds}) > 1
