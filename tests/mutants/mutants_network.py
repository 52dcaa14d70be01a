"""Wrong networks."""

from __future__ import annotations

import dataclasses
from collections import Counter

import torch

from fedmini.messages import Train, tensors, wire_size
from fedmini.network import Network
from tests.contracts.framework import mutant


class Open(Network):
    """A network without seals, from which the mutants derive."""

    def ask(self, questions):
        for name, question in questions.items():
            reply = self.deliver(name, question)
            if reply is not None:
                yield name, reply

    def deliver(self, name, question):
        self.down[name] += wire_size(question)
        try:
            reply = self.clients[name].answer(question)
            self.up[name] += wire_size(reply)
        except Exception as error:
            self.failures[name] = f"{type(error).__name__}: {error}"
            return None
        return reply


@mutant(
    "network",
    law="law_whoever_writes_into_a_question_is_caught",
    harm="The first hospital trains the global model in place; the second starts from its result.",
)
class QuestionsUnsealed(Open):
    pass


@mutant(
    "network",
    law="law_whoever_writes_into_a_reply_is_caught",
    harm="The live model is sent as an upload: all collected updates are those of the last client.",
)
class RepliesUnsealed(Open):
    deliver = Network.deliver


@mutant(
    "network",
    law="law_traffic_is_the_bytes_of_the_wire_form",
    harm="Reported traffic is that of the arrays alone.",
)
class PayloadCounted(Open):
    def deliver(self, name, question):
        self.down[name] += sum(t.numel() * t.element_size() for _, t in tensors(question))
        reply = self.clients[name].answer(question)
        self.up[name] += sum(t.numel() * t.element_size() for _, t in tensors(reply))
        return reply


@mutant(
    "network",
    law="law_traffic_is_the_bytes_of_the_wire_form",
    harm="A broadcast is counted once, however many clients get it.",
)
class BroadcastCountedOnce(Open):
    def ask(self, questions):
        before = self.down.copy()
        yield from super().ask(questions)
        self.down = before + Counter(all=max(map(wire_size, questions.values()), default=0))


@mutant(
    "network",
    law="law_a_failing_client_is_recorded_and_the_round_goes_on",
    harm="One diverged hospital ends the training of all.",
)
class FailureEndsTheRound(Open):
    def deliver(self, name, question):
        self.down[name] += wire_size(question)
        reply = self.clients[name].answer(question)
        self.up[name] += wire_size(reply)
        return reply


@mutant(
    "network",
    law="law_a_failing_client_is_recorded_and_the_round_goes_on",
    harm="A hospital that fails in every round looks as if it were never asked.",
)
class FailureForgotten(Network):
    def deliver(self, name, question):
        reply = super().deliver(name, question)
        self.failures.pop(name, None)
        return reply


@mutant(
    "network",
    law="law_a_failing_client_is_recorded_and_the_round_goes_on",
    harm="A client that failed once is reported as failing for ever.",
)
class FailuresPileUp(Network):
    def begin_round(self):
        pass


@mutant(
    "network",
    law="law_replies_stream",
    harm="All updates lie in memory before the first is summed: ten times the model.",
)
class AllAtOnce(Network):
    def ask(self, questions):
        yield from list(super().ask(questions))


@mutant(
    "network",
    law="law_messages_are_handed_over_without_a_copy",
    harm="Every client gets a copy of the model: a simulated round spends its time copying.",
)
class CopyForEveryone(Network):
    def deliver(self, name, question):
        arrays = {key: torch.clone(each) for key, each in question.arrays.items()}
        assert isinstance(question, Train)
        return super().deliver(name, dataclasses.replace(question, arrays=arrays))
