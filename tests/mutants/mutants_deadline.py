"""Wrong deadlines of a network: who has time for how much is read otherwise."""

from __future__ import annotations

from fedmini.faults import FaultyNetwork
from fedmini.messages import wire_size
from tests.contracts.framework import mutant

LAW = "law_whoever_would_come_too_late_is_a_straggler"


class Misread(FaultyNetwork):
    """The real network, but for the parts that it is told; itself no mutant."""

    def deliver(self, name, question):
        right = self.in_time
        self.in_time = lambda name, down: self.part(right, name, down, question)
        reply = super().deliver(name, question)
        self.in_time = right
        return reply


@mutant("faulty_network", law=LAW, harm="the server waits on: the deadline is a number on paper")
class NeverTooLate(Misread):
    def part(self, right, name, down, question):
        return 1.0


@mutant("faulty_network", law=LAW, harm="a part of the part: less is done than there is time for")
class BothParts(Misread):
    def part(self, right, name, down, question):
        return right(name, down) * self.faults.fate(question.round, name).work


@mutant("faulty_network", law=LAW, harm="who has no time for a step does one, and comes too late")
class OneStepAtLeast(Misread):
    def part(self, right, name, down, question):
        return right(name, down) or 0.01


@mutant("faulty_network", law=LAW, harm="a model takes no time to arrive: slow lines pass for fast")
class ModelAtOnce(Misread):
    def part(self, right, name, down, question):
        return right(name, down - wire_size(question))


@mutant("faulty_network", law=LAW, harm="what late hospitals were sent is not counted")
class LateHearNothing(FaultyNetwork):
    def deliver(self, name, question):
        before = self.down[name]
        reply = super().deliver(name, question)
        if reply is None and question.uploads and self.in_time(name, self.down[name]) < 1:
            self.down[name] = before
        return reply
