"""Wrong measures of one step: Renyi divergences, and the Gaussian without sampling."""

from __future__ import annotations

import math

import numpy as np

from fedmini.privacy import gaussian, renyi
from tests.contracts.framework import mutant


@mutant(
    "log_moment",
    law="law_moment_is_the_integral",
    harm="Whole orders only: what lies between is rounded up, and much noise buys little.",
)
def whole_orders_only(order, sample_rate, noise_multiplier):
    return renyi.log_moment(max(2, math.ceil(order)), sample_rate, noise_multiplier)


@mutant(
    "log_moment",
    law="law_moment_is_the_integral",
    harm="A chord between whole orders is looser than the curve, most of all below order 2.",
)
def between_whole_orders(order, sample_rate, noise_multiplier):
    below, share = math.floor(order), order - math.floor(order)
    chord = [
        renyi.log_moment(each, sample_rate, noise_multiplier) if each > 1 else 0.0
        for each in (below, below + 1)
    ]
    return (1 - share) * chord[0] + share * chord[1]


@mutant(
    "log_moment",
    law="law_moment_is_the_integral",
    harm="The mixture is bounded by its parts: valid, but sampling gets almost no credit.",
)
def bounded_by_convexity(order, sample_rate, noise_multiplier):
    alone = math.log(sample_rate) + order * (order - 1) / 2 / noise_multiplier**2
    return float(np.logaddexp(math.log1p(-sample_rate) if sample_rate < 1 else -np.inf, alone))


@mutant(
    "log_moment",
    law="law_moment_is_the_integral",
    harm="a q^2 / (2 z^2) a step holds for large noise alone: elsewhere it hides the real loss.",
)
def leading_term(order, sample_rate, noise_multiplier):
    return order * (order - 1) / 2 * sample_rate**2 / noise_multiplier**2


@mutant(
    "log_moment",
    law="law_moment_is_the_integral",
    harm="A few points of the integral miss its second peak: epsilon is far too small.",
)
def integral_on_a_coarse_grid(order, sample_rate, noise_multiplier):
    z = noise_multiplier
    x = np.linspace(-6 * z, 6 * z, 400)
    exponent = (x - 0.5) / z**2
    mixture = np.log1p(sample_rate * np.expm1(np.minimum(exponent, 300)))
    terms = order * mixture - x**2 / 2 / z**2 + math.log((x[1] - x[0]) / z / math.sqrt(2 * math.pi))
    return float(np.logaddexp.reduce(terms))


@mutant(
    "log_moment",
    law="law_moment_of_a_whole_order_is_the_binomial_sum",
    harm="1 + 1e-17 is 1: a million steps at a small rate seem to cost nothing.",
)
def logarithm_of_one_and_a_bit(order, sample_rate, noise_multiplier):
    return math.log(
        sum(
            math.comb(order, k)
            * (1 - sample_rate) ** (order - k)
            * sample_rate**k
            * math.exp(min(700.0, (k * k - k) / 2 / noise_multiplier**2))
            for k in range(order + 1)
        )
    )


@mutant(
    "log_moment",
    law="law_moment_of_a_whole_order_is_the_binomial_sum",
    harm="Without log space high orders overflow and are thrown away: epsilon is too large.",
)
def overflowing(order, sample_rate, noise_multiplier):
    largest = (order * order - order) / 2 / noise_multiplier**2
    return math.inf if largest > 700 else renyi.log_moment(order, sample_rate, noise_multiplier)


@mutant(
    "gaussian_epsilon",
    law="law_without_sampling_delta_is_met_exactly",
    harm="The classic sqrt(2 ln(1.25 / delta)) / z is proven below epsilon 1 only: above it lies.",
)
def classic(mu, delta):
    return mu * math.sqrt(2 * math.log(1.25 / delta))


@mutant(
    "gaussian_epsilon",
    law="law_without_sampling_delta_is_met_exactly",
    harm="The tail of the loss alone is a bound, not the truth: noise is wasted.",
)
def tail_of_the_loss(mu, delta):
    return mu * mu / 2 + mu * math.sqrt(-2 * math.log(delta))


@mutant(
    "gaussian_epsilon",
    law="law_without_sampling_delta_is_met_exactly",
    harm="Half of delta is lost to a test of two sides that nobody makes.",
)
def two_sided(mu, delta):
    return gaussian.epsilon(mu, delta / 2)


@mutant(
    "gaussian_epsilon",
    law="law_a_large_shift_does_not_overflow",
    harm="e^epsilon overflows and its tail underflows: little noise seems to cost nothing more.",
)
def capped_exponential(mu, delta):
    return min(gaussian.epsilon(mu, delta), 700.0)
