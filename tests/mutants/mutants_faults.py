"""Wrong faults."""

from __future__ import annotations

import dataclasses

import torch

from fedmini.faults import STAGES, Fate, Faults, FaultyNetwork
from fedmini.messages import wire_size
from fedmini.network import Network
from fedmini.rng import stream
from tests.contracts.framework import mutant


@mutant(
    "faults",
    law="law_stragglers_do_a_uniform_part",
    harm="randint(1, 1): every straggler does all its work, and FedProx is praised for nothing.",
)
class StragglersAtFullWork(Faults):
    def fate(self, round, client):
        fate = super().fate(round, client)
        return dataclasses.replace(fate, work=float(torch.randint(1, 2, ())))


@mutant(
    "faults",
    law="law_stragglers_do_a_uniform_part",
    harm="A straggler may be given no work at all: an update of zero that pulls at the mean.",
)
class NoWorkAtAll(Faults):
    def fate(self, round, client):
        fate = super().fate(round, client)
        return dataclasses.replace(fate, work=int(10 * fate.work) / 10)


@mutant(
    "faults",
    law="law_chances_are_as_given",
    harm="randint never draws the top stage: recovery after an upload is never exercised.",
)
class TopStageNeverDrawn(Faults):
    def fate(self, round, client):
        fate = super().fate(round, client)
        stage = STAGES[(round + len(client)) % 2] if fate.dropout else None
        return dataclasses.replace(fate, dropout=stage)


@mutant(
    "faults",
    law="law_chances_are_as_given",
    harm="One draw decides both: all who drop out are stragglers, so fewer hospitals are lost.",
)
class OneDrawForBoth(Faults):
    def fate(self, round, client):
        draws = torch.rand(3, generator=stream(self.key, "fate", round, client)).tolist()
        gone, slow = draws[0] < self.dropout, draws[0] < self.stragglers
        return Fate(STAGES[int(3 * draws[1])] if gone else None, 1 - draws[2] if slow else 1.0)


@mutant(
    "faults",
    law="law_fate_depends_on_round_and_client_alone",
    harm="Each question draws anew: a client is lost in the first stage and back in the second.",
)
class FatePerQuestion(Faults):
    def fate(self, round, client):
        asked = vars(self).setdefault("asked", [0])
        asked[0] += 1
        return dataclasses.replace(self, key=asked[0]).plain(round, client)

    def plain(self, round, client):
        return super().fate(round, client)


@mutant(
    "faults",
    law="law_fate_depends_on_round_and_client_alone",
    harm="A client that drops out once drops out of every round: its patients are never seen.",
)
class FatePerClient(Faults):
    def fate(self, round, client):
        return super().fate(0, client)


@mutant(
    "faults",
    law="law_zero_is_never_and_one_is_always",
    harm="With 0% stragglers some hospitals are slow: no run is free of faults.",
)
class NeverQuiteZero(Faults):
    def fate(self, round, client):
        return dataclasses.replace(self, stragglers=max(self.stragglers, 0.5)).plain(round, client)

    def plain(self, round, client):
        return super().fate(round, client)


@mutant(
    "faulty_network",
    law="law_every_fate_is_acted_out",
    harm="A client lost after training counts as traffic that arrived.",
)
class LostUploadCounted(FaultyNetwork):
    def deliver(self, name, question):
        fate, before = self.faults.fate(question.round, name), self.bytes_down
        reply = super().deliver(name, question)
        if question.uploads and fate.dropout == "before upload" and self.bytes_down > before:
            self.up[name] += wire_size(question)
        return reply


@mutant(
    "faulty_network",
    law="law_every_fate_is_acted_out",
    harm="The upload of a client that dropped out is in the sum: dropout changes nothing.",
)
class LostUploadDelivered(FaultyNetwork):
    def deliver(self, name, question):
        fate = self.faults.fate(question.round, name)
        late = fate.work < 1 and not self.faults.keep_partial
        if name in self.gone or late or fate.dropout != "before upload":
            return super().deliver(name, question)
        return Network.deliver(self, name, dataclasses.replace(question))


@mutant(
    "faulty_network",
    law="law_every_fate_is_acted_out",
    harm="Whoever leaves after the upload still unmasks: the recovery protocol is never needed.",
)
class BackAfterTheUpload(FaultyNetwork):
    def deliver(self, name, question):
        if self.faults.fate(question.round, name).dropout == "after upload":
            self.gone.discard(name)
        return super().deliver(name, question)


@mutant(
    "faulty_network",
    law="law_every_fate_is_acted_out",
    harm="FedAvg keeps the partial work that it is said to drop: the comparison compares nothing.",
)
class PolicyIgnored(FaultyNetwork):
    def __init__(self, clients, faults):
        super().__init__(clients, dataclasses.replace(faults, keep_partial=True))


@mutant(
    "faulty_network",
    law="law_every_fate_is_acted_out",
    harm="Stragglers are kept, but never told: all of them do the whole work.",
)
class WorkNotTold(FaultyNetwork):
    def deliver(self, name, question):
        told = self.clients
        self.clients = {name: _Deaf(told[name])}
        reply = super().deliver(name, question)
        self.clients = told
        return reply


class _Deaf:
    def __init__(self, client):
        self.client = client

    def answer(self, question):
        whole = {"work": 1.0} if question.uploads else {}
        return self.client.answer(dataclasses.replace(question, **whole))


@mutant(
    "faulty_network",
    law="law_every_fate_is_acted_out",
    harm="Nobody ever comes back: after ten rounds the federation is empty.",
)
class GoneForGood(FaultyNetwork):
    def begin_round(self):
        gone = getattr(self, "gone", set())
        super().begin_round()
        self.gone = gone
