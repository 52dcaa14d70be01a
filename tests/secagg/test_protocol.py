"""Rounds of secure aggregation as a federation plays them: with training, faults and many words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from fedmini.faults import STAGES as FAULTS
from fedmini.faults import Fate, FaultyNetwork
from fedmini.messages import Train, encode, wire_size
from fedmini.network import Network
from fedmini.secagg import Aborted, Coordinator, Participant, ProtocolError, secure_sum
from fedmini.secagg.messages import AdvertiseKeys, MaskedInput, MaskedVector, Revealed, TrainMasked
from tests.secagg.rounds import plain_sum, vectors

NAMES = tuple("ABCDEFG")


class Trainee:
    """A client that trains when its vector is asked for: (round, part of its work, what it got)."""

    def __init__(self, name: str) -> None:
        self.name, self.trained = name, []

    def answer(self, question):
        if isinstance(question, AdvertiseKeys):
            self.side = Participant(self.name, question.round, self.train)
        return self.side.answer(question)

    def train(self, question: Train) -> torch.Tensor:
        self.trained.append(question.work)
        return question.arrays["model"].to(torch.int32) + ord(self.name)


@dataclass
class Foretold:
    """Faults that are written down, of every round."""

    fates: dict[str, Fate]
    keep_partial: bool = True

    def fate(self, round, client):
        return self.fates.get(client, Fate())


def play(fates, threshold=4, round=1, keep_partial=True):
    """One round of training under these fates: trainees, network, and what came of it."""
    trainees = {name: Trainee(name) for name in NAMES}
    network = FaultyNetwork(trainees, Foretold(fates, keep_partial))
    trains = {name: Train(round, 0.1, {"model": torch.ones(3)}) for name in NAMES}

    def ask_input(name, letters):
        return TrainMasked(**vars(trains[name]), letters=letters)

    network.begin_round()
    server = Coordinator(network, round, threshold)
    return trainees, network, lambda: server.aggregate(NAMES, ask_input)


def test_faults_of_every_kind_fit_the_stages():
    before, lost, after = (Fate(dropout=stage) for stage in FAULTS)
    trainees, _, run = play({"B": before, "C": lost, "D": after, "E": Fate(work=0.25)})
    total, survivors = run()
    assert survivors == list("ADEFG")
    assert total.tolist() == [sum(map(ord, "ADEFG")) + 5] * 3
    work = {name: each.trained for name, each in trainees.items()}
    assert work == dict.fromkeys("ACDFG", [1.0]) | {"B": [], "E": [0.25]}


def test_a_straggler_that_is_dropped_never_trains():
    trainees, _, run = play({"E": Fate(work=0.25)}, keep_partial=False)
    _, survivors = run()
    assert survivors == list("ABCDFG") and trainees["E"].trained == []


def test_enough_uploads_but_too_few_helpers_abort_the_round():
    _, network, run = play(dict.fromkeys("ABCD", Fate(dropout="after upload")))
    with pytest.raises(Aborted, match="round 1: 3 clients sent Revealed, at least 4 must"):
        run()
    assert network.failures == {}


def test_a_client_that_fails_in_training_is_a_dropout():
    trainees, network, run = play({})

    def diverge(question):
        raise FloatingPointError("training diverged")

    trainees["C"].train = diverge
    _, survivors = run()
    assert survivors == list("ABDEFG")
    assert network.failures == {"C": "FloatingPointError: training diverged"}


def test_the_bytes_that_are_counted_are_those_of_the_wire():
    _, transcript = secure_sum(vectors(1, 4, 10, torch.int64), dropped={3: "unmask"})
    for _, question, reply in transcript:
        assert wire_size(question) == len(encode(question))
        assert reply is None or wire_size(reply) == len(encode(reply))


def test_shares_are_not_shown():
    _, transcript = secure_sum(vectors(1, 2, 10, torch.int32))
    revealed = [reply for _, _, reply in transcript if isinstance(reply, Revealed)]
    assert [repr(each) for each in revealed] == ["Revealed(round=1)"] * 2


def test_two_sums_of_the_same_vectors_have_nothing_in_common_but_the_total():
    given = vectors(1, 3, 40, torch.int64)
    runs = [secure_sum(given, dropped=[1]) for _ in range(2)]
    assert torch.equal(runs[0][0], runs[1][0]) and torch.equal(runs[0][0], plain_sum(given[::2]))
    uploads = [[r.vector for _, _, r in t if isinstance(r, MaskedVector)] for _, t in runs]
    assert not any((a == b).any() for a, b in zip(*uploads, strict=True))


def test_both_generators_come_to_the_same_sum():
    pytest.importorskip("cryptography")
    given = vectors(1, 3, 1000, torch.int32)
    total, _ = secure_sum(given, dropped=[1], generator="aes-ctr")
    assert torch.equal(total, plain_sum(given[::2]))


@pytest.mark.parametrize(
    ("count", "threshold", "line"),
    [
        (1, None, "a secure sum takes at least 2 clients, not 1"),
        (6, 3, "the threshold is 3: it must be from 4 to 6 of 6 clients"),
        (6, 7, "the threshold is 7: it must be from 4 to 6 of 6 clients"),
    ],
)
def test_refusals_say_what_would_be_right(count, threshold, line):
    with pytest.raises(ProtocolError, match=f"^{line}$"):
        secure_sum(vectors(1, count, 2, torch.int32), threshold=threshold)


def test_thirty_clients_of_whom_some_vanish():
    given = vectors(1, 30, 50, torch.int32)
    gone = {3: "advertise keys", 9: "share keys", 11: "masked input", 20: "masked input"}
    total, _ = secure_sum(given, dropped=gone | {29: "unmask"})
    assert torch.equal(total, plain_sum([v for i, v in enumerate(given) if i not in gone]))


def test_a_plain_network_will_do():
    given = dict(zip("AB", vectors(1, 2, 5, torch.int32), strict=True))
    sides = {name: Participant(name, 1, lambda _, x=x: x) for name, x in given.items()}
    server = Coordinator(Network(sides), 1, 2)
    total, survivors = server.aggregate(sides, lambda name, letters: MaskedInput(1, letters))
    assert survivors == ["A", "B"] and torch.equal(total, plain_sum(list(given.values())))
