"""Wrong servers of secure aggregation: other sums, other survivors, noise that is forgotten."""

from __future__ import annotations

from dataclasses import replace

import torch

from fedmini.secure import SecureServer
from fedmini.server import Total
from tests.contracts.framework import mutant

PLAIN, ABORTED = "law_a_secure_round_is_the_plain_one", "law_an_aborted_round_leaves_no_trace"


@mutant(
    "secure_server",
    law="law_the_threshold_that_was_asked_for_holds",
    harm="--secagg-threshold is read and forgotten: sums of fewer hospitals than were promised.",
)
class ForgetsTheThreshold(SecureServer):
    def settle(self, config, ring):
        super().settle(replace(config, secagg_threshold=None), ring)


@mutant(
    "secure_server",
    law=PLAIN,
    harm="The sum is divided by heads and not by images: small hospitals weigh as much as large.",
)
class DividesByHeads(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        if total.clients:
            total.mean = total.mean * total.weight / len(total.clients)
        return total


@mutant(
    "secure_server",
    law=PLAIN,
    harm="The coordinates at the end are read in another order: the loss is taken for a count.",
)
class MixesUpTheSums(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        total.sums = dict(zip(total.sums, reversed(total.sums.values()), strict=True))
        return total


@mutant(
    "secure_server",
    law=ABORTED,
    harm="Clients hear that an upload counted which nobody could read; what was pending is kept.",
)
class AcknowledgesWhatWasLost(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        if not total.clients:
            self.acknowledged |= dict.fromkeys(cohort, self.round)
        return total


@mutant(
    "secure_server",
    law=ABORTED,
    harm="A round that fails is played again without masks: dropping out uncovers the others.",
)
class FallsBackToPlainUploads(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        if total.clients:
            return total
        clients = [self.network.clients[name].client for name in cohort]
        questions = self.questions(cohort)
        replies = [(each.name, each.answer(questions[each.name])) for each in clients]
        return self.collect(cohort, replies)


@mutant(
    "secure_server",
    law="law_one_client_that_diverged_is_named_and_left_out",
    harm="Whoever was asked counts as in the sum: the log does not tell whose training diverged.",
)
class NamesWhoeverWasAsked(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        total.clients = list(cohort)
        return total


@mutant(
    "secure_server",
    law="law_a_cohort_below_the_threshold_sends_nothing",
    harm="The threshold shrinks with the cohort: a small one is summed, down to two hospitals.",
)
class ShrinksTheThreshold(SecureServer):
    def gather(self, cohort):
        promised = self.threshold
        self.threshold = min(promised, len(cohort))
        total = super().gather(cohort)
        self.threshold = promised
        return total


@mutant(
    "secure_server",
    law="law_noise_is_added_to_the_decoded_sum",
    harm="An aborted round moves the model all the same, by noise and nothing else.",
)
class NoiseBelowTheThreshold(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        noise = self.aggregator(len(cohort)).result().float()
        return total if total.clients else Total(list(cohort), mean=noise)


@mutant(
    "secure_server",
    law="law_noise_is_added_to_the_decoded_sum",
    harm="The noisy sum is divided by the weight that came: one hospital moves all others' shares.",
)
class OverTheWeightThatCame(SecureServer):
    def gather(self, cohort):
        total = super().gather(cohort)
        if total.clients:
            noisy = self.aggregator(len(cohort))
            total.mean = (total.mean * noisy.expected / total.weight).float()
        return total


@mutant(
    "secure_server",
    law="law_noise_is_added_to_the_decoded_sum",
    harm="The sum is decoded and released as it is: the budget is paid, and no noise was added.",
)
class WithoutNoise(SecureServer):
    def gather(self, cohort):
        right = self.aggregator

        def silent(size):
            noisy = right(size)
            noisy.noise = torch.zeros_like(noisy.noise)
            return noisy

        self.aggregator = silent
        total = super().gather(cohort)
        self.aggregator = right
        return total
