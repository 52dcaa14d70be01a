"""Laws about simulated hours: how long a round of a real federation would have taken."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import strategies as st

from fedmini.faults import Faults
from fedmini.profiles import Clock, Profile
from tests.contracts.framework import law, real
from tests.core.federations import federation

real("hours", "fedmini.federation:Federation")

UNEQUAL = [Profile(2e-6, 0.4, 0.2), Profile(1e-6, 0.1, 0.3), Profile(5e-7, 0.2, 0.1)]
OPERATIONS = 3000.0  # a step: 1.5, 3 and 6 seconds
SEED = st.integers(0, 10**6)


def timed(impl, seed: int, deadline: float | None = None, keep_partial: bool = True):
    """Three unequal hospitals, two in a round, who drop out and are slow; and their steps."""
    faults = Faults(0.4, 0.5, keep_partial, seed)
    made = federation(kind=impl, faults=faults, cohort=2, seed=seed, epochs=3)
    made.config = SimpleNamespace(deadline=deadline)
    made.clock = Clock(dict(zip(made.clients, UNEQUAL, strict=True)), OPERATIONS)
    steps = dict.fromkeys(made.clients, 0)
    for name, client in made.clients.items():
        client.gradient = counted(client.gradient, steps, name)
    return made, steps


def counted(gradient, steps: dict[str, int], name: str):
    """`gradient` that counts how often it is called."""

    def call(*batch):
        steps[name] += 1
        return gradient(*batch)

    return call


def seconds(made, name: str, steps: int) -> float:
    """Worked out anew: 8 bits a byte, 1e6 a megabit, 1e9 operations a gigaflop."""
    machine, network = made.clock.profiles[name], made.server.network
    transfer = 8e-6 * (network.down[name] / machine.down + network.up[name] / machine.up)
    return transfer + steps * OPERATIONS * 1e-9 / machine.gigaflops


@law("hours", seed=SEED, keep_partial=st.booleans())
def law_a_round_takes_as_long_as_its_slowest(impl, seed, keep_partial):
    """Of its cohort, with the steps that were done: a straggler's are fewer, an absentee's none."""
    made, steps = timed(impl, seed, keep_partial=keep_partial)
    for record in made.server.run(6):
        slowest = max(seconds(made, name, steps[name]) for name in record.cohort)
        assert abs(made.hours(record) * 3600 - slowest) <= 1e-9 * slowest
        steps.update(dict.fromkeys(steps, 0))


@law("hours", seed=SEED)
def law_the_server_waits_to_the_deadline_for_who_never_comes(impl, seed):
    """Where all have answered, no longer than for the slowest of them."""
    made, steps = timed(impl, seed, deadline=0.5)
    for record in made.server.run(6):
        slowest = max(seconds(made, name, steps[name]) for name in record.cohort)
        expected = 1800 if record.dropped else slowest
        assert abs(made.hours(record) * 3600 - expected) <= 1e-9 * expected
        steps.update(dict.fromkeys(steps, 0))


@law("hours")
def law_without_hospitals_that_train_there_are_no_hours(impl):
    made, _ = timed(impl, 0, deadline=0.5)
    made.clock = None
    (record,) = made.server.run(1)
    assert made.hours(record) is None
