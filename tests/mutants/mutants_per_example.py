"""Wrong sums of clipped gradients: what is protected is not what is promised."""

from __future__ import annotations

import math

import torch

from fedmini.privacy.mechanism import MARGIN, clip
from fedmini.privacy.per_example import clipped_sum
from tests.contracts.framework import mutant


def gradient(model, loss, images, targets):
    """Gradient (D,), a vector of its own, and loss; what was in model.grad is overwritten."""
    model.grad.zero_()
    value = loss(model.module(images), targets)
    value.backward()
    return model.grad.clone(), value.detach()


def summed(model, parts):
    """Sums of gradients and of losses from pairs; zeros if there is none."""
    total, losses = torch.zeros_like(model.vector), torch.zeros(())
    for share, value in parts:
        total, losses = total + share, losses + value
    return total, losses


@mutant(
    "clipped_sum",
    law="law_each_gradient_is_clipped_and_all_are_added",
    harm="The gradients of all are added first and clipped then: one image steers the whole sum.",
)
def clips_the_batch(model, loss, units, *, max_norm, physical_batch):
    total, losses = summed(model, (gradient(model, loss, *unit) for unit in units))
    return clip(total, max_norm), losses


@mutant(
    "clipped_sum",
    law="law_one_unit_more_or_less_moves_the_sum_by_the_bound_at_most",
    harm="Every image has a bound of its own: a patient with ten images counts tenfold.",
)
def clips_each_image_of_a_patient(model, loss, units, *, max_norm, physical_batch):
    images = [pair for unit in units for pair in zip(*(each.split(1) for each in unit))]
    return clipped_sum(model, loss, images, max_norm=max_norm, physical_batch=physical_batch)


@mutant(
    "clipped_sum",
    law="law_an_image_twice_is_no_more_of_a_patient",
    harm="Losses of a patient are added, not averaged: who has many images is clipped hardest.",
)
def adds_the_losses_of_a_patient(model, loss, units, *, max_norm, physical_batch):
    def added(logits, targets):
        return len(targets) * loss(logits, targets)

    return clipped_sum(model, added, units, max_norm=max_norm, physical_batch=physical_batch)


@mutant(
    "clipped_sum",
    law="law_each_gradient_is_clipped_and_all_are_added",
    harm="The mean is handed on as the sum: noise sized for the sum drowns it.",
)
def mean_for_the_sum(model, loss, units, *, max_norm, physical_batch):
    total, losses = clipped_sum(
        model, loss, units, max_norm=max_norm, physical_batch=physical_batch
    )
    return total / max(1, len(units)), losses


@mutant(
    "clipped_sum",
    law="law_each_gradient_is_clipped_and_all_are_added",
    harm="Each layer has the whole bound: a network of L layers moves by sqrt(L) times of it.",
)
def clips_each_layer(model, loss, units, *, max_norm, physical_batch):
    def shares():
        for unit in units:
            whole, value = gradient(model, loss, *unit)
            layers = whole.split(model.sizes)
            yield torch.cat([clip(layer, max_norm) for layer in layers]), value

    return summed(model, shares())


@mutant(
    "clipped_sum",
    law="law_each_gradient_is_clipped_and_all_are_added",
    harm="Gradients pile up from unit to unit: the first of them is in every share.",
)
def never_zeroes(model, loss, units, *, max_norm, physical_batch):
    def shares():
        model.grad.zero_()
        for images, targets in units:
            value = loss(model.module(images), targets)
            value.backward()
            yield clip(model.grad, max_norm), value.detach()

    return summed(model, shares())


@mutant(
    "clipped_sum",
    law="law_how_many_are_in_memory_at_once_is_no_matter",
    harm="What fits into memory is clipped as one: the guarantee depends on a setting of speed.",
)
def clips_what_is_in_memory(model, loss, units, *, max_norm, physical_batch):
    def shares():
        for start in range(0, len(units), physical_batch):
            group = units[start : start + physical_batch]
            total, value = summed(model, (gradient(model, loss, *unit) for unit in group))
            yield clip(total, max_norm), value

    return summed(model, shares())


@mutant(
    "clipped_sum",
    law="law_how_many_are_in_memory_at_once_is_no_matter",
    harm="Units that do not fill memory are dropped: the last patients of a batch never count.",
)
def drops_the_last(model, loss, units, *, max_norm, physical_batch):
    full = units[: len(units) // physical_batch * physical_batch]
    return clipped_sum(model, loss, full, max_norm=max_norm, physical_batch=physical_batch)


@mutant(
    "clipped_sum",
    law="law_order_is_no_matter",
    harm="The bound is a budget that the first units use up: the last are never heard.",
)
def bound_shared_in_turn(model, loss, units, *, max_norm, physical_batch):
    def shares():
        for number, unit in enumerate(units):
            found, value = gradient(model, loss, *unit)
            yield clip(found, max_norm / 2**number), value

    return summed(model, shares())


@mutant(
    "clipped_sum",
    law="law_nobody_gives_zeros",
    harm="A batch that nobody came to repeats the gradient that was left of the last one.",
)
def leftovers_for_nobody(model, loss, units, *, max_norm, physical_batch):
    if not units:
        return model.grad.clone(), torch.zeros(())
    return clipped_sum(model, loss, units, max_norm=max_norm, physical_batch=physical_batch)


@mutant(
    "clipped_sum",
    law="law_a_gradient_that_is_not_finite_is_refused",
    harm="min(1, C / NaN) is 1: one broken image makes every weight NaN.",
)
def lets_nan_through(model, loss, units, *, max_norm, physical_batch):
    def shares():
        for unit in units:
            found, value = gradient(model, loss, *unit)
            norm = found.double().norm().item()
            yield found * min(1.0, max_norm * (1 - MARGIN) / (norm or 1.0)), value

    return summed(model, shares())


@mutant(
    "clipped_sum",
    law="law_a_gradient_that_is_not_finite_is_refused",
    harm="A unit that is not finite is left out in silence: who is missing shows in the result.",
)
def skips_nan(model, loss, units, *, max_norm, physical_batch):
    found = [gradient(model, loss, *unit) for unit in units]
    finite = [(clip(g, max_norm), value) for g, value in found if math.isfinite(float(g.sum()))]
    return summed(model, finite)


@mutant(
    "clipped_sum",
    law="law_the_model_stays_as_it_was",
    harm="The sum is handed out as the model's own gradient, which the next step overwrites.",
)
def aliased(model, loss, units, *, max_norm, physical_batch):
    total, losses = clipped_sum(
        model, loss, units, max_norm=max_norm, physical_batch=physical_batch
    )
    return model.grad.copy_(total), losses


@mutant(
    "clipped_sum",
    law="law_the_model_stays_as_it_was",
    harm="Gradients are set to None between units: they leave the flat vector, and training stops.",
)
def detaches_the_views(model, loss, units, *, max_norm, physical_batch):
    model.module.zero_grad()
    return clipped_sum(model, loss, units, max_norm=max_norm, physical_batch=physical_batch)
