"""Wrong noise and wrong denominators."""

from __future__ import annotations

import math

import torch

from fedmini.privacy.mechanism import gaussian_noise, noisy_mean
from fedmini.rng import stream
from tests.contracts.framework import mutant


@mutant(
    "gaussian_noise",
    law="law_noise_is_normal_of_multiplier_times_bound",
    harm="Sensitivity free of the clip bound: with a bound of 30 the noise is 30 times too small.",
)
def without_the_bound(size, *, max_norm, noise_multiplier, generator):
    return gaussian_noise(
        size, max_norm=1.0, noise_multiplier=noise_multiplier, generator=generator
    )


@mutant(
    "gaussian_noise",
    law="law_noise_is_normal_of_multiplier_times_bound",
    harm="The multiplier is taken as a variance: below 1 too much noise, above 1 too little.",
)
def variance_for_deviation(size, *, max_norm, noise_multiplier, generator):
    root = math.sqrt(noise_multiplier)
    return gaussian_noise(size, max_norm=max_norm, noise_multiplier=root, generator=generator)


@mutant(
    "gaussian_noise",
    law="law_noise_is_normal_of_multiplier_times_bound",
    harm="Noise is shared among the coordinates: each gets the less, the larger the model.",
)
def shared_among_coordinates(size, *, max_norm, noise_multiplier, generator):
    bound = max_norm / math.sqrt(size)
    return gaussian_noise(
        size, max_norm=bound, noise_multiplier=noise_multiplier, generator=generator
    )


@mutant(
    "gaussian_noise",
    law="law_noise_is_normal_of_multiplier_times_bound",
    harm="Uniform noise of the right variance has an end: an output beyond it tells who was there.",
)
def uniform(size, *, max_norm, noise_multiplier, generator):
    draws = torch.rand(size, generator=generator, dtype=torch.float64)
    return (draws - 0.5) * math.sqrt(12) * noise_multiplier * max_norm


@mutant(
    "gaussian_noise",
    law="law_every_coordinate_has_noise_of_its_own",
    harm="A block of noise is used again for every layer: differences of layers are bare.",
)
def one_block_repeated(size, *, max_norm, noise_multiplier, generator):
    block = gaussian_noise(
        1000, max_norm=max_norm, noise_multiplier=noise_multiplier, generator=generator
    )
    return block.repeat(-(-size // 1000))[:size]


@mutant(
    "gaussian_noise",
    law="law_noise_is_what_its_address_says",
    harm="Noise from the global generator: a replayed round releases a second, independent answer.",
)
def from_the_global_generator(size, *, max_norm, noise_multiplier, generator):
    return torch.randn(size, dtype=torch.float64) * (noise_multiplier * max_norm)


@mutant(
    "gaussian_noise",
    law="law_noise_is_what_its_address_says",
    harm="The same noise every round: the difference of two rounds is free of it.",
)
def the_same_every_round(size, *, max_norm, noise_multiplier, generator):
    return gaussian_noise(
        size,
        max_norm=max_norm,
        noise_multiplier=noise_multiplier,
        generator=stream(0, "noise"),
    )


@mutant(
    "noisy_mean",
    law="law_mean_over_all_cohorts_is_the_weighted_mean",
    harm="Noise for a sum is added to a mean: far more of it than the budget asked for.",
)
def noise_on_the_mean(total, noise, expected_weight):
    return total / expected_weight + noise


@mutant(
    "noisy_mean",
    law="law_mean_over_all_cohorts_is_the_weighted_mean",
    harm="Noise scaled for a uniform mean: with weights below 1 it is less than the budget needs.",
)
def noise_for_a_uniform_mean(total, noise, expected_weight):
    return total / expected_weight + noise / math.ceil(expected_weight + 1)


@mutant(
    "noisy_mean",
    law="law_mean_over_all_cohorts_is_the_weighted_mean",
    harm="A denominator of at least 1 shrinks every step of a small cohort.",
)
def at_least_one(total, noise, expected_weight):
    return noisy_mean(total, noise, max(1.0, expected_weight))


@mutant(
    "noisy_mean",
    law="law_an_empty_sum_is_released_with_its_noise",
    harm="An empty cohort is released without noise: the model that stands still tells of it.",
)
def no_noise_for_an_empty_cohort(total, noise, expected_weight):
    return noisy_mean(total, noise, expected_weight) if total.any() else total
