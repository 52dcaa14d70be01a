"""Wrong uplinks: other bounds, other weights, another order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from fedmini import uplink as room
from fedmini.privacy.mechanism import clip
from fedmini.uplink import uplink
from tests.contracts.framework import mutant


def steps_but(config, model, shared, forgotten: str) -> list:
    """The real steps without one of them."""
    steps = uplink(config, model, shared)
    left_out = getattr(room, forgotten)
    return [each for each in steps if getattr(each, "func", each) is not left_out]


@mutant(
    "uplink",
    law="law_clip_comes_before_the_weight",
    harm="Clipped after the weight: large hospitals shrink to the bound, small ones pass it.",
)
def weight_before_clip(config, model, shared):
    def clip_the_product(contribution):
        product = clip(contribution.update * contribution.weight, config.clip)
        return replace(contribution, update=product / contribution.weight)

    return [*steps_but(config, model, shared, "clipped"), clip_the_product]


@mutant(
    "uplink",
    law="law_clip_comes_before_the_weight",
    harm="Nothing is clipped: one hospital moves the model as far as it likes, noise or not.",
)
def never_clips(config, model, shared):
    return steps_but(config, model, shared, "clipped")


@mutant(
    "uplink",
    law="law_clip_comes_before_the_weight",
    harm="Each coordinate is clipped: the norm of a large model's update is far above the bound.",
)
def clips_coordinates(config, model, shared):
    def clamp(contribution):
        return replace(contribution, update=contribution.update.clamp(-config.clip, config.clip))

    return [clamp, *steps_but(config, model, shared, "clipped")]


@mutant(
    "uplink",
    law="law_clip_comes_before_the_weight",
    harm="Weights of n_k under noise for a uniform mean: a large hospital moves it by n_k bounds.",
)
def weights_of_examples(config, model, shared):
    return steps_but(config, model, shared, "weighted")


@mutant(
    "uplink",
    law="law_a_clip_bounds_weights_and_no_buffer",
    harm="Running variances shrink with every clip: batch norm divides by nearly nothing.",
)
def clips_buffers(config, model, shared):
    return [partial(room.clipped, max_norm=config.clip, trained=len(model.state), told=True)]


@mutant(
    "uplink",
    law="law_a_clip_bounds_weights_and_no_buffer",
    harm="Clipped only with noise: a run without it cannot be compared with one that has it.",
)
def clips_only_with_noise(config, model, shared):
    return uplink(config, model, shared) if config.unit == "client" else ()


@mutant(
    "uplink",
    law="law_only_shared_coordinates_are_in_the_norm",
    harm="With layers kept at home the bound reaches into the statistics behind the weights.",
)
def forgets_what_stays_at_home(config, model, shared):
    return uplink(config, model, None)


@mutant(
    "uplink",
    law="law_weights_are_public",
    harm="The cap is not kept: the largest hospital decides alone.",
)
def knows_no_cap(config, model, shared):
    return uplink(replace(config, weight_cap=None), model, shared)


@mutant(
    "uplink",
    law="law_weights_are_public",
    harm="Without noise everybody counts the same: a clinic as much as a university hospital.",
)
def weighs_all_alike(config, model, shared):
    return [*uplink(config, model, shared), lambda contribution: replace(contribution, weight=1.0)]


@mutant(
    "uplink",
    law="law_the_bound_of_gradients_leaves_updates_alone",
    harm="The bound of a gradient is laid on the whole round: long training is cut to one step.",
)
def clips_updates_too(config, model, shared):
    most = {"max_norm": config.clip, "trained": len(model.vector), "told": False}
    bound = partial(room.clipped, **most)
    return [bound, *uplink(config, model, shared)]


@mutant(
    "uplink",
    law="law_sums_without_noise_are_refused",
    harm="A control variate leaves the hospital beside the noisy update, without any noise.",
)
def lets_sums_through(config, model, shared):
    return steps_but(config, model, shared, "bare")


@mutant(
    "uplink",
    law="law_sums_without_noise_are_refused",
    harm="Sums are dropped in silence: an algorithm that needs them trains on zeros.",
)
def drops_sums(config, model, shared):
    return [lambda contribution: replace(contribution, sums={}), *uplink(config, model, shared)]


@mutant(
    "uplink",
    law="law_a_clip_is_told_where_it_is_no_secret",
    harm="Whether a hospital was clipped leaves it without noise: one bit a round, every round.",
)
def tells_on_private_hospitals(config, model, shared):
    def told(contribution):
        longer = float(contribution.update[: len(model.vector)].norm() > config.clip)
        return replace(contribution, sums={**contribution.sums, "clipped": torch.tensor(longer)})

    return [*uplink(config, model, shared)[:1], told, *uplink(config, model, shared)[1:]]


@mutant(
    "uplink",
    law="law_a_clip_is_told_where_it_is_no_secret",
    harm="The share of clipped updates is always 1: whoever sets --clip by it sets it too high.",
)
def tells_that_all_were_clipped(config, model, shared):
    def told(contribution):
        always = dict.fromkeys(contribution.sums, torch.ones(()))
        return replace(contribution, sums=always)

    return [*uplink(config, model, shared), told]
