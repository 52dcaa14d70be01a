"""Laws about the weighted mean; the oracle is exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

real("mean", "fedmini.aggregation.mean:Mean")

UPDATE = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3)
REPLIES = st.lists(st.tuples(UPDATE, st.integers(1, 1000)), min_size=1, max_size=6)


def average(impl, replies, silent: int = 0) -> torch.Tensor:
    """The mean that `impl` makes of (update, weight) pairs, `silent` clients not answering."""
    mean = impl(len(replies) + silent)
    for place, (update, weight) in enumerate(replies):
        mean.add(f"client-{place}", torch.tensor(update), float(weight))
    return mean.result()


@law("mean", replies=REPLIES, silent=st.integers(0, 3))
def law_mean_is_weighted_over_those_who_answered(impl, replies, silent):
    result = average(impl, replies, silent).tolist()
    weights = sum(weight for _, weight in replies)
    for coordinate, value in enumerate(result):
        terms = [Fraction(update[coordinate]) * weight for update, weight in replies]
        exact = sum(terms) / weights
        # each term loses less than 2^-32 in the ring; the rest is float64's own rounding
        bound = len(replies) * Fraction(1, 2**32) / weights + abs(exact) / 2**50
        assert abs(Fraction(value) - exact) <= bound


@law("mean", replies=REPLIES, order=st.randoms(use_true_random=False))
def law_mean_has_no_order(impl, replies, order):
    shuffled = order.sample(replies, len(replies))
    assert torch.equal(average(impl, replies), average(impl, shuffled))


@law("mean", replies=REPLIES)
def law_mean_leaves_updates_alone(impl, replies):
    updates = [torch.tensor(update) for update, _ in replies]
    mean = impl(len(replies))
    for place, (update, (_, weight)) in enumerate(zip(updates, replies, strict=True)):
        mean.add(f"client-{place}", update, float(weight))
    mean.result().zero_()
    assert [update.tolist() for update in updates] == [update for update, _ in replies]


@law("mean", weight=st.sampled_from([0.0, -1.0, float("nan")]))
def law_mean_refuses_what_has_no_weight(impl, weight):
    try:
        impl(1).add("client-0", torch.ones(3), weight)
    except ValueError as error:
        assert "client-0" in str(error)
    else:
        raise AssertionError(f"a weight of {weight} was taken")
