"""Laws about a private federation: what its noisy rounds release, and what it logs."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import torch
from hypothesis import strategies as st

from fedmini.algorithms.fedavg import Contribution
from fedmini.config import Config
from fedmini.faults import Faults
from fedmini.federation import Federation
from fedmini.messages import Upload
from fedmini.private import protect as right_protect
from fedmini.server import Cohorts
from fedmini.uplink import uplink
from tests.contracts.framework import law, real
from tests.core.federations import federation

real("noisy_sum", "fedmini.private:NoisySum")
real("protect", "fedmini.private:protect")
real("withheld", "fedmini.private:withheld")

COUNTS = (5, 2, 9, 4)
BOUND, NOISE, ROUNDS = 0.5, 0.3, 300
UPDATES = torch.tensor([[3.0, 0, 0, 4], [0.1, 0.1, 0, 0], [-1.0, 2, 3, 0], [0, 0.0, -9, 1]])
VECTOR = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3)
REPLIES = st.lists(st.tuples(VECTOR, st.sampled_from([1.0, 0.3, 0.05])), max_size=5)
KEYS = st.sampled_from([bytes([number]) * 32 for number in range(6)])
TWO_KEYS = st.sampled_from([(b"a" * 32, b"b" * 32), (b"c" * 32, b"d" * 32)])


class Sends:
    """A client that sends a prepared update through the real uplink."""

    def __init__(self, update: torch.Tensor, examples: int, steps: tuple) -> None:
        self.update, self.examples, self.steps = update, examples, steps

    def answer(self, question):
        contribution = Contribution(self.update, self.examples)
        for step in self.steps:
            contribution = step(contribution)
        loss = {"loss": torch.tensor(contribution.weight)}
        return Upload(question.round, contribution.update, contribution.weight, loss)


def config_of(unit: str, **given: object) -> Config:
    given = {"dp_unit": unit, "clip": BOUND, "batch_size": 3, "device": "cpu", **given}
    if "dp_epsilon" not in given:
        given["dp_noise_multiplier"] = NOISE
    return Config.of({"rounds": 12, "algo": "fedavg", **given})


def hospitals(
    protect, config: Config, key: bytes = b"k" * 32, *, scale: float = 1.0, faults=None
) -> Federation:
    """Four hospitals under client privacy, which send the same clipped updates in each round."""
    made = federation(COUNTS, faults=faults, seed=config.seeds[0])
    made.config = config
    size, poisson = config.cohort_size(len(COUNTS)), config.sampling == "poisson"
    made.server.cohorts = Cohorts(tuple(made.clients), size, poisson, config.seeds[0])
    protect(made, key)
    steps = uplink(config, made.model, None)
    sizes = zip(scale * UPDATES, COUNTS, strict=True)
    made.server.network.clients = {
        name: Sends(*each, steps) for name, each in zip(made.clients, sizes, strict=True)
    }
    return made


def releases(made: Federation, rounds: int) -> tuple[list, torch.Tensor]:
    """The records of some rounds, and by how much each moved the model, (rounds, 4)."""
    states, records = [made.server.model], []
    for record in made.server.run(rounds):
        records.append(record)
        states.append(made.server.model)
    return records, torch.stack(states).double().diff(dim=0)


@law("noisy_sum", replies=REPLIES, noise=VECTOR, expected=st.sampled_from([0.2, 1.0, 7.5]))
def law_noisy_sum_over_the_weight_that_was_expected(impl, replies, noise, expected):
    """Whoever came, and also if nobody did."""
    aggregator = impl(len(replies), torch.tensor(noise, dtype=torch.float64), expected)
    for place, (update, weight) in enumerate(replies):
        aggregator.add(f"client-{place}", torch.tensor(update), weight)
    for coordinate, value in enumerate(aggregator.result().tolist()):
        terms = [Fraction(update[coordinate]) * Fraction(weight) for update, weight in replies]
        right = (sum(terms) + Fraction(noise[coordinate])) / Fraction(expected)
        assert abs(Fraction(value) - right) <= (len(replies) * 2.0**-31 + 2.0**-40) / expected


@law("noisy_sum", replies=REPLIES, order=st.randoms(use_true_random=False))
def law_private_updates_have_no_order(impl, replies, order):
    results = []
    for each in (replies, replies[::-1], order.sample(replies, len(replies))):
        aggregator = impl(len(each), torch.full((3,), 0.1, dtype=torch.float64), 2.0)
        for update, weight in each:
            aggregator.add("client", torch.tensor(update), weight)
        results.append(aggregator.result())
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


@law("protect", sampling=st.sampled_from(["poisson", "fixed"]), cap=st.sampled_from([None, 6]))
def law_released_means_have_the_noise_that_was_paid_for(impl, sampling, cap):
    """Simulated: unequal hospitals, some of which drop out, in cohorts of a half on average."""
    config = config_of("client", cohort="0.5", sampling=sampling, weight_cap=cap, rounds=ROUNDS)
    made = hospitals(impl, config, faults=Faults(dropout=0.2))
    records, released = releases(made, ROUNDS)
    weights = torch.tensor([1.0 if cap is None else min(n, cap) / cap for n in COUNTS])
    clipped = UPDATES.double() * (BOUND / UPDATES.double().norm(dim=1, keepdim=True)).clamp(max=1)
    answered = [[n in r.cohort and n not in r.dropped for n in made.clients] for r in records]
    expected = 0.5 * float(weights.sum())
    noise = released - torch.tensor(answered).double() * weights @ clipped / expected
    deviation = NOISE * BOUND / expected
    # 1200 draws: the standard deviation has a standard error of 2 percent, the mean one of 1/35
    assert abs(noise.std() / deviation - 1) < 0.09
    assert abs(noise.mean()) < 0.12 * deviation
    came = torch.tensor(answered).sum(dim=1)
    for few in (noise[came == count] for count in came.unique() if sum(came == count) > 50):
        assert abs(few.std() / deviation - 1) < 0.2, "the noise depends on who came"


@law("protect", keys=TWO_KEYS)
def law_the_key_decides_cohorts_and_noise(impl, keys):
    """It alone: the same rounds again give the same bits; a seed is public, and changes none."""

    def rounds(key, seed="0"):
        config = config_of("client", cohort="0.5", sampling="poisson", seed=seed)
        made = hospitals(impl, config, key, scale=0.0)
        start = made.server.model.clone()
        made.server.model.zero_()
        records, released = releases(made, 12)
        assert not torch.equal(start, made.server.model)
        return [record.cohort for record in records], released

    (cohorts, noise), (again, same), (public, seeded) = (
        rounds(keys[0]), rounds(keys[0]), rounds(keys[0], "1"),
    )  # fmt: skip
    assert cohorts == again == public
    assert torch.equal(noise, same) and torch.equal(noise, seeded)
    others, other = rounds(keys[1])
    assert others != cohorts and not torch.isclose(other, noise).any()
    assert not torch.isclose(noise[1:], noise[:1]).any(), "two rounds have the same noise"


@law("protect", key=KEYS)
def law_an_empty_cohort_is_released_like_any_other(impl, key):
    config = config_of("client", cohort="0.01", sampling="poisson")
    records, released = releases(hospitals(impl, config, key), 12)
    assert sum(not record.cohort for record in records) > 6
    assert not any(record.aborted for record in records)
    assert (released != 0).all(), "a model that stands still tells that nobody came"


@law("withheld", keys=TWO_KEYS, unit=st.sampled_from(["client", "record"]))
def law_the_log_does_not_tell_who_came(impl, keys, unit):
    """Nor how many, by names, bytes or time; cohorts that are no secret stand as they are."""
    logs = []
    for key in keys:
        options = {"cohort": "0.5", "sampling": "poisson"}
        made = hospitals(right_protect, config_of("client", **options), key, faults=Faults(0.2))
        made.config = config_of(unit, **options)
        log = []
        for record in made.server.run(12):
            record = dataclasses.replace(record, failures={"hospital-1": str(key)})
            log.append(impl(made, record))
            assert unit == "client" or log[-1] == record
        logs.append([dataclasses.replace(each, train_loss=None) for each in log])
    assert unit == "record" or logs[0] == logs[1]
    assert [each.number for each in logs[0]] == list(range(1, 13))
