"""The privacy account at its corners, against public accountants, and against the clock."""

from __future__ import annotations

import itertools
import math
import time

import pytest

from fedmini.privacy import gaussian
from fedmini.privacy.accountant import (
    Charge,
    calibrate,
    epsilon,
    noise_multiplier,
    total_epsilon,
)

# Rate, noise, steps; then epsilon at delta 1e-5: the best Renyi bound of two public accountants
# (dp-accounting 0.6.0, opacus 1.6.0), and the privacy loss distribution of the former.
PUBLIC = [
    (0.001, 0.8, 10_000, 1.38382, 0.782525),
    (0.004, 1.1, 5_000, 1.40869, 1.27101),
    (0.01, 1.0, 1_000, 2.10137, 1.82824),
    (0.01, 4.0, 10_000, 1.03549, 0.946868),
    (0.02, 0.6, 300, 9.80458, 8.39313),
    (0.05, 2.0, 500, 2.76858, 2.53203),
    (0.1, 1.2, 50, 4.17345, 3.67498),
    (0.1, 10.0, 10_000, 4.75031, 4.3964),
    (0.3, 5.0, 200, 4.03994, 3.72333),
    (0.5, 3.0, 30, 4.61781, 4.23523),
    (0.0001, 0.5, 100_000, 3.25612, 2.05797),
    (0.001, 0.3, 10, 10.7108, 8.27269),
    (0.9, 30.0, 100, 1.23587, 1.13253),
    (0.01, 100.0, 1_000_000, 0.375309, 0.340754),
    (1.0, 1.0, 1, 4.72851, 4.37718),
    (1.0, 20.0, 100, 2.16572, 1.99309),
]
RATES = [1e-300, 1e-5, 0.5, 1 - 2**-53, 1.0]
CORNERS = [*itertools.product(RATES, [0.3, 100.0], [1, 10**6], [1e-300, 1e-5, 1 - 2**-53])]


@pytest.mark.parametrize(("rate", "noise", "steps", "renyi", "loss"), PUBLIC)
def test_epsilon_lies_between_public_bounds(rate, noise, steps, renyi, loss):
    found = epsilon(sample_rate=rate, noise_multiplier=noise, steps=steps, delta=1e-5)
    # The loss distribution bounds from above as well; without sampling ours is exact
    assert loss * (1 - 1e-5) <= found <= renyi * 1.001


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("rate", "noise", "steps", "delta"), CORNERS)
def test_corners_are_finite_and_within_the_exact_bound(rate, noise, steps, delta):
    found = epsilon(sample_rate=rate, noise_multiplier=noise, steps=steps, delta=delta)
    assert 0 <= found <= gaussian.epsilon(math.sqrt(steps) / noise, delta) < math.inf


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [1e-5, 1.0])
def test_noise_of_any_size_has_an_epsilon(rate):
    run = {"sample_rate": rate, "steps": 3, "delta": 1e-5}
    falling = [epsilon(noise_multiplier=10.0**power, **run) for power in range(-200, 300, 20)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == math.inf and falling[-1] == 0


@pytest.mark.slow  # a clock needs a quiet machine
@pytest.mark.parametrize(
    ("budget", "rate", "steps"),
    [(1.5, 0.01, 10_000), (1.5, 1.0, 30), (0.01, 1e-5, 1), (30.0, 0.1, 1), (0.1, 1e-3, 10**6)],
)
def test_a_calibration_takes_less_than_50_milliseconds(budget, rate, steps):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        noise_multiplier(epsilon=budget, delta=1e-5, sample_rate=rate, steps=steps)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_any_falling_account_can_be_calibrated():
    assert 2 <= calibrate(lambda noise: 1 / noise if noise else math.inf, 0.5) <= 2 / 0.999
    with pytest.raises(ValueError, match=r"epsilon is 1.0; it must be larger"):
        calibrate(lambda noise: 2.0, 1.0)


def test_a_long_run_of_few_kinds_is_counted_at_once():
    run = [Charge(0.01, 1.0), Charge(0.02, 2.0), Charge(0.0, 0.0), Charge(0.5, 0.0, steps=0)]
    start = time.perf_counter()
    found = total_epsilon(run * 5000, 1e-5)
    assert time.perf_counter() - start < 0.5
    assert found == total_epsilon([Charge(0.01, 1.0, 5000), Charge(0.02, 2.0, 5000)], 1e-5)


def test_a_charge_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"^sample_rate is 1.5; it must be from 0 to 1$"):
        Charge(1.5, 1.0)
    with pytest.raises(ValueError, match=r"^steps is 0.5; it must be a whole number, at least 0$"):
        Charge(0.5, 1.0, 0.5)
