"""Wrong clipping: bounds that do not hold, and updates that are changed without need."""

from __future__ import annotations

import math

import torch

from fedmini.privacy.mechanism import MARGIN, clip
from tests.contracts.framework import mutant


def to_norm(vector, norm):
    """The vector at another norm; zero stays zero."""
    found = vector.double().norm().item()
    return (vector.double() * (norm * (1 - MARGIN) / (found or 1.0))).float()


@mutant(
    "clip",
    law="law_norm_never_exceeds_the_bound",
    harm="Scaled to the very bound, float32 rounds half of all updates above it: epsilon is wrong.",
)
def without_margin(vector, max_norm):
    norm = vector.double().norm().item()
    return (vector.double() * min(1.0, max_norm / max(norm, 1e-300))).float()


@mutant(
    "clip",
    law="law_norm_never_exceeds_the_bound",
    harm="The squares of small float32 numbers are zero: such updates pass whatever the bound.",
)
def single_precision_norm(vector, max_norm):
    within = (vector.float() ** 2).sum().sqrt().item() <= max_norm
    return vector.float() if within else clip(vector, max_norm)


@mutant(
    "clip",
    law="law_norm_never_exceeds_the_bound",
    harm="Each coordinate is bounded, not the norm: sensitivity grows with the size of the model.",
)
def by_coordinate(vector, max_norm):
    return clip(vector, 1e38).clamp(-max_norm, max_norm)


@mutant(
    "clip",
    law="law_norm_never_exceeds_the_bound",
    harm="The bound adapts to the vector and bounds nothing, while the noise is sized for it.",
)
def relative_to_its_own_norm(vector, max_norm):
    return clip(vector, max(max_norm, vector.double().norm().item()))


@mutant(
    "clip",
    law="law_norm_is_the_smaller_and_the_direction_kept",
    harm="Small updates are blown up to the bound: the noise of a quiet hospital becomes a voice.",
)
def always_at_the_bound(vector, max_norm):
    return to_norm(vector, max_norm)


@mutant(
    "clip",
    law="law_norm_is_the_smaller_and_the_direction_kept",
    harm="A square that overflows makes the norm infinite and the update zero: a client is erased.",
)
def overflowing_norm(vector, max_norm):
    norm = (vector.float() ** 2).sum().sqrt().item()
    return clip(vector, max_norm) if math.isfinite(norm) else torch.zeros_like(vector)


@mutant(
    "clip",
    law="law_norm_is_the_smaller_and_the_direction_kept",
    harm="Layers, or chunks, are clipped each on its own: the update points elsewhere.",
)
def by_halves(vector, max_norm):
    halves = [to_norm(half, max_norm / math.sqrt(2)) for half in vector.chunk(2)]
    return clip(vector, max_norm) if len(halves) < 2 else torch.cat(halves)


@mutant(
    "clip",
    law="law_a_vector_on_the_bound_stays",
    harm="The margin is taken from every update: what is allowed is scaled, round after round.",
)
def margin_for_all(vector, max_norm):
    return clip(vector, max_norm * (1 - MARGIN))


@mutant(
    "clip",
    law="law_zero_stays_zero",
    harm="0 / 0: a client that has nothing to say sends NaN, and the global model is lost.",
)
def divides_by_zero(vector, max_norm):
    norm = vector.double().norm()
    return (vector / norm * norm.clamp(max=max_norm * (1 - MARGIN))).float()


@mutant(
    "clip",
    law="law_what_is_not_finite_is_refused",
    harm="min(1, C / norm) lets NaN through, and C / inf turns the finite rest to zero.",
)
def lets_nan_through(vector, max_norm):
    norm = vector.double().norm().item()
    return (vector.double() * min(1.0, max_norm * (1 - MARGIN) / (norm or 1.0))).float()


@mutant(
    "clip",
    law="law_what_is_not_finite_is_refused",
    harm="NaN is read as zero and infinity as the largest number: a diverged client votes.",
)
def mends(vector, max_norm):
    return clip(torch.nan_to_num(vector), max_norm)


@mutant(
    "clip",
    law="law_a_bound_that_bounds_nothing_is_refused",
    harm="A bound of 0, less, or infinity is taken as it is: all is erased, turned round, or open.",
)
def any_bound(vector, max_norm):
    return lets_nan_through(vector, max_norm)


@mutant(
    "clip",
    law="law_the_clipped_vector_is_a_new_one",
    harm="Clipping in place shrinks the live model, or the residual that was to be kept whole.",
)
def in_place(vector, max_norm):
    vector.data.copy_(clip(vector, max_norm))
    return vector.data.float()


@mutant(
    "clip",
    law="law_the_clipped_vector_is_a_new_one",
    harm="A short update is handed back itself: who writes into the upload writes into the model.",
)
def aliased(vector, max_norm):
    clipped = clip(vector, max_norm)
    return vector.detach().float() if torch.equal(clipped, vector) else clipped
