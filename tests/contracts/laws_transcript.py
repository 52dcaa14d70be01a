"""What a network that keeps a round must keep of it: all that the server saw, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from fedmini.faults import STAGES, Fate
from fedmini.messages import Train, decode
from fedmini.rng import numpy_stream
from fedmini.secagg.messages import MaskedVector, to_bytes
from tests.contracts.framework import law, real
from tests.secagg.rounds import chi_square

real("recorder", "fedmini.secagg.transcript:Recorder")

NAMES = ("A", "B", "C")
SIZES = st.integers(1, 300)
FATES = st.lists(st.sampled_from([None, *STAGES]), min_size=3, max_size=3)


@dataclass
class Sender:
    """A client whose upload is known."""

    vector: torch.Tensor

    def answer(self, question):
        return MaskedVector(question.round, self.vector)


@dataclass
class Foretold:
    """Faults that are written down; stragglers come too late."""

    fates: dict[str, Fate]
    keep_partial = False

    def fate(self, round, client):
        return self.fates[client]


def played(impl, size, dropouts, rounds=1):
    """A network after so many rounds of one question; what each client sends, and what came."""
    draws = numpy_stream(size, "vectors")
    sent = {name: torch.from_numpy(draws.integers(0, 99, size, dtype="int32")) for name in NAMES}
    fates = {name: Fate(dropout=each) for name, each in zip(NAMES, dropouts, strict=True)}
    network = impl({name: Sender(each) for name, each in sent.items()}, Foretold(fates))
    for number in range(1, rounds + 1):
        network.begin_round()
        question = Train(number, 0.1, {"model": torch.arange(float(size))})
        came = dict(network.ask(dict.fromkeys(NAMES, question)))
    return network, sent, came


@law("recorder", size=SIZES, dropouts=FATES)
def law_replies_are_those_that_came(impl, size, dropouts):
    network, _, came = played(impl, size, dropouts)
    assert [name for name, *_ in network.exchanges] == list(NAMES)
    assert {name for name, _, reply, _ in network.exchanges if reply is not None} == came.keys()


@law("recorder", size=SIZES)
def law_long_vectors_are_cut_and_say_how_long_they_were(impl, size):
    network, sent, _ = played(impl, size, [None] * 3)
    for name, question, reply, measured in network.exchanges:
        asked, answer = decode(to_bytes(question)), decode(to_bytes(reply))
        assert torch.equal(asked.arrays["model"], torch.arange(float(size))[:64])
        assert torch.equal(answer.vector, sent[name][:64])
        assert measured[0] == size


@law("recorder", size=SIZES)
def law_the_statistic_is_that_of_all_bytes(impl, size):
    network, sent, _ = played(impl, size, [None] * 3)
    for name, *_, (_, statistic) in network.exchanges:
        right = chi_square(sent[name].numpy().tobytes())
        assert abs(statistic - right) <= 1e-9 * right


@law("recorder", rounds=st.integers(1, 3))
def law_a_round_forgets_the_one_before(impl, rounds):
    network, *_ = played(impl, 5, [None] * 3, rounds)
    assert [decode(to_bytes(reply)).round for _, _, reply, _ in network.exchanges] == [rounds] * 3
