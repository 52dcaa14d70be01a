"""Wrong integer noise, and wrong charges for it."""

from __future__ import annotations

import math

import numpy as np

from fedmini.privacy import gaussian
from fedmini.privacy.skellam import epsilon, reach, skellam_noise, variance
from fedmini.rng import numpy_stream
from tests.contracts.framework import mutant


@mutant(
    "skellam_noise",
    law="law_noise_is_the_difference_of_two_poisson_draws",
    harm="Each Poisson draw has the whole variance: the difference has twice as much.",
)
def twice_the_variance(size, variance, key, round, client):
    return skellam_noise(size, 2 * variance, key, round, client)


@mutant(
    "skellam_noise",
    law="law_noise_is_the_difference_of_two_poisson_draws",
    harm="One Poisson draw less its mean: it never falls below, so that a low sum tells for sure.",
)
def one_draw_only(size, variance, key, round, client):
    draws = numpy_stream(key, "skellam", round, client).poisson(variance, size)
    return draws - int(variance)


@mutant(
    "skellam_noise",
    law="law_noise_is_the_difference_of_two_poisson_draws",
    harm="Real noise that is truncated to integers: most of it is lost where there was little.",
)
def lost_to_truncation(size, variance, key, round, client):
    draws = numpy_stream(key, "skellam", round, client).standard_normal(size)
    return (math.sqrt(variance) * draws).astype(np.int64)


@mutant(
    "skellam_noise",
    law="law_noise_of_many_clients_is_noise_of_the_summed_variance",
    harm="All clients share one stream: a colluding client knows the noise of all others.",
)
def one_stream_for_all(size, variance, key, round, client):
    return skellam_noise(size, variance, key, round, "")


@mutant(
    "skellam_noise",
    law="law_loud_noise_has_all_its_digits",
    harm="Poisson draws pass through float32: the last bits of a sum are those of the updates.",
)
def in_single_precision(size, variance, key, round, client):
    draws = numpy_stream(key, "skellam", round, client).poisson(variance / 2, (2, size))
    first, second = draws.astype(np.float32).astype(np.int64)
    return first - second


@mutant(
    "skellam_noise",
    law="law_skellam_noise_is_what_its_address_says",
    harm="The same noise every round: the difference of two rounds is free of it.",
)
def the_same_every_round(size, variance, key, round, client):
    return skellam_noise(size, variance, key, 0, client)


@mutant(
    "skellam_noise",
    law="law_skellam_noise_is_what_its_address_says",
    harm="Fresh noise at each call: a replayed round releases a second, independent answer.",
)
def fresh_at_each_call(size, variance, key, round, client):
    first, second = np.random.default_rng().poisson(variance / 2, (2, size))
    return first - second


@mutant(
    "skellam_variance",
    law="law_divergence_is_never_above_the_charge",
    harm="Sensitivity of the clip bound, not of its integers: noise 2^f times too small.",
)
def without_the_bound(noise_multiplier, bound, honest):
    return variance(noise_multiplier, 1.0, honest)


@mutant(
    "skellam_variance",
    law="law_divergence_is_never_above_the_charge",
    harm="The deviation is taken for the variance of the noise: far too little of it.",
)
def deviation_for_variance(noise_multiplier, bound, honest):
    return noise_multiplier * bound / honest


@mutant(
    "skellam_variance",
    law="law_bound_of_the_paper_is_never_above_the_charge",
    harm="The L1 norm is forgotten: noise is charged as if it were Gaussian, with no proof.",
)
def without_the_l1_norm(noise_multiplier, bound, honest):
    return (noise_multiplier * bound) ** 2 / honest


@mutant(
    "skellam_variance",
    law="law_what_is_fine_costs_next_to_nothing",
    harm="The looser half of the paper's bound: a quarter of the noise's loudness for nothing.",
)
def looser_half_of_the_bound(noise_multiplier, bound, honest):
    return 2.5 * (noise_multiplier * bound) ** 2 / honest


@mutant(
    "skellam_variance",
    law="law_honest_clients_alone_make_the_noise",
    harm="One more client is counted on than is left: with it gone, or talking, noise is missing.",
)
def one_client_too_many(noise_multiplier, bound, honest):
    return variance(noise_multiplier, bound, honest + 1)


@mutant(
    "skellam_variance",
    law="law_honest_clients_alone_make_the_noise",
    harm="The deviation is divided among clients, not the variance: too little noise in the sum.",
)
def deviation_divided(noise_multiplier, bound, honest):
    return variance(noise_multiplier, bound, 1) / honest**2


@mutant(
    "skellam_reach",
    law="law_noise_beyond_its_reach_is_rarer_than_once_in_2_40",
    harm="Six deviations: in ten million coordinates some wraps in every round.",
)
def six_deviations(variance, size):
    return 6 * math.sqrt(variance)


@mutant(
    "skellam_reach",
    law="law_noise_beyond_its_reach_is_rarer_than_once_in_2_40",
    harm="The tail of a normal: that of rare integers is heavier, and a sum wraps.",
)
def tail_of_a_normal(variance, size):
    return math.sqrt(2 * variance * math.log(2 * size * 2.0**40))


@mutant(
    "skellam_reach",
    law="law_reach_of_loud_noise_is_ten_deviations",
    harm="Chebyshev's bound: it leaves no bit of the ring to the updates.",
)
def by_chebyshev(variance, size):
    return math.sqrt(variance * size * 2.0**40)


@mutant(
    "skellam_epsilon",
    law="law_epsilon_is_that_of_the_best_whole_order",
    harm="Charged as if it were Gaussian, at orders where the bound was never shown.",
)
def as_if_gaussian(mu, delta):
    return gaussian.epsilon(mu, delta)


@mutant(
    "skellam_epsilon",
    law="law_epsilon_is_that_of_the_best_whole_order",
    harm="Epsilon grows with mu, not its square: many rounds cost as few.",
)
def without_the_square(mu, delta):
    return epsilon(math.sqrt(mu), delta)


@mutant(
    "skellam_epsilon",
    law="law_delta_of_the_noise_is_kept",
    harm="The Renyi divergence at order 2 is reported as epsilon, and delta forgotten.",
)
def divergence_for_epsilon(mu, delta):
    return mu**2
