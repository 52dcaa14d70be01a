"""Networks that keep too much of a round, or too little."""

from __future__ import annotations

from fedmini.messages import encode
from fedmini.network import Network
from fedmini.secagg.messages import to_tensor
from fedmini.secagg.transcript import WORDS, Recorder, chi_square, wire
from tests.contracts.framework import mutant


@mutant(
    "recorder",
    law="law_replies_are_those_that_came",
    harm="An upload that was lost is kept beside the mask key that was put together in its place: "
    "whoever has the file reads that client's update.",
)
class ListensAtTheClient(Recorder):
    def deliver(self, name, question):
        sent = Network(self.clients).deliver(name, question)
        reply = super().deliver(name, question)
        *exchange, _, measured = self.exchanges[-1]
        self.exchanges[-1] = (*exchange, wire(sent), measured)
        return reply


@mutant(
    "recorder",
    law="law_replies_are_those_that_came",
    harm="Of clients that vanish nothing is kept, not even what they were sent before.",
)
class AnsweredOnly(Recorder):
    def deliver(self, name, question):
        reply = super().deliver(name, question)
        if reply is None:
            self.exchanges.pop()
        return reply


@mutant(
    "recorder",
    law="law_long_vectors_are_cut_and_say_how_long_they_were",
    harm="Every upload is kept whole: a hundred rounds of a ResNet fill the disk.",
)
class KeepsAll(Recorder):
    def deliver(self, name, question):
        reply = super().deliver(name, question)
        if reply is not None:
            *exchange, _, measured = self.exchanges[-1]
            self.exchanges[-1] = (*exchange, to_tensor(encode(reply)), measured)
        return reply


@mutant(
    "recorder",
    law="law_the_statistic_is_that_of_all_bytes",
    harm="Only the first words are looked at: masks that end there are called uniform.",
)
class MeasuresWhatIsKept(Recorder):
    def deliver(self, name, question):
        reply = super().deliver(name, question)
        if reply is not None:
            found = (len(reply.vector), chi_square(reply.vector[:WORDS]))
            self.exchanges[-1] = (*self.exchanges[-1][:-1], found)
        return reply


@mutant(
    "recorder",
    law="law_a_round_forgets_the_one_before",
    harm="Each file holds all rounds before it: the transcript grows with their square.",
)
class NeverForgets(Recorder):
    def begin_round(self):
        before = getattr(self, "exchanges", [])
        super().begin_round()
        self.exchanges = before
