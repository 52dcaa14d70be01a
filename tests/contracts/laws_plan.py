"""Laws about what a private federation is charged, for each unit of protection."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from fedmini.dp_sgd import PrivateClient
from fedmini.faults import Faults
from fedmini.privacy.accountant import epsilon
from fedmini.privacy.plan import EVERYONE
from tests.contracts.framework import law
from tests.contracts.laws_private import BOUND, COUNTS, config_of, hospitals
from tests.core.federations import federation

UNITS, SAMPLING = (st.sampled_from(two) for two in (["record", "patient"], ["poisson", "fixed"]))
LONG = {"local_steps": 7}


class Counting(PrivateClient):
    """It counts what it releases in each round."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.released = Counter()

    def gradient(self, units, step):
        self.released[self.question.round] += 1
        return super().gradient(units, step)


@law("protect", sampling=SAMPLING, cohort=st.sampled_from(["0.3", "3"]))
def law_only_poisson_cohorts_are_charged_at_their_rate(impl, sampling, cohort):
    """A cohort of fixed size is charged as everybody; both spend what was asked for."""
    config = config_of("client", cohort=cohort, sampling=sampling, rounds=9, dp_epsilon=20.0)
    made = hospitals(impl, config)
    size = config.cohort_size(len(COUNTS))
    rate = size / len(COUNTS) if sampling == "poisson" else 1.0
    charge = made.plan.charges[EVERYONE]
    assert (charge.sample_rate, charge.steps) == (rate, 1)
    assert all(set(made.plan.line(round)) == {EVERYONE} for round in range(1, 10))
    noise = charge.noise_multiplier
    spent = epsilon(sample_rate=rate, noise_multiplier=noise, steps=9, delta=1e-5)
    assert 0.999 * 20 <= spent <= 20


@law("protect", unit=UNITS, cohort=st.sampled_from([2, 4]), given=st.sampled_from([{}, LONG]))
def law_each_hospital_pays_for_its_own_steps(impl, unit, cohort, given):
    """By its own size, for the rounds in which it is asked, and to the same epsilon."""
    config = config_of(unit, rounds=5, dp_epsilon=8.0, **given)
    kind, local_steps = PrivateClient, given.get("local_steps")
    made = federation(COUNTS, client_kind=kind, cohort=cohort, steps=local_steps)
    made.config = config
    impl(made, b"k" * 32)
    cohorts = [record.cohort for record in made.server.run(5)]
    assert [set(made.plan.line(round)) for round in range(1, 6)] == [set(c) for c in cohorts]
    for (name, client), count in zip(made.clients.items(), COUNTS, strict=True):
        units = count if unit == "record" else -(-count // 2)
        steps = local_steps or -(-units // 3)
        charge, asked = made.plan.charges[name], sum(name in each for each in cohorts)
        assert (charge.sample_rate, charge.steps) == (min(1.0, 3 / units), steps)
        assert client.release.charge == charge and client.release.max_norm == BOUND
        spent = epsilon(delta=1e-5, **{**vars(charge), "steps": steps * max(1, asked)})
        assert 0.999 * 8 <= spent <= 8


@law("protect", unit=UNITS, faults=st.sampled_from([Faults(), Faults(0.3, 0.9, True)]))
def law_nobody_does_more_steps_than_are_charged(impl, unit, faults):
    config = config_of(unit, rounds=4, local_epochs=1.7)
    made = federation(COUNTS, client_kind=Counting, faults=faults, epochs=1.7)
    made.config = config
    impl(made, b"k" * 32)
    for record in made.server.run(4):
        for name, client in made.clients.items():
            steps, charged = client.released[record.number], made.plan.charges[name].steps
            assert steps == charged if faults == Faults() else steps <= charged
