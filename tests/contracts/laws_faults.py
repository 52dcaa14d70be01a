"""What faults promise: one fate per client and round, and a network that acts it out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from fedmini.faults import STAGES, Fate
from fedmini.messages import Message, encode
from tests.contracts.framework import law, real
from tests.contracts.laws_network import NAMES, Hospital, question

real("faults", "fedmini.faults:Faults")
real("faulty_network", "fedmini.faults:FaultyNetwork")

FATES = st.builds(Fate, st.sampled_from([None, *STAGES]), st.sampled_from([1.0, 0.75, 0.01]))


@dataclass(frozen=True)
class Greeting(Message):
    """A question that asks for no upload, as the stages of a protocol do."""

    text: str


@dataclass
class Foretold:
    """Faults whose fates are written down."""

    fates: dict[str, Fate]
    keep_partial: bool

    def fate(self, round: int, client: str) -> Fate:
        return self.fates[client] if round == 1 else Fate()


class Polite(Hospital):
    """Uploads when asked to train, and greets back."""

    def answer(self, question):
        reply = super().answer(question)
        return reply if question.uploads else Greeting(question.round, "hello")


@law("faults", order=st.permutations(range(40)), key=st.integers(0, 2**64))
def law_fate_depends_on_round_and_client_alone(impl, order, key):
    faults, again = (impl(0.5, 0.5, True, key) for _ in range(2))
    fates = {each: faults.fate(each // 4, NAMES[each % 4]) for each in range(40)}
    for each in order:
        for _ in range(2):
            assert again.fate(each // 4, NAMES[each % 4]) == fates[each], "asked twice, two fates"
    assert len(set(fates.values())) > 5, "everyone shares one fate"


@law("faults")
def law_chances_are_as_given(impl):
    count, faults = 4000, impl(0.3, 0.6, True, key=7)
    fates = [faults.fate(round, name) for round in range(count // 4) for name in NAMES]
    gone = np.array([fate.dropout is not None for fate in fates])
    slow = np.array([fate.work < 1 for fate in fates])
    error = 5 * 0.5 / count**0.5  # five standard deviations, or more
    assert abs(gone.mean() - 0.3) < error and abs(slow.mean() - 0.6) < error
    assert abs((gone & slow).mean() - 0.18) < error, "who is slow also drops out, or never does"
    for stage in STAGES:
        share = np.mean([fate.dropout == stage for fate in fates])
        assert abs(share - 0.1) < error, f"dropout {stage}: {share} of the rounds, not 0.1"


@law("faults")
def law_stragglers_do_a_uniform_part(impl):
    faults = impl(0.0, 1.0, True, key=7)
    work = np.array([faults.fate(round, "A").work for round in range(2000)])
    assert ((0 < work) & (work <= 1)).all()
    hits = np.histogram(work, bins=10, range=(0, 1))[0]
    assert ((hits - 200) ** 2 / 200).sum() < 45, "beyond the 1 - 1e-6 quantile of 9 degrees"


@law("faults", round=st.integers(1, 10**6), name=st.sampled_from(NAMES))
def law_zero_is_never_and_one_is_always(impl, round, name):
    assert impl().fate(round, name) == Fate()
    fate = impl(1.0, 1.0).fate(round, name)
    assert fate.dropout in STAGES and 0 < fate.work < 1


def expected(fate: Fate, keep_partial: bool) -> tuple[int, int, int]:
    """How many of a round's three questions (greeting, training, greeting) reach the wire, are
    worked on by the client, and come back answered."""
    if fate.dropout == "before training":
        return 0, 0, 0
    if fate.work == 0 or (fate.work < 1 and not keep_partial):
        return 2, 1, 1
    return {"before upload": (2, 2, 1), "after upload": (2, 2, 2), None: (3, 3, 3)}[fate.dropout]


@law("faulty_network", fates=st.lists(FATES, min_size=4, max_size=4), keep_partial=st.booleans())
def law_every_fate_is_acted_out(impl, fates, keep_partial):
    foretold = dict(zip(NAMES, fates, strict=True))
    clients = {name: Polite() for name in NAMES}
    network = impl(clients, Foretold(foretold, keep_partial))
    for round in (1, 2):  # nobody has a fate in round 2
        down = up = 0
        network.begin_round()
        stages = [Greeting(round, "hello"), question(round), Greeting(round, "bye")]
        replies = [dict(network.ask(dict.fromkeys(NAMES, each))) for each in stages]
        for name, client in clients.items():
            fate = foretold[name] if round == 1 else Fate()
            sent, heard, answered = expected(fate, keep_partial)
            work = fate.work if keep_partial else 1.0
            told = [stages[0], replace(stages[1], work=work), stages[2]]
            diary = [each for _, each in client.diary if each.round == round]
            assert list(map(encode, diary)) == list(map(encode, told[:heard])), f"{fate}: heard"
            assert [name in each for each in replies] == [i < answered for i in range(3)], (
                f"{fate}: answered"
            )
            down += sum(len(encode(each)) for each in told[:sent])
            up += sum(len(encode(each[name])) for each in replies[:answered])
        assert network.bytes_up == up, "a lost upload was counted, or one that came was not"
        assert network.bytes_down == down, "what went down to the clients was miscounted"


@law(
    "faulty_network",
    fates=st.lists(FATES, min_size=4, max_size=4),
    shares=st.lists(st.sampled_from([1.0, 0.5, 0.25, 0.0]), min_size=4, max_size=4),
    keep_partial=st.booleans(),
)
def law_whoever_would_come_too_late_is_a_straggler(impl, fates, shares, keep_partial):
    """The part of its steps is the smaller of what its fate and what the deadline leaves."""
    late = dict(zip(NAMES, shares, strict=True))
    slowed = {
        name: replace(fate, work=min(fate.work, late[name]))
        for name, fate in zip(NAMES, fates, strict=True)
    }
    foretold = Foretold(dict(zip(NAMES, fates, strict=True)), keep_partial)
    clients, told = {name: Polite() for name in NAMES}, {}
    network = impl(clients, foretold)
    network.in_time = lambda name, down: told.setdefault(name, down) and late[name]
    stages = [Greeting(1, "hello"), question(1), Greeting(1, "bye")]
    replies = [dict(network.ask(dict.fromkeys(NAMES, each))) for each in stages]
    heard = sum(len(encode(each)) for each in stages[:2])
    assert set(told.values()) <= {heard}, "the bytes that came down are miscounted"
    for name, fate in slowed.items():
        sent, asked, answered = expected(fate, keep_partial)
        work = fate.work if keep_partial and fate.work else 1.0
        right = [stages[0], replace(stages[1], work=work), stages[2]]
        diary = [encode(each) for _, each in clients[name].diary]
        assert diary == list(map(encode, right[:asked])), f"{fate}: asked for other work"
        assert [name in each for each in replies] == [i < answered for i in range(3)], fate
        assert network.down[name] == sum(len(encode(each)) for each in right[:sent])
