"""Wrong private federations: noise for another sum, another denominator, another key."""

from __future__ import annotations

import dataclasses

import torch

from fedmini.private import NoisySum, protect
from fedmini.rng import stream
from tests.contracts.framework import mutant


@mutant(
    "noisy_sum",
    law="law_noisy_sum_over_the_weight_that_was_expected",
    harm="An empty cohort is answered without noise: silence says that nobody was there.",
)
class SilentIfNobodyCame(NoisySum):
    def result(self):
        return super().result() * (self.updates.added > 1)


@mutant(
    "noisy_sum",
    law="law_noisy_sum_over_the_weight_that_was_expected",
    harm="The noise for a sum is added to the mean: hundreds of times what was paid for.",
)
class NoiseOnTheMean(NoisySum):
    def result(self):
        return self.updates.value() / self.expected + self.noise


@mutant(
    "noisy_sum",
    law="law_private_updates_have_no_order",
    harm="The order of the answers shows in the last bits of what is released.",
)
class SumsFloats(NoisySum):
    def add(self, client, update, weight):
        super().add(client, torch.zeros_like(update), weight)
        self.noise = (self.noise.float() + update * weight).double()


def with_sum(kind: type):
    """The real protection, whose sum a mutant has spoilt."""

    def spoilt(federation, key):
        protect(federation, key)
        noisy = federation.server.aggregator

        def aggregator(cohort):
            right = noisy(cohort)
            return kind(cohort, right.noise, right.expected)

        federation.server.aggregator = aggregator

    return spoilt


class OverThoseWhoCame(NoisySum):
    def result(self):
        return super().result() * self.expected / max(1, self.updates.added - 1)


class OverTheWeightThatCame(NoisySum):
    came = 0.0

    def add(self, client, update, weight):
        super().add(client, update, weight)
        self.came += weight

    def result(self):
        return super().result() * self.expected / (self.came or self.expected)


class NoiseForEachAnswer(NoisySum):
    def result(self):
        self.noise = self.noise * (self.updates.added - 1) ** 0.5
        return super().result()


class NoiseOfAUniformMean(NoisySum):
    def result(self):
        clean = self.updates.value() / self.expected
        return clean + self.noise / self.updates.count


def released(name: str, harm: str, kind: type) -> None:
    spoilt = with_sum(kind)
    spoilt.__name__ = name
    law = "law_released_means_have_the_noise_that_was_paid_for"
    mutant("protect", law=law, harm=harm)(spoilt)


released(
    "divides_by_the_cohort",
    "Noise divided by those who came: the size of a secret cohort shows in it.",
    OverThoseWhoCame,
)
released(
    "divides_by_the_weight_that_came",
    "A mean of those who came: one hospital changes all others' shares, beyond its clip bound.",
    OverTheWeightThatCame,
)
released(
    "noise_for_each_answer",
    "Each answer is thought to bring its part of the noise: after dropouts too little is there.",
    NoiseForEachAnswer,
)
released(
    "noise_of_a_uniform_mean",
    "Noise for equal weights, where they differ: the largest hospital is protected too little.",
    NoiseOfAUniformMean,
)


@mutant(
    "protect",
    law="law_the_key_decides_cohorts_and_noise",
    harm="Noise from the public seed: anyone can draw it again and subtract it.",
)
def noise_from_the_seed(federation, key):
    protect(federation, federation.config.seed.encode())
    cohorts = federation.server.cohorts
    federation.server.cohorts = dataclasses.replace(cohorts, key=key)


@mutant(
    "protect",
    law="law_the_key_decides_cohorts_and_noise",
    harm="Cohorts from the public seed: everyone knows who was asked, and nothing is amplified.",
)
def cohorts_from_the_seed(federation, key):
    public = federation.server.cohorts.key
    protect(federation, key)
    federation.server.cohorts = dataclasses.replace(federation.server.cohorts, key=public)


@mutant(
    "protect",
    law="law_the_key_decides_cohorts_and_noise",
    harm="The same noise in every round: the difference of two models has none.",
)
def the_same_noise_in_every_round(federation, key):
    protect(federation, key)
    noisy = federation.server.aggregator

    def aggregator(cohort):
        total = noisy(cohort)
        total.noise = torch.randn(4, generator=stream(key, "noise"), dtype=torch.float64)
        return total

    federation.server.aggregator = aggregator


@mutant(
    "protect",
    law="law_an_empty_cohort_is_released_like_any_other",
    harm="A round without answers is aborted: the model that stays tells that nobody was there.",
)
def aborts_an_empty_cohort(federation, key):
    protect(federation, key)
    federation.server.min_survivors = 1
