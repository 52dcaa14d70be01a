"""Wrong servers in secure aggregation, and wrong secure sums."""

from __future__ import annotations

import torch

from fedmini.secagg import Aborted, secure_sum
from fedmini.secagg.messages import MaskedVector, Revealed, SealedShares, Unmask, need, to_tensor
from fedmini.secagg.pairwise import add_pairwise_masks
from fedmini.secagg.server import Coordinator
from tests.contracts.framework import mutant


@mutant(
    "coordinator",
    law="law_the_total_is_the_survivors_or_none",
    harm="One vanished client, and the model becomes noise: its masks are still in the sum.",
)
class DeadMasksLeftIn(Coordinator):
    def unmask(self, total, name, secret, peers):
        if name in peers:
            super().unmask(total, name, secret, peers)


@mutant(
    "coordinator",
    law="law_the_total_is_the_survivors_or_none",
    harm="The own masks stay in the sum: the model becomes noise.",
)
class OwnMasksLeftIn(Coordinator):
    def unmask(self, total, name, secret, peers):
        if name not in peers:
            super().unmask(total, name, secret, peers)


@mutant(
    "coordinator",
    law="law_the_total_is_the_survivors_or_none",
    harm="A vanished client's masks are put on a second time instead of taken off.",
)
class SignOfTheSurvivor(Coordinator):
    def unmask(self, total, name, secret, peers):
        if name in peers:
            return super().unmask(total, name, secret, peers)
        masks = torch.zeros_like(total)
        add_pairwise_masks(masks, name, secret, peers, self.round, self.generator)
        total -= masks


@mutant(
    "coordinator",
    law="law_the_total_is_the_survivors_or_none",
    harm="Below the threshold the round ends in a crash, and with it the run.",
)
class GoesOnBelowTheThreshold(Coordinator):
    def ask(self, questions, kind):
        for name, reply in self.network.ask(questions):
            yield name, reply


@mutant(
    "coordinator",
    law="law_the_servers_threshold_is_a_majority",
    harm="With a threshold of one the sum may be a single client's update.",
)
class AnyThreshold(Coordinator):
    def aggregate(self, names, ask_input):
        right = max(len(names) // 2 + 1, min(self.threshold, len(names)))
        return Coordinator(self.network, self.round, right).aggregate(names, ask_input)


@mutant(
    "coordinator",
    law="law_strange_answers_are_refused",
    harm="A client that answers twice is in the sum twice, and its masks do not cancel.",
)
class TakesAnySender(Coordinator):
    def ask(self, questions, kind):
        for name, reply in self.network.ask(questions):
            need(type(reply) is kind and reply.round == self.round, "strange")
            yield name, reply


@mutant(
    "coordinator",
    law="law_strange_answers_are_refused",
    harm="An answer of the last round is taken for one of this: revealed keys serve again.",
)
class TakesAnyRound(Coordinator):
    def ask(self, questions, kind):
        waiting = set(questions)
        for name, reply in self.network.ask(questions):
            need(type(reply) is kind and name in waiting, "strange")
            waiting.remove(name)
            yield name, reply


@mutant(
    "coordinator",
    law="law_a_client_hears_each_question_once_and_all_hear_the_same",
    harm="Half the clients reveal the seed of the last survivor and half its mask key: with lower "
    "thresholds the server reads its update.",
)
class TwoTales(Coordinator):
    def ask(self, questions, kind):
        if kind is Revealed:
            first, *others = questions
            told = questions[first].survivors
            questions = {first: Unmask(self.round, [*told[:1], *told[2:]])} | {
                name: questions[name] for name in others
            }
        yield from super().ask(questions, kind)


@mutant(
    "coordinator",
    law="law_a_client_hears_each_question_once_and_all_hear_the_same",
    harm="A client whose answer is late is asked again, and answers twice.",
)
class AsksTwice(Coordinator):
    def ask(self, questions, kind):
        dict(super().ask(questions, kind))
        yield from super().ask(questions, kind)


@mutant(
    "coordinator",
    law="law_masked_vectors_are_not_kept",
    harm="Thirty clients with eleven million words each: 1.3 GB where 88 MB would do.",
)
class KeepsAll(Coordinator):
    def ask(self, questions, kind):
        yield from list(super().ask(questions, kind))


@mutant(
    "secure_sum",
    law="law_a_secure_sum_is_the_plain_sum",
    harm="Who vanished counts all the same.",
)
def everyone_survives(vectors, *, dropped=(), threshold=None):
    return secure_sum(vectors)


@mutant(
    "secure_sum",
    law="law_a_secure_sum_is_the_plain_sum",
    harm="Words of 64 bits pass through floats: the lowest bits are lost.",
)
def through_floats(vectors, *, dropped=(), threshold=None):
    total, transcript = secure_sum(vectors, dropped=dropped, threshold=threshold)
    return total.double().to(total.dtype), transcript


@mutant(
    "secure_sum",
    law="law_a_secure_sum_is_the_plain_sum",
    harm="All but one vanish, and the server has that one's update.",
)
def never_aborted(vectors, *, dropped=(), threshold=None):
    try:
        return secure_sum(vectors, dropped=dropped, threshold=threshold)
    except Aborted:
        return vectors[0], []


@mutant(
    "secure_sum",
    law="law_what_cannot_be_summed_is_refused",
    harm="A stage that does not exist: the client stays, and the test of its absence passes.",
)
def unknown_stages_ignored(vectors, *, dropped=(), **options):
    return secure_sum(vectors, **options)


def rewritten(vectors, change, dropped):
    """The real sum with a transcript in which every reply is changed."""
    total, transcript = secure_sum(vectors, dropped=dropped)
    return total, [(n, q, None if r is None else change(n, r)) for n, q, r in transcript]


@mutant(
    "secure_sum",
    law="law_the_transcript_holds_nothing_else",
    harm="Clients upload what they should mask.",
)
def bare_uploads(vectors, *, dropped=(), threshold=None):
    def change(name, reply):
        bare = isinstance(reply, MaskedVector)
        return MaskedVector(1, vectors[int(name)]) if bare else reply

    return rewritten(vectors, change, dropped)


@mutant(
    "secure_sum",
    law="law_the_transcript_holds_nothing_else",
    harm="Letters with nothing but padding around the shares: the server reads every secret.",
)
def open_letters(vectors, *, dropped=(), threshold=None):
    _, transcript = secure_sum(vectors, dropped=dropped)
    shares = next(r.shares for _, _, r in transcript if isinstance(r, Revealed))
    share = next(iter(shares.values()))
    letter = torch.cat([share, to_tensor(bytes(49))])

    def change(name, reply):
        if isinstance(reply, SealedShares):
            return SealedShares(1, dict.fromkeys(reply.letters, letter))
        return Revealed(1, shares) if isinstance(reply, Revealed) else reply

    return rewritten(vectors, change, dropped)


@mutant(
    "secure_sum",
    law="law_the_transcript_holds_nothing_else",
    harm="Each survivor reveals both shares of everyone.",
)
def both_shares(vectors, *, dropped=(), threshold=None):
    def change(name, reply):
        if not isinstance(reply, Revealed):
            return reply
        return Revealed(1, {each: torch.cat([s, s]) for each, s in reply.shares.items()})

    return rewritten(vectors, change, dropped)
