"""What the server in secure aggregation promises, and the sum to which both sides come."""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import replace

import torch
from hypothesis import strategies as st

from fedmini.messages import decode, encode
from fedmini.network import Network
from fedmini.rng import numpy_stream
from fedmini.secagg import Aborted, Participant, ProtocolError, Rehearsal
from fedmini.secagg.messages import (
    QUESTIONS,
    STAGES,
    AdvertiseKeys,
    MaskedInput,
    MaskedVector,
    PublicKeys,
    Revealed,
    SealedShares,
    Unmask,
    to_bytes,
)
from tests.contracts.framework import law, real
from tests.secagg.rounds import LETTER, SECRET, SHARE, plain_sum, refused, vectors

real("coordinator", "fedmini.secagg.server:Coordinator")
real("secure_sum", "fedmini.secagg:secure_sum")

SEED = st.integers(0, 2**40)
DTYPE = st.sampled_from([torch.int32, torch.int64])
SIZE = st.sampled_from([0, 1, 5, 300])
LOST = st.lists(st.sampled_from([None, None, None, *STAGES]), min_size=2, max_size=6)
EXTRA = st.integers(0, 2)  # how far the threshold lies above the least majority


class Shuffled(Rehearsal):
    """A network on which answers arrive in an order of the seed's."""

    seed = 0

    def ask(self, questions):
        names = numpy_stream(self.seed, len(self.transcript)).permutation(sorted(questions))
        return super().ask({str(name): questions[name] for name in names})


def inputs(name, letters):
    return MaskedInput(7, letters)


def clients(given, kind=Participant):
    return {str(i): kind(str(i), 7, lambda _, x=x: x) for i, x in enumerate(given)}


def survivors(lost, threshold):
    """Whose vectors are in the sum, by place; None where a stage has too few answers."""
    last = [len(STAGES) if stage is None else STAGES.index(stage) for stage in lost]
    left = [[i for i, end in enumerate(last) if end > stage] for stage in range(len(STAGES))]
    return None if any(len(each) < threshold for each in left) else left[2]


def outcome(act):
    """What comes of a round: its sum, or None where it was aborted."""
    try:
        return act()
    except Aborted:
        return None
    except (ValueError, RuntimeError, TypeError) as error:
        raise AssertionError(f"neither a sum nor Aborted: {error}") from error


def check(found, given, expected) -> None:
    if expected is None:
        assert found is None, "too few were left, and a sum came out"
        return
    assert found is not None, "enough were left, and the round was aborted"
    assert torch.equal(found, plain_sum([given[i] for i in expected])), "not the survivors' sum"


@law("coordinator", seed=SEED, dtype=DTYPE, lost=LOST, extra=EXTRA)
def law_the_total_is_the_survivors_or_none(impl, seed, dtype, lost, extra):
    given = vectors(seed, len(lost), 5, dtype)
    threshold = min(len(lost) // 2 + 1 + extra, len(lost))
    network = Shuffled(clients(given), {str(i): s for i, s in enumerate(lost) if s})
    network.seed = seed
    server, expected = impl(network, 7, threshold), survivors(lost, threshold)
    found = outcome(lambda: server.aggregate(network.clients, inputs))
    check(found and found[0], given, expected)
    assert expected is None or sorted(found[1]) == [str(i) for i in expected]


@law("coordinator", threshold=st.integers(-1, 6), count=st.integers(1, 4))
def law_the_servers_threshold_is_a_majority(impl, threshold, count):
    network = Network(clients(vectors(1, count, 2, torch.int32)))
    majority = count > 1 and count < 2 * threshold <= 2 * count
    server = impl(network, 7, threshold)
    assert refused(lambda: server.aggregate(network.clients, inputs)) != majority


# What an answer may become on its way: (stage, or None for all; answers -> answers)
CHANGES = {
    "from a stranger": (None, lambda replies: [*replies, ("9", replies[0][1])]),
    "twice": (None, lambda replies: [*replies, replies[0]]),
    "another round": (None, lambda replies: first(replies, lambda r: replace(r, round=8))),
    "another message": (None, lambda replies: first(replies, lambda r: AdvertiseKeys(7))),
    "one word": (2, lambda replies: first(replies, lambda r: MaskedVector(7, r.vector[:1]))),
    "64 bits": (2, lambda replies: first(replies, lambda r: MaskedVector(7, r.vector.long()))),
}


def first(replies, change):
    (name, reply), *others = replies
    return [*others, (name, change(reply))]


class Strange(Network):
    """A network on which the answers of one stage are changed on their way."""

    stage, change = 0, None

    def ask(self, questions):
        replies = list(super().ask(questions))
        here = isinstance(next(iter(questions.values())), QUESTIONS[self.stage])
        return iter(self.change(replies) if here else replies)


@law("coordinator", stage=st.integers(0, 3), change=st.sampled_from(sorted(CHANGES)))
def law_strange_answers_are_refused(impl, stage, change):
    network = Strange(clients(vectors(1, 3, 4, torch.int32)))
    only, network.change = CHANGES[change]
    network.stage = stage if only is None else only
    try:
        impl(network, 7, 2).aggregate(network.clients, inputs)
    except ProtocolError:
        return
    except Exception as error:
        raise AssertionError(f"an answer {change} is not refused, but fails: {error}") from error
    raise AssertionError(f"an answer {change} was taken")


@law("coordinator", lost=LOST)
def law_a_client_hears_each_question_once_and_all_hear_the_same(impl, lost):
    given = vectors(1, len(lost), 2, torch.int32)
    network = Rehearsal(clients(given), {str(i): s for i, s in enumerate(lost) if s})
    try:
        impl(network, 7, len(lost) // 2 + 1).aggregate(network.clients, inputs)
    except (Aborted, ValueError):
        pass  # what was asked until then is judged
    answered = {str(i): 0 for i in range(len(lost))}
    for name, question, reply in network.transcript:
        assert isinstance(question, QUESTIONS[answered[name]]), f"{name} was asked again"
        answered[name] += reply is not None
    sent = {n for n, _, reply in network.transcript if isinstance(reply, MaskedVector)}
    ends = [question for _, question, _ in network.transcript if isinstance(question, Unmask)]
    assert all(set(end.survivors) == sent for end in ends), "told of other survivors"


@law("coordinator")
def law_masked_vectors_are_not_kept(impl):
    seen, most = [], []

    class Watched(Network):
        def ask(self, questions):
            for name, reply in super().ask(questions):
                if isinstance(reply, MaskedVector):
                    seen.append(weakref.ref(reply.vector))
                    most.append(sum(each() is not None for each in seen))
                yield name, reply

    network = Watched(clients(vectors(1, 6, 4, torch.int32)))
    impl(network, 7, 4).aggregate(network.clients, inputs)
    assert max(most) <= 2, f"{max(most)} vectors of 6 in memory at once"


@law("secure_sum", seed=SEED, dtype=DTYPE, size=SIZE, lost=LOST, extra=EXTRA)
def law_a_secure_sum_is_the_plain_sum(impl, seed, dtype, size, lost, extra):
    given = vectors(seed, len(lost), size, dtype)
    before = [each.clone() for each in given]
    least = len(lost) // 2 + 1
    threshold = None if extra == 0 else min(least + extra, len(lost))
    dropped = {i: stage for i, stage in enumerate(lost) if stage}
    if set(dropped.values()) == {"masked input"}:
        dropped = list(dropped)
    found = outcome(lambda: impl(given, dropped=dropped, threshold=threshold)[0])
    check(found, given, survivors(lost, threshold or least))
    assert all(map(torch.equal, before, given)), "a client's own vector was changed"


@law("secure_sum")
def law_what_cannot_be_summed_is_refused(impl):
    given = vectors(1, 3, 4, torch.int32)
    wrong = [
        ([], {}),
        (given[:1], {}),
        (given, {"threshold": 1}),
        (given, {"threshold": 0}),
        (given, {"threshold": 4}),
        (given, {"dropped": [3]}),
        (given, {"dropped": [-1]}),
        (given, {"dropped": {0: "tomorrow"}}),
        ([*given[:2], given[2].long()], {}),
        ([*given[:2], given[2][:1]], {}),
        ([each.float() for each in given], {}),
    ]
    for some, options in wrong:
        try:
            impl(some, **options)
        except (ValueError, Aborted):
            continue
        raise AssertionError(f"{len(some)} vectors with {options} were summed")


@law("secure_sum", seed=SEED, lost=LOST)
def law_the_transcript_holds_nothing_else(impl, seed, lost):
    given = vectors(seed, len(lost), 64, torch.int32)
    try:
        _, transcript = impl(given, dropped={i: s for i, s in enumerate(lost) if s})
    except Aborted:
        return
    names = {str(i) for i in range(len(lost))}
    letters, shares, heard = set(), set(), set()
    for name, _, reply in transcript:
        if reply is None:
            continue
        reply = decode(encode(reply))
        assert (name, type(reply)) not in heard, f"{name} answered twice"
        heard.add((name, type(reply)))
        fields = {each.name: getattr(reply, each.name) for each in dataclasses.fields(reply)}
        assert fields.pop("round") == 1 and len(fields) == 1
        (content,) = fields.values()
        if isinstance(reply, PublicKeys):
            assert content.shape == (2 * SECRET,) and content.dtype == torch.uint8
        elif isinstance(reply, MaskedVector):
            assert content.dtype == torch.int32 and not (content == given[int(name)]).any()
        else:
            assert isinstance(reply, (SealedShares, Revealed))
            size = LETTER if isinstance(reply, SealedShares) else SHARE
            assert content.keys() <= names
            assert all(each.shape == (size,) for each in content.values())
            found = letters if isinstance(reply, SealedShares) else shares
            found |= {to_bytes(each) for each in content.values()}
    assert not any(share in letter for share in shares for letter in letters), "in the clear"
