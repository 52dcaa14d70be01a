"""Wrong logs of secret cohorts: each tells who came, or hides what is no secret."""

from __future__ import annotations

import dataclasses

from fedmini.messages import wire_size
from fedmini.private import withheld
from tests.contracts.framework import mutant


@mutant(
    "withheld",
    law="law_the_log_does_not_tell_who_came",
    harm="The log names a cohort whose secrecy is paid with: the amplification is a lie.",
)
def names_the_cohort(federation, record):
    return dataclasses.replace(withheld(federation, record), cohort=record.cohort)


@mutant(
    "withheld",
    law="law_the_log_does_not_tell_who_came",
    harm="Bytes that were really sent: divided by a model's size they are the number who came.",
)
def counts_bytes(federation, record):
    return dataclasses.replace(withheld(federation, record), bytes_up=record.bytes_up)


@mutant(
    "withheld",
    law="law_the_log_does_not_tell_who_came",
    harm="A question's length depends on when its client was last heard: from round 10 on a byte.",
)
def asks_the_first_client(federation, record):
    cohort = federation.server.cohorts
    (question,) = federation.server.questions(cohort.clients[:1]).values()
    down = round(wire_size(question) * cohort.size)
    return dataclasses.replace(withheld(federation, record), bytes_down=down)


@mutant(
    "withheld",
    law="law_the_log_does_not_tell_who_came",
    harm="Failures stand in the log by name: who failed, came.",
)
def names_failures(federation, record):
    return dataclasses.replace(withheld(federation, record), failures=record.failures)


@mutant(
    "withheld",
    law="law_the_log_does_not_tell_who_came",
    harm="Nobody can see who took part, although nothing rests on that being a secret.",
)
def hides_everything(federation, record):
    return dataclasses.replace(withheld(federation, record), cohort=[])
