"""Laws of the integer noise of clients, against chances that are summed up one by one."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from tests.contracts.framework import law, real

real("skellam_noise", "fedmini.privacy.skellam:skellam_noise")
real("skellam_variance", "fedmini.privacy.skellam:variance")
real("skellam_reach", "fedmini.privacy.skellam:reach")
real("skellam_epsilon", "fedmini.privacy.skellam:epsilon")

KEYS = st.binary(min_size=32, max_size=32)
SMALL = st.sampled_from([0.3, 1.0, 6.0, 50.0, 900.0])
SIZE = 8000
NOISES = st.sampled_from([0.3, 0.5, 1.0, 2.5])
BOUNDS = st.sampled_from([1.0, 1.5, 2.0, 3.0])  # L2, of integers
ORDERS = (2, 3, 5, 8, 16)
COORDINATES = st.sampled_from([1, 10**7])
DELTAS = st.sampled_from([1e-9, 1e-5, 1e-2])


def chances(variance: float, most: int) -> np.ndarray:
    """P(X = k) for k from -most to most, of the difference of two Poisson draws."""
    end = math.ceil(variance / 2 + 15 * math.sqrt(variance) + most + 40)
    factorials = np.array([math.lgamma(k + 1) for k in range(end)])
    poisson = np.exp(np.arange(end) * math.log(variance / 2) - variance / 2 - factorials)
    # P(X = k) = sum_j P(j + k) P(j)
    above = [(poisson[k:] * poisson[: end - k]).sum() for k in range(most + 1)]
    return np.array(above[:0:-1] + above)


def misfit(draws: np.ndarray, variance: float) -> float:
    """Chi-square of integers against Skellam, in standard deviations beyond what is expected."""
    most = math.ceil(9 * math.sqrt(variance)) + 9
    found = np.bincount(np.clip(draws, -most, most) + most, minlength=2 * most + 1)
    expected = len(draws) * chances(variance, most)
    edges = [0]
    for k in range(len(expected)):  # cells of ten expected draws at least
        if expected[edges[-1] : k].sum() >= 10 <= expected[k:].sum():
            edges.append(k)
    found, expected = np.add.reduceat(found, edges), np.add.reduceat(expected, edges)
    free = max(1, len(edges) - 1)
    return (((found - expected) ** 2 / expected).sum() - free) / math.sqrt(2 * free)


def divergence(order: int, shift: int, variance: float) -> float:
    """The Renyi divergence between the noise and the noise moved by `shift`, term by term."""
    most = math.ceil(25 * math.sqrt(variance)) + 40 + shift
    p = chances(variance, most + shift)
    here, moved = p[shift:], p[: len(p) - shift]
    seen = (here > 1e-290) & (moved > 1e-290)
    terms = order * np.log(here[seen]) - (order - 1) * np.log(moved[seen])
    return float(np.logaddexp.reduce(terms)) / (order - 1)


@law("skellam_noise", key=KEYS, variance=SMALL)
def law_noise_is_the_difference_of_two_poisson_draws(impl, key, variance):
    draws = impl(SIZE, variance, key, 1, "a")
    assert draws.shape == (SIZE,) and draws.dtype == np.int64
    assert misfit(draws, variance) < 8


@law("skellam_noise", key=KEYS, variance=SMALL, clients=st.sampled_from([2, 5]))
def law_noise_of_many_clients_is_noise_of_the_summed_variance(impl, key, variance, clients):
    total = sum(impl(SIZE, variance, key, 3, f"client-{k}") for k in range(clients))
    assert misfit(total, clients * variance) < 8


@law("skellam_noise", key=KEYS, variance=st.sampled_from([2.0**30, 2.0**36]))
def law_loud_noise_has_all_its_digits(impl, key, variance):
    draws = impl(SIZE, variance, key, 1, "a")
    spread, few = math.sqrt(variance), math.sqrt(SIZE)
    assert abs(draws.mean()) < 6 * spread / few
    assert abs((draws.astype(float) ** 2).mean() / variance - 1) < 6 * math.sqrt(2) / few
    assert abs((draws % 8).mean() - 3.5) < 6 * 2.3 / few, "its last bits are not even"


@law("skellam_noise", key=KEYS, round=st.integers(1, 9))
def law_skellam_noise_is_what_its_address_says(impl, key, round):
    here = impl(50, 900.0, key, round, "a")
    assert np.array_equal(here, impl(50, 900.0, key, round, "a")), "a replay has other bits"
    others = [(key, round + 1, "a"), (key, round, "b"), (key[::-1] + b"x", round, "a")]
    for other in others:
        assert not np.array_equal(here, impl(50, 900.0, *other)), "two addresses share noise"


@law("skellam_variance", noise=NOISES, bound=BOUNDS, order=st.sampled_from(ORDERS))
def law_divergence_is_never_above_the_charge(impl, noise, bound, order):
    """Of one large coordinate, of many small ones, and of what lies between."""
    variance = impl(noise, bound, 1)
    square = math.floor(bound**2)
    for shift in range(1, math.isqrt(square) + 1):
        loss = square // shift**2 * divergence(order, shift, variance)
        assert loss <= order / (2 * noise**2) * (1 + 1e-9)


@law("skellam_variance", noise=NOISES, bound=BOUNDS, order=st.sampled_from([*ORDERS, 10**6]))
def law_bound_of_the_paper_is_never_above_the_charge(impl, noise, bound, order):
    """Corollary 3.6 of the paper, for integers whose L1 norm is as large as it can be."""
    m, l2 = impl(noise, bound, 1), bound
    l1 = l2**2
    rest = min(((2 * order - 1) * l2**2 + 6 * l1) / (4 * m**2), 3 * l1 / (2 * m))
    assert order * l2**2 / (2 * m) + rest <= order / (2 * noise**2) * (1 + 1e-9)


@law("skellam_variance", noise=NOISES, bound=st.sampled_from([300.0, 2.0**21]))
def law_what_is_fine_costs_next_to_nothing(impl, noise, bound):
    """Against Gaussian noise of the same charge."""
    assert impl(noise, bound, 1) <= (noise * bound) ** 2 * (1 + 1e-3)


@law("skellam_variance", noise=NOISES, bound=BOUNDS, honest=st.integers(1, 40))
def law_honest_clients_alone_make_the_noise(impl, noise, bound, honest):
    assert math.isclose(honest * impl(noise, bound, honest), impl(noise, bound, 1), rel_tol=1e-12)


@law("skellam_reach", variance=st.sampled_from([0.01, 1.0, 80.0, 2e3]), size=COORDINATES)
def law_noise_beyond_its_reach_is_rarer_than_once_in_2_40(impl, variance, size):
    reach = impl(variance, size)
    beyond = chances(variance, math.floor(reach) + 400)[:399].sum()
    assert 2 * size * beyond < 2.0**-40


@law("skellam_reach", size=COORDINATES)
def law_reach_of_loud_noise_is_ten_deviations(impl, size):
    assert impl(2.0**40, size) < 10 * 2.0**20


@law("skellam_epsilon", mu=st.sampled_from([0.01, 0.1, 0.7, 3.0, 20.0]), delta=DELTAS)
def law_epsilon_is_that_of_the_best_whole_order(impl, mu, delta):
    def at(order: int) -> float:
        # (Canonne, Kamath, Steinke 2020, Proposition 12)
        rest = math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)
        return order * mu**2 / 2 + rest

    best = max(0.0, min(at(order) for order in range(2, 20000)))
    assert best * (1 - 1e-9) <= impl(mu, delta) <= best * 1.001 + 1e-9


@law("skellam_epsilon", noise=NOISES, bound=BOUNDS, delta=DELTAS)
def law_delta_of_the_noise_is_kept(impl, noise, bound, delta):
    """The exact delta of one round, one coordinate, at the epsilon that is charged."""
    shift, variance = math.floor(bound), (noise * bound) ** 2 + 9 / 4
    p = chances(variance, math.ceil(20 * math.sqrt(variance)) + 40 + shift)
    excess = p[shift:] - math.exp(impl(1 / noise, delta)) * p[: len(p) - shift]
    assert excess[excess > 0].sum() <= delta
