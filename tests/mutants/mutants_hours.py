"""Wrong simulated hours."""

from __future__ import annotations

import math

from fedmini.federation import Federation
from tests.contracts.framework import mutant

SLOWEST = "law_a_round_takes_as_long_as_its_slowest"
WAITS = "law_the_server_waits_to_the_deadline_for_who_never_comes"


def works(federation: Federation, record, steps) -> dict[str, dict[str, int]]:
    """By client: `steps` of it, and its bytes."""
    network = federation.server.network
    return {
        name: {"steps": steps(client), "up": network.up[name], "down": network.down[name]}
        for name, client in federation.clients.items() if name in record.cohort
    }  # fmt: skip


@mutant("hours", law=SLOWEST, harm="partial work is no faster: keeping it seems to cost hours")
class WholeWork(Federation):
    def hours(self, record):
        return self.clock.round(works(self, record, lambda client: client.whole_steps))


@mutant("hours", law=SLOWEST, harm="who was never reached is charged the steps of an older round")
class StepsOfAnOlderRound(Federation):
    def hours(self, record):
        return self.clock.round(works(self, record, lambda client: client.steps))


@mutant("hours", law=SLOWEST, harm="hospitals in turns: a federation takes as long as its size")
class OneAfterTheOther(Federation):
    def hours(self, record):
        done = works(self, record, lambda client: steps_of(client, record))
        return sum(self.clock.hours(name, **each) for name, each in done.items())


@mutant("hours", law=SLOWEST, harm="nobody waits for a slow hospital: large models look fast")
class TheFastest(Federation):
    def hours(self, record):
        done = works(self, record, lambda client: steps_of(client, record))
        return min(self.clock.hours(name, **each) for name, each in done.items())


@mutant("hours", law=WAITS, harm="a hospital that drops out ends the round sooner: dropout is fast")
class NeverWaits(Federation):
    def hours(self, record):
        done = works(self, record, lambda client: steps_of(client, record))
        return self.clock.round(done)


@mutant("hours", law=WAITS, harm="every round takes the deadline: a generous one looks slow")
class AlwaysWaits(Federation):
    def hours(self, record):
        return self.config.deadline


@mutant(
    "hours",
    law="law_without_hospitals_that_train_there_are_no_hours",
    harm="centralised training takes no time: it wins every comparison by hours",
)
class NoTimeAtAll(Federation):
    def hours(self, record):
        return 0.0 if self.clock is None else super().hours(record)


@mutant(
    "hours",
    law="law_without_hospitals_that_train_there_are_no_hours",
    harm="centralised training waits for hospitals: its hours are those of the deadline",
)
class DeadlineForOne(Federation):
    def hours(self, record):
        return self.config.deadline if self.clock is None else super().hours(record) or math.nan


def steps_of(client, record) -> int:
    """The steps that a client did in the round of a record."""
    return client.steps if client.pending_round == record.number else 0
