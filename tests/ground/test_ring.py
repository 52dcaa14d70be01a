"""The ring beyond its laws: masks cancel modulo 2^b, small terms count, bad formats are refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedmini.ring import Ring, RingSum
from fedmini.rng import numpy_stream, stream


@given(bits=st.sampled_from([32, 64]), seed=st.integers(0, 10**6))
def test_masks_cancel_though_they_wrap(bits, seed):
    ring, draws = Ring(bits, 16), numpy_stream(seed, "mask")
    x = torch.randn(50, generator=stream(seed, "x"))
    encoded = ring.encode(x, count=3)
    words = draws.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2, 50))
    masks = torch.from_numpy(words).to(ring.dtype)
    masked = encoded + masks[0] + masks[1]
    assert torch.equal(masked - masks[1] - masks[0], encoded)


def test_small_terms_are_not_lost_beside_a_large_one():
    """A float32 sum of ones stands still at 2^24."""
    total = RingSum(Ring(64, 32), count=101)
    total.add(torch.tensor([2.0**24]))
    for _ in range(100):
        total.add(torch.ones(1))
    assert total.value().item() == 2**24 + 100
    assert (torch.tensor(2.0**24) + 1).item() == 2**24


@pytest.mark.parametrize("arguments", [(16, 8), (33, 8), (32, 32), (64, -1), (64, 64)])
def test_odd_formats_are_refused(arguments):
    with pytest.raises(ValueError, match=str(arguments[0])):
        Ring(*arguments)


def test_nothing_encodes_to_nothing():
    assert Ring().encode(torch.zeros(0)).shape == (0,)
    assert Ring().decode(Ring().encode(torch.zeros(2, 0))).shape == (2, 0)


def test_a_sum_of_nothing_is_an_error():
    with pytest.raises(RuntimeError):
        RingSum(Ring(), 1).value()


def test_huge_finite_numbers_overflow_and_are_not_called_infinite():
    huge = torch.tensor([1.7e308, -1.7e308], dtype=torch.float64)
    with pytest.raises(OverflowError, match="bits=64"):
        Ring().encode(huge)
    with pytest.raises(OverflowError):
        Ring().check(1, math.inf)


def test_the_error_says_what_to_do():
    with pytest.raises(OverflowError, match="3 values up to 4e\\+04 .*bits=32, fractional_bits=16"):
        Ring(32, 16).check(3, 40_000.0)
