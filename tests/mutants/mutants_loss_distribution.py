"""Wrong loss distributions: each is the plain one by FFT, with one thing that it forgets."""

from __future__ import annotations

import math

import numpy as np

from fedmini.privacy import loss_distribution
from tests.contracts.framework import mutant

WIDTH, HALF = 2e-4, 2**16  # the grid of losses reaches from -13 to 13


def plain(steps, delta, sides=(1, -1), **changes):
    """Losses rounded up to a grid, their chances convolved, and delta added up."""
    return max(0.0, *(direction(steps, delta, side, **changes) for side in sides))


def direction(steps, delta, side, rounded=np.ceil, half=HALF, infinite=1, other=False, lost=True):
    spectrum, beyond = np.ones(half + 1), 0.0
    for (rate, noise), count in steps.items():
        x = np.linspace(-9 * noise, 1 + 9 * noise, 40_001)
        log_rest = math.log1p(-rate) if rate < 1 else -np.inf
        ratio = np.logaddexp(log_rest, math.log(rate) + (x - 0.5) / noise**2)
        log_chance = -((x / noise) ** 2) / 2 + ratio * ((side > 0) != other)
        chance = np.exp(log_chance) / np.exp(log_chance).sum()
        index = rounded(side * ratio / WIDTH).astype(int)
        inside = abs(index) < half
        beyond += infinite * count * chance[~inside].sum()
        one = np.bincount(index[inside] % (2 * half), chance[inside], 2 * half)
        spectrum = spectrum * np.fft.rfft(one) ** count
    chances = np.roll(np.fft.irfft(spectrum, 2 * half), half)
    losses = np.arange(-half, half) * WIDTH
    # delta(e) = sum of chance (1 - e^(e - loss)) over losses above e
    found = np.cumsum(chances[::-1])[::-1] + beyond
    if lost:
        found -= np.exp(losses) * np.cumsum((chances * np.exp(-losses))[::-1])[::-1]
    enough = np.flatnonzero(found <= delta)
    return losses[enough[0]] if enough.size else math.inf


@mutant(
    "loss_distribution",
    law="law_delta_is_met_and_hardly_undercut",
    harm="Only the neighbour with a unit less is looked at: the unit that joins is not protected.",
)
def one_direction(steps, delta):
    return plain(steps, delta, sides=(-1,))


@mutant(
    "loss_distribution",
    law="law_delta_is_met_and_hardly_undercut",
    harm="Losses are rounded down to a coarse grid: every step hides a part of its loss.",
)
def rounded_down(steps, delta):
    return plain(steps, delta, rounded=lambda index: 50 * np.floor(index / 50))


@mutant(
    "loss_distribution",
    law="law_delta_is_met_and_hardly_undercut",
    harm="The chances of the losses are those without the unit: large losses seem rare.",
)
def chances_of_the_other_world(steps, delta):
    return plain(steps, delta, other=True)


@mutant(
    "loss_distribution",
    law="law_delta_is_met_and_hardly_undercut",
    harm="The tail of the loss alone, without 1 - e^(epsilon - L): a bound, but noise is wasted.",
)
def tail_of_the_sum(steps, delta):
    return plain(steps, delta, lost=False)


@mutant(
    "loss_distribution",
    law="law_delta_is_met_and_hardly_undercut",
    harm="Losses beyond the grid are dropped instead of being infinite: the worst ones are hidden.",
)
def beyond_the_grid_is_dropped(steps, delta):
    return plain(steps, delta, half=2**14, infinite=0)


@mutant(
    "loss_distribution",
    law="law_without_sampling_it_is_the_gaussian",
    harm="Losses are rounded up at every step: the excess grows with their number.",
)
def rounded_up(steps, delta):
    return plain(steps, delta)


@mutant(
    "loss_distribution",
    law="law_a_tiny_delta_keeps_its_digits",
    harm="Without a tilt a small delta drowns in the rounding of the transform: noise is read off.",
)
def without_a_tilt(steps, delta):
    return plain(steps, delta)


@mutant(
    "loss_distribution",
    law="law_loss_distribution_is_as_good_as_renyi",
    harm="The epsilon of one step times their number: far too much noise for any long run.",
)
def one_step_times_their_number(steps, delta):
    total = sum(steps.values())
    return sum(
        count * loss_distribution.epsilon({kind: 1}, delta / total)
        for kind, count in steps.items()
    )


@mutant(
    "loss_distribution",
    law="law_loss_distribution_falls_with_privacy",
    harm="Sums that leave the grid come back at its other end, as gains: long runs seem cheap.",
)
def wrapped_around(steps, delta):
    return plain(steps, delta)


@mutant(
    "loss_distribution",
    law="law_kinds_of_steps_make_one_run",
    harm="Each kind of step has its own epsilon, and they are added up: the budget ends too early.",
)
def kinds_are_added_up(steps, delta):
    return sum(
        loss_distribution.epsilon({kind: count}, delta / len(steps))
        for kind, count in steps.items()
    )


@mutant(
    "loss_distribution",
    law="law_kinds_of_steps_make_one_run",
    harm="Only the kind of step that was seen last is counted.",
)
def last_kind(steps, delta):
    kind, count = list(steps.items())[-1]
    return loss_distribution.epsilon({kind: count}, delta)
