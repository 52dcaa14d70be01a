"""Laws of the loss distribution; what it says is held against integrals over all outcomes."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from hypothesis import strategies as st

from fedmini.privacy import gaussian, renyi
from tests.contracts import oracles_privacy as oracle
from tests.contracts.framework import law, real
from tests.contracts.laws_accountant import DELTAS, NOISES, SAMPLED, STEPS, close

real("loss_distribution", "fedmini.privacy.loss_distribution:epsilon")

KINDS = st.tuples(st.sampled_from([0.02, 0.1, 0.5, 1.0]), st.sampled_from([0.5, 1.0, 3.0]))
TIGHT, ROUGH = 1.005, 1e-4  # the share and the amount by which epsilon may be larger than need be


def outcomes(kind: tuple[float, float], removed: bool, width: float) -> tuple[np.ndarray, ...]:
    """Losses of one step and their chances, by quadrature over what it releases."""
    rate, noise = kind
    x, weight = oracle.grid(-9 * noise, 1 + 9 * noise, width * noise)
    ratio = oracle.log_ratio(x, rate, noise).astype(float)
    chance = (weight * np.exp(oracle.log_normal(x, 0, noise))).astype(float)
    return (ratio, chance * np.exp(ratio)) if removed else (-ratio, chance)


def least_delta(epsilon: float, kinds: list[tuple[float, float]]) -> float:
    """The delta of one or two steps, the larger of both directions, from every pair of outcomes."""
    found = []
    widths = [0.02] if len(kinds) == 1 else [0.25, 0.2]
    for removed in (True, False):
        losses, chances = np.zeros(1), np.ones(1)
        for kind, width in zip(kinds, widths, strict=True):
            loss, chance = outcomes(kind, removed, width)
            losses, chances = np.add.outer(losses, loss), np.multiply.outer(chances, chance)
        found.append(float((chances * np.maximum(0, -np.expm1(epsilon - losses))).sum()))
    return max(found)


@law("loss_distribution", kinds=st.lists(KINDS, min_size=1, max_size=2), delta=DELTAS)
def law_delta_is_met_and_hardly_undercut(impl, kinds, delta):
    epsilon = impl(Counter(kinds), delta)
    assert least_delta(epsilon, kinds) <= delta * (1 + 1e-4)
    if epsilon > ROUGH:
        assert least_delta(epsilon / TIGHT - ROUGH, kinds) > delta


@law("loss_distribution", noise=NOISES, steps=STEPS, delta=DELTAS)
def law_without_sampling_it_is_the_gaussian(impl, noise, steps, delta):
    exact = gaussian.epsilon(math.sqrt(steps) / noise, delta)
    assert (1 - 1e-9) * exact <= impl({(1.0, noise): steps}, delta) <= TIGHT * exact + ROUGH


@law("loss_distribution", noise=st.floats(1, 9), delta=st.sampled_from([1e-20, 1e-50, 1e-100]))
def law_a_tiny_delta_keeps_its_digits(impl, noise, delta):
    law_without_sampling_it_is_the_gaussian(impl, noise, 3, delta)


@law("loss_distribution", rate=SAMPLED, noise=NOISES, steps=STEPS, delta=DELTAS)
def law_loss_distribution_is_as_good_as_renyi(impl, rate, noise, steps, delta):
    run = {(rate, noise): steps}
    assert 0 <= impl(run, delta) <= TIGHT * renyi.epsilon(run, delta) + ROUGH


@law(
    "loss_distribution",
    factor=st.sampled_from([1.01, 3.0]),
    rate=SAMPLED,
    noise=NOISES,
    steps=STEPS,
    delta=DELTAS,
)
def law_loss_distribution_falls_with_privacy(impl, factor, rate, noise, steps, delta):
    now = impl({(rate, noise): steps}, delta)
    less, more = now / (1 + 1e-3) - ROUGH, now * (1 + 1e-3) + ROUGH
    assert impl({(rate, noise): math.ceil(steps * factor)}, delta) >= less
    assert impl({(min(1.0, rate * factor), noise): steps}, delta) >= less
    assert impl({(rate, noise * factor): steps}, delta) <= more
    assert impl({(rate, noise): steps}, delta * factor) <= more


@law(
    "loss_distribution",
    kinds=st.lists(KINDS, min_size=2, max_size=3, unique=True),
    counts=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    delta=DELTAS,
)
def law_kinds_of_steps_make_one_run(impl, kinds, counts, delta):
    run = dict(zip(kinds, counts, strict=False))
    whole = impl(run, delta)
    assert close(impl(dict(reversed(run.items())), delta), whole)
    assert all(impl({kind: count}, delta) <= whole * TIGHT + ROUGH for kind, count in run.items())
    # A kind whose noise differs by next to nothing is all but the same kind
    (rate, noise), count = kinds[0], counts[0]
    halves = {(rate, noise): count, (rate, noise * (1 + 1e-12)): count}
    assert close(impl(halves, delta), impl({(rate, noise): 2 * count}, delta), 1e-3)
