"""Clients in secure aggregation that answer what they should not, or reveal too much."""

from __future__ import annotations

from fedmini.secagg import messages
from fedmini.secagg.client import Participant
from fedmini.secagg.messages import MaskedInput, Revealed, to_bytes, to_tensor
from fedmini.secagg.pairwise import unseal
from fedmini.secagg.shamir import SHARE_BYTES
from tests.contracts.framework import mutant


@mutant(
    "participant",
    law="law_each_question_once_and_in_order",
    harm="Asked to unmask twice, with and without a client among the survivors, it reveals a share "
    "of both its secrets: the server reads that client's update.",
)
class AnswersAgain(Participant):
    def answer(self, question):
        kind = messages.QUESTIONS[self.answered - 1]
        if self.answered and isinstance(question, kind):
            self.answered -= 1
        return super().answer(question)


@mutant(
    "participant",
    law="law_another_round_is_refused",
    harm="A letter of the last round, replayed, unmasks this one.",
)
class AnyRound(Participant):
    def answer(self, question):
        object.__setattr__(question, "round", self.round)
        return super().answer(question)


class Lenient(Participant):
    """A client that lets the server choose the threshold, from which mutants derive."""

    def answer(self, question):
        self.threshold = 0
        return super().answer(question)


@mutant(
    "participant",
    law="law_too_few_letters_are_refused",
    harm="With one other client left, that client learns the update from the sum.",
)
class FewLetters(Lenient):
    pass


@mutant(
    "participant",
    law="law_too_few_survivors_are_refused",
    harm="The server calls all but one client dropped, and unmasks that one alone.",
)
class FewSurvivors(Lenient):
    pass


@mutant(
    "participant",
    law="law_the_threshold_is_a_majority",
    harm="With a threshold of one, every client holds the secrets of every other.",
)
class AnyThreshold(Participant):
    def share(self, question):
        majority = len(question.keys) // 2 + 1
        return super().share(messages.ShareKeys(self.round, majority, question.keys))


@mutant(
    "participant",
    law="law_no_set_grows",
    harm="A client that never took part is called a survivor: the counts, and the threshold that "
    "rests on them, are the server's to choose.",
)
class SurvivorsGrow(Participant):
    def reveal(self, question):
        known = [name for name in question.survivors if name in self.shares]
        return super().reveal(messages.Unmask(self.round, known))


@mutant(
    "participant",
    law="law_no_set_grows",
    harm="Letters of strangers are left aside in silence, instead of ending a round that is odd.",
)
class StrangersIgnored(Participant):
    def mask(self, question):
        known = {name: each for name, each in question.letters.items() if name in self.agreed}
        return super().mask(MaskedInput(self.round, known))


@mutant(
    "participant",
    law="law_one_share_of_each_client",
    harm="Both secrets of every survivor are put together: the server reads every update.",
)
class BothShares(Participant):
    def reveal(self, question):
        super().reveal(question)
        return Revealed(self.round, {name: to_tensor(s) for name, s in self.shares.items()})


@mutant(
    "participant",
    law="law_one_share_of_each_client",
    harm="The keys of survivors and the seeds of the dropped are revealed: no sum comes out.",
)
class TheWrongShares(Participant):
    def reveal(self, question):
        self.shares = {n: s[SHARE_BYTES:] + s[:SHARE_BYTES] for n, s in self.shares.items()}
        return super().reveal(question)


@mutant(
    "participant",
    law="law_a_letter_has_one_reader_and_one_round",
    harm="The server, which carries the letters, reads all secrets in them.",
)
class SharesInTheClear(Participant):
    def share(self, question):
        reply = super().share(question)
        plain = {name: to_tensor(bytes(len(each))) for name, each in reply.letters.items()}
        return messages.SealedShares(self.round, plain)


@mutant(
    "participant",
    law="law_a_letter_has_one_reader_and_one_round",
    harm="Letters of one round are good in the next: a replay mixes the secrets of two rounds.",
)
class LettersOfAnyRound(Participant):
    def share(self, question):
        self.round, actual = 0, self.round
        try:
            reply = super().share(question)
        finally:
            self.round = actual
        return messages.SealedShares(self.round, reply.letters)


@mutant(
    "participant",
    law="law_a_changed_letter_is_refused",
    harm="It leaves out whose letter was damaged, who keeps it in: one mask never cancels, and the "
    "model is noise from then on.",
)
class DamageIgnored(Participant):
    def mask(self, question):
        intact = {name: each for name, each in question.letters.items() if self.opens(name, each)}
        return super().mask(MaskedInput(self.round, intact))

    def opens(self, name, letter):
        try:
            return unseal(self.agreed[name], to_bytes(letter), self.round, name, self.name)
        except ValueError:
            return None
