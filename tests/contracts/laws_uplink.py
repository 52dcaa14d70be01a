"""Laws about what a contribution goes through before it is sent: clip, then weight."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from fedmini.algorithms.fedavg import Contribution
from fedmini.config import Config
from tests.contracts.framework import law, real
from tests.core.federations import linear, normed

real("uplink", "fedmini.uplink:uplink")

BOUNDS, CAPS = st.sampled_from([0.1, 2.0, 50.0]), st.sampled_from([None, 1, 6, 1000])
EXAMPLES, UNITS = st.integers(1, 40), st.sampled_from([None, "client", "record", "patient"])
FLOATS = st.floats(-10, 10, width=32)
UPDATES = st.lists(FLOATS, min_size=19, max_size=19).map(torch.tensor)  # 15 weights, 4 statistics


def sent(impl, contribution, *, unit=None, model=None, shared=None, **given) -> Contribution:
    """What becomes of a contribution under these options."""
    if unit is not None:
        given |= {"dp_unit": unit, "dp_noise_multiplier": 1.0}
    for step in impl(Config.of(given), model or normed(), shared):
        contribution = step(contribution)
    return contribution


@law("uplink", update=UPDATES, bound=BOUNDS, cap=CAPS, examples=EXAMPLES)
def law_clip_comes_before_the_weight(impl, update, bound, cap, examples):
    """What the sum gets of a hospital is its weight, at most 1, times its clipped update."""
    update = update[:4]
    made = Contribution(update, examples)
    reply = sent(impl, made, model=linear(), unit="client", clip=bound, weight_cap=cap)
    assert reply.weight == (1.0 if cap is None else min(examples, cap) / cap)
    right = update * min(1.0, bound / max(float(update.norm()), 1e-9))
    assert torch.allclose(reply.update, right, rtol=1e-5, atol=1e-7)
    assert reply.weight * float(reply.update.double().norm()) <= bound * reply.weight
    assert made.update is update, "the contribution itself was changed"


@law("uplink", update=UPDATES, bound=BOUNDS)
def law_a_clip_bounds_weights_and_no_buffer(impl, update, bound):
    """Statistics of batch norm are no part of the norm, and stay as they are."""
    reply = sent(impl, Contribution(update, 3), clip=bound)
    right = update[:15] * min(1.0, bound / max(float(update[:15].norm()), 1e-9))
    assert torch.allclose(reply.update[:15], right, rtol=1e-5, atol=1e-7)
    assert torch.equal(reply.update[15:], update[15:]) and reply.weight == 3


@law("uplink", update=UPDATES, mask=st.lists(st.booleans(), min_size=19, max_size=19), bound=BOUNDS)
def law_only_shared_coordinates_are_in_the_norm(impl, update, mask, bound):
    shared = torch.tensor(mask)
    reply = sent(impl, Contribution(update[shared], 3), clip=bound, shared=shared)
    trained = int(shared[:15].sum())
    weights = update[shared][:trained]
    right = weights * min(1.0, bound / max(float(weights.norm()), 1e-9))
    assert torch.allclose(reply.update[:trained], right, rtol=1e-5, atol=1e-7)
    assert torch.equal(reply.update[trained:], update[15:][shared[15:]])


@law("uplink", update=UPDATES, unit=UNITS, cap=CAPS, examples=EXAMPLES)
def law_weights_are_public(impl, update, unit, cap, examples):
    """At most the cap; under client privacy in units of it, or 1 for everybody without one."""
    reply = sent(impl, Contribution(update, examples), unit=unit, clip=1.0, weight_cap=cap)
    least = examples if cap is None else min(examples, cap)
    largest = (cap or examples) if unit == "client" else 1
    assert reply.weight == least / largest


@law("uplink", update=UPDATES, unit=st.sampled_from(["record", "patient"]), bound=BOUNDS)
def law_the_bound_of_gradients_leaves_updates_alone(impl, update, unit, bound):
    reply = sent(impl, Contribution(update, 3), unit=unit, clip=bound)
    assert torch.equal(reply.update, update)


@law("uplink", update=UPDATES, unit=UNITS)
def law_sums_without_noise_are_refused(impl, update, unit):
    """Under client privacy, whose noise is on the update alone; elsewhere they pass."""
    made = Contribution(update, 3, {"steps": torch.ones(())})
    try:
        sums = sent(impl, made, unit=unit, clip=1.0).sums
        assert sums.keys() - {"clipped"} == {"steps"} and sums["steps"] == 1
    except ValueError as error:
        assert unit == "client" and "steps" in str(error)
    else:
        assert unit != "client", "a sum left the hospital without noise"


@law("uplink", update=UPDATES, unit=UNITS, bound=BOUNDS)
def law_a_clip_is_told_where_it_is_no_secret(impl, update, unit, bound):
    """As 1 or 0 in a sum; not under client privacy, where nothing but the update has noise."""
    sums = sent(impl, Contribution(update, 3), unit=unit, clip=bound).sums
    assert sums.keys() == ({"clipped"} if unit is None else set())
    norm = float(update[:15].double().norm())
    if unit is None and abs(norm / bound - 1) > 1e-6:
        assert sums["clipped"] == (norm > bound)
