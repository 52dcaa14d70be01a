"""Wrong servers: each is the real one with one method changed."""

from __future__ import annotations

import dataclasses

import torch
from tests.contracts.framework import mutant

from fedmini.errors import RunFailed
from fedmini.server import Round, Server


class OwnSum(Server):
    """The real server, whose sum of a round a mutant may spoil in `spoil`."""

    def collect(self, cohort, replies):
        kept = []
        total = super().collect(cohort, (kept.append(each) or each for each in replies))
        if kept:
            self.spoil(total, dict(kept))
        return total


@mutant(
    "server",
    law="law_model_moves_by_the_mean_of_those_who_answered",
    harm="Hospitals that did not answer count as updates of zero: faults shorten every step.",
)
class DividesByAllClients(OwnSum):
    def spoil(self, total, replies):
        total.mean = total.mean * len(replies) / len(self.cohorts.clients)


@mutant(
    "server",
    law="law_model_moves_by_the_mean_of_those_who_answered",
    harm="A clinic with ten patients counts like a university hospital with ten thousand.",
)
class CountsHospitalsNotPatients(OwnSum):
    def spoil(self, total, replies):
        total.mean = sum(reply.update for reply in replies.values()) / len(replies)


@mutant(
    "server",
    law="law_model_moves_by_the_mean_of_those_who_answered",
    harm="The reported loss is that of no set of patients.",
)
class LossOverClients(Server):
    def record(self, cohort, total, aborted, seconds):
        right = super().record(cohort, total, aborted, seconds)
        loss = right.train_loss * total.weight / len(total.clients)
        return dataclasses.replace(right, train_loss=loss)


@mutant(
    "server",
    law="law_replies_have_no_order",
    harm="Float sums depend on who answers first: no run can be replayed.",
)
class SumsFloatsOnArrival(OwnSum):
    def spoil(self, total, replies):
        total.mean = sum(each.update * each.weight for each in replies.values()) / total.weight


@mutant(
    "server",
    law="law_too_few_survivors_leave_no_trace",
    harm="The option does nothing: a mean over two hospitals shows almost each one's update.",
)
class MinSurvivorsIgnored(Server):
    def run(self, rounds):
        self.min_survivors = 1
        return super().run(rounds)


@mutant(
    "server",
    law="law_too_few_survivors_leave_no_trace",
    harm="Clients commit what depends on an upload that never entered the model.",
)
class AcknowledgesAbortedRounds(Server):
    def record(self, cohort, total, aborted, seconds):
        self.acknowledged |= dict.fromkeys(total.clients, self.round)
        return super().record(cohort, total, aborted, seconds)


@mutant(
    "server",
    law="law_acknowledged_is_the_last_upload_in_the_model",
    harm="Whoever was asked is acknowledged: lost uploads are committed.",
)
class AcknowledgesTheCohort(Server):
    def record(self, cohort, total, aborted, seconds):
        self.acknowledged |= dict.fromkeys(cohort, self.round)
        return super().record(cohort, total, aborted, seconds)


@mutant(
    "server",
    law="law_acknowledged_is_the_last_upload_in_the_model",
    harm="A hospital that misses a round never learns that its last upload arrived.",
)
class ForgetsOldAcknowledgements(Server):
    def step(self, total):
        self.acknowledged = {}
        super().step(total)


@mutant(
    "server",
    law="law_only_shared_coordinates_travel_and_move",
    harm="Layers that should stay at home are sent to everyone.",
)
class SendsPrivateCoordinates(Server):
    def questions(self, cohort):
        asked = super().questions(cohort)
        whole = {"model": self.model}
        return {name: dataclasses.replace(each, arrays=whole) for name, each in asked.items()}


@mutant(
    "server",
    law="law_only_shared_coordinates_travel_and_move",
    harm="A mean of shared coordinates lands on the first ones of the model, whatever they are.",
)
class ExpandsToTheFront(Server):
    def expand(self, mean):
        return torch.cat([mean, self.model.new_zeros(len(self.model) - len(mean))])


@mutant(
    "server",
    law="law_buffers_are_averaged_too",
    harm="Batch norm normalises by the statistics of whichever hospital answered last.",
)
class BuffersOfOneHospital(OwnSum):
    def spoil(self, total, replies):
        if self.variances is not None:
            last = list(replies.values())[-1].update
            total.mean[self.variances] = last[self.variances]


@mutant(
    "server",
    law="law_buffers_are_averaged_too",
    harm="The global model keeps its first running statistics and predicts nonsense in eval mode.",
)
class BuffersNeverComeBack(Server):
    def step(self, total):
        kept = self.model[self.variances].clone()
        super().step(total)
        self.model[self.variances] = kept


@mutant(
    "server",
    law="law_buffers_are_averaged_too",
    harm="A long server step drives a variance below zero: its square root is NaN.",
)
class NegativeVariances(Server):
    def step(self, total):
        self.variances = None
        super().step(total)


@mutant(
    "server",
    law="law_questions_keep_the_weights_of_their_round",
    harm="FedProx pulls towards weights that are newer than those its client started from.",
)
class MovesTheModelThatWasSent(Server):
    def step(self, total):
        sent = self.model
        super().step(total)
        self.model = sent.copy_(self.model)


@mutant(
    "server",
    law="law_nobody_left_ends_the_run",
    harm="Hundreds of rounds pass in which every hospital crashes, and the run ends as a success.",
)
class CarriesOnAlone(Server):
    def record(self, cohort, total, aborted, seconds):
        try:
            return super().record(cohort, total, aborted, seconds)
        except RunFailed:
            return Round(self.round, cohort, cohort, {}, None, True, 0, 0, seconds)


@mutant(
    "server",
    law="law_traffic_is_counted_by_the_round",
    harm="Bytes of earlier rounds are counted again: compressed runs look ever more expensive.",
)
class CountsTrafficTwice(Server):
    sent = received = 0

    def record(self, cohort, total, aborted, seconds):
        right = super().record(cohort, total, aborted, seconds)
        self.sent += right.bytes_down
        self.received += right.bytes_up
        return dataclasses.replace(right, bytes_up=self.received, bytes_down=self.sent)
