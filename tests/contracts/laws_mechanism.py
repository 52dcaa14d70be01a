"""Laws of the Gaussian mechanism; norms are compared as fractions, without any rounding."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import torch
from hypothesis import strategies as st

from fedmini.rng import stream
from tests.contracts.framework import law, real

real("clip", "fedmini.privacy.mechanism:clip")
real("gaussian_noise", "fedmini.privacy.mechanism:gaussian_noise")
real("noisy_mean", "fedmini.privacy.mechanism:noisy_mean")

KEYS = st.integers(0, 2**40)
SIZES = st.sampled_from([1, 2, 7, 300, 2**16 + 5])
SCALES = st.sampled_from([1e-44, 1e-25, 1e-3, 1.0, 1e4, 1e25, 1e38])  # of float32, both its ends
TIGHTNESS = st.sampled_from([1e-3, 0.3, 3.0, 1e3])  # the bound as a multiple of the scale
BOUNDS = st.sampled_from([1e-30, 1e-6, 0.1, 1.0, 37.5, 1e20])
NUMBERS = st.lists(st.floats(-4, 4, width=32), max_size=4)
NOISE = {"max_norm": st.sampled_from([0.02, 0.5, 30.0]), "multiplier": st.sampled_from([0.3, 4.0])}
CLIENTS = st.lists(st.tuples(st.floats(0.05, 1), st.floats(-1, 1)), min_size=1, max_size=5)


def drawn(key: int, size: int, scale: float) -> torch.Tensor:
    """A vector whose coordinates differ in size, finite in float32."""
    draws = torch.randn(size, generator=stream(key, "vector"), dtype=torch.float64) ** 3
    return (draws * scale).clamp(-3e38, 3e38).float()


def square(vector: torch.Tensor) -> Fraction:
    """The square of its norm, exactly."""
    return sum((Fraction(x) ** 2 for x in vector.double().tolist()), Fraction(0))


def refused(impl, *arguments) -> bool:
    try:
        impl(*arguments)
    except ValueError:
        return True
    return False


@law("clip", key=KEYS, size=SIZES, scale=SCALES, tightness=TIGHTNESS)
def law_norm_never_exceeds_the_bound(impl, key, size, scale, tightness):
    bound = max(1e-30, scale * tightness)
    assert square(impl(drawn(key, size, scale), bound)) <= Fraction(bound) ** 2


@law("clip", key=KEYS, size=SIZES, scale=SCALES, tightness=TIGHTNESS)
def law_norm_is_the_smaller_and_the_direction_kept(impl, key, size, scale, tightness):
    bound = max(1e-30, scale * tightness)
    vector = drawn(key, size, scale)
    clipped = impl(vector, bound)
    norm = math.sqrt(square(vector))
    if norm <= bound:
        assert torch.equal(clipped, vector), "what was within the bound was changed"
        return
    assert square(clipped) >= (Fraction(bound) * (1 - Fraction(2) ** -19)) ** 2
    expected = vector.double() * (bound * (1 - 2**-20) / norm)
    torch.testing.assert_close(clipped.double(), expected, rtol=2**-22, atol=2**-149)


@law("clip", bound=BOUNDS)
def law_a_vector_on_the_bound_stays(impl, bound):
    vector = torch.tensor([3.0, -4.0])
    assert torch.equal(impl(vector, 5.0), vector)
    single = torch.tensor([-bound])
    assert torch.equal(impl(single, -single.item()), single)


@law("clip", size=st.integers(0, 9), bound=BOUNDS)
def law_zero_stays_zero(impl, size, bound):
    assert impl(torch.zeros(size), bound).tolist() == [0.0] * size


@law("clip", numbers=NUMBERS, bad=st.sampled_from([math.nan, math.inf, -math.inf]))
def law_what_is_not_finite_is_refused(impl, numbers, bad):
    for place in range(len(numbers) + 1):
        vector = torch.tensor([*numbers[:place], bad, *numbers[place:]])
        assert refused(impl, vector, 1.0), f"{bad} went through"


@law("clip", bound=st.sampled_from([0.0, -1.0, 1e-40, math.nan, math.inf]))
def law_a_bound_that_bounds_nothing_is_refused(impl, bound):
    assert refused(impl, torch.ones(2), bound)


@law("clip", numbers=NUMBERS, bound=st.sampled_from([0.5, 100.0]))
def law_the_clipped_vector_is_a_new_one(impl, numbers, bound):
    for dtype in (torch.float32, torch.float64):
        vector = torch.tensor(numbers, dtype=dtype, requires_grad=True)
        clipped = impl(vector, bound)
        assert clipped.dtype == torch.float32 and not clipped.requires_grad
        clipped.zero_()
        assert vector.tolist() == numbers, "clipping, or a change of its result, changed the input"


@law("gaussian_noise", key=KEYS, **NOISE)
def law_noise_is_normal_of_multiplier_times_bound(impl, key, max_norm, multiplier):
    size = 4000
    noise = impl(
        size, max_norm=max_norm, noise_multiplier=multiplier, generator=stream(key, "noise")
    )
    assert noise.shape == (size,) and noise.dtype == torch.float64
    expected = torch.special.ndtr(noise.sort().values / (multiplier * max_norm))
    steps = torch.arange(size) / size
    # Kolmogorov and Smirnov: a right sample passes 0.04 with a chance of 5e-6
    assert torch.maximum(expected - steps, steps + 1 / size - expected).max() < 0.04


@law("gaussian_noise", key=KEYS)
def law_every_coordinate_has_noise_of_its_own(impl, key):
    noise = impl(5000, max_norm=1.0, noise_multiplier=1.0, generator=stream(key, "noise"))
    assert len(set(noise.tolist())) == 5000


@law("gaussian_noise", key=KEYS, size=st.sampled_from([1, 20]))
def law_noise_is_what_its_address_says(impl, key, size):
    def at(*address):
        generator = stream(key, *address)
        return impl(size, max_norm=1.0, noise_multiplier=1.0, generator=generator)

    assert torch.equal(at("noise", 1), at("noise", 1)), "a replayed round released other bits"
    assert not torch.equal(at("noise", 1), at("noise", 2)), "two rounds had the same noise"


@law("noisy_mean", clients=CLIENTS, noise=st.floats(-9, 9), rate=st.sampled_from([0.1, 0.5, 1.0]))
def law_mean_over_all_cohorts_is_the_weighted_mean(impl, clients, noise, rate):
    expected_weight = rate * sum(weight for weight, _ in clients)
    noise = torch.tensor([noise, -noise], dtype=torch.float64)
    mean = torch.zeros(2, dtype=torch.float64)
    for cohort in itertools.product([0, 1], repeat=len(clients)):
        chance = math.prod(rate if here else 1 - rate for here in cohort)
        total = sum(here * weight * update for here, (weight, update) in zip(cohort, clients))
        mean += chance * impl(torch.full((2,), total, dtype=torch.float64), noise, expected_weight)
    whole = sum(weight * update for weight, update in clients) / sum(w for w, _ in clients)
    torch.testing.assert_close(mean, whole + noise / expected_weight)


@law("noisy_mean", noise=NUMBERS, expected_weight=st.floats(0.01, 100))
def law_an_empty_sum_is_released_with_its_noise(impl, noise, expected_weight):
    noise = torch.tensor(noise, dtype=torch.float64)
    released = impl(torch.zeros_like(noise), noise, expected_weight)
    torch.testing.assert_close(released, noise / expected_weight)
