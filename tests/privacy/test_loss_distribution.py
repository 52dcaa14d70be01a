"""The loss distribution at its corners, against a public accountant, and against the clock."""

from __future__ import annotations

import math
import time

import pytest

from fedmini.privacy import accountant, loss_distribution
from tests.privacy.test_accountant import CORNERS, PUBLIC

RUN = {"sample_rate": 0.01, "steps": 1000, "delta": 1e-5}


@pytest.mark.parametrize(("rate", "noise", "steps", "renyi", "loss"), PUBLIC)
def test_epsilon_is_that_of_the_public_loss_distribution(rate, noise, steps, renyi, loss):
    found = loss_distribution.epsilon({(rate, noise): steps}, 1e-5)
    # The public value is a bound from above as well, on a grid that costs it up to a part in 5000
    assert loss * (1 - 2e-4) <= found <= loss * 1.005


@pytest.mark.slow  # a clock needs a quiet machine
@pytest.mark.parametrize(("rate", "noise", "steps", "renyi", "loss"), PUBLIC)
def test_a_query_takes_less_than_200_milliseconds(rate, noise, steps, renyi, loss):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        accountant.epsilon(
            sample_rate=rate, noise_multiplier=noise, steps=steps, delta=1e-5, accountant="pld"
        )
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("rate", "noise", "steps", "delta"), CORNERS)
def test_corners_are_finite(rate, noise, steps, delta):
    assert 0 <= loss_distribution.epsilon({(rate, noise): steps}, delta) < math.inf


@pytest.mark.filterwarnings("error")
def test_noise_and_steps_of_any_size_are_taken():
    for power in range(-300, 301, 20):
        assert loss_distribution.epsilon({(0.1, 10.0**power): 3}, 1e-5) >= 0
    assert loss_distribution.epsilon({(0.1, 1.0): 10**300}, 1e-5) == math.inf


def test_the_accountant_takes_the_least_bound():
    plain = accountant.epsilon(noise_multiplier=1.0, **RUN)
    tight = accountant.epsilon(noise_multiplier=1.0, accountant="pld", **RUN)
    assert tight == loss_distribution.epsilon({(0.01, 1.0): 1000}, 1e-5) < 0.9 * plain
    exact = {"sample_rate": 1.0, "noise_multiplier": 3.0, "steps": 7, "delta": 1e-5}
    assert accountant.epsilon(accountant="pld", **exact) == accountant.epsilon(**exact)
    with pytest.raises(ValueError, match=r"^accountant is moments; it must be rdp, pld or skellam$"):
        accountant.epsilon(noise_multiplier=1.0, accountant="moments", **RUN)


def test_a_tight_calibration_needs_less_noise_and_seconds():
    start = time.perf_counter()
    noise = accountant.noise_multiplier(epsilon=1.5, accountant="pld", **RUN)
    assert time.perf_counter() - start < 5
    assert noise < accountant.noise_multiplier(epsilon=1.5, **RUN)
    spent = accountant.epsilon(noise_multiplier=noise, accountant="pld", **RUN)
    assert 0.999 * 1.5 <= spent <= 1.5
