"""What is kept of a round of secure aggregation, and what can be read from it."""

from __future__ import annotations

import pytest
import torch

from fedmini.errors import UserError
from fedmini.faults import STAGES as FAULTS
from fedmini.faults import Fate
from fedmini.messages import decode
from fedmini.network import Network
from fedmini.secagg import Aborted, Coordinator, Participant
from fedmini.secagg.__main__ import answer
from fedmini.secagg.messages import (
    MaskedInput,
    MaskedVector,
    PublicKeys,
    Revealed,
    SealedShares,
    to_bytes,
)
from fedmini.secagg.transcript import WORDS, Recorder, show
from fedmini.tensors import load_tensors
from tests.secagg.rounds import chi_square, plain_sum, vectors
from tests.secagg.test_protocol import Foretold

NAMES, SIZE = tuple("ABCDEFG"), 1000
GIVEN = dict(zip(NAMES, vectors(7, len(NAMES), SIZE, torch.int32), strict=True))
FATES = {"A": Fate(dropout=FAULTS[0]), "C": Fate(dropout=FAULTS[1]), "E": Fate(dropout=FAULTS[2])}


def recorded(place, fates=None):
    """Round 3 under these fates, kept in a file: who survived, and what is in the file."""
    sides = {name: Participant(name, 3, lambda _, x=x: x) for name, x in GIVEN.items()}
    network = Recorder(sides, Foretold(fates or {}))
    network.begin_round()
    try:
        total, survivors = aggregate(network, NAMES)
    except Aborted:
        total, survivors = None, []
    network.save(place, 3, None if total is None else total[:WORDS].tolist())
    return survivors, load_tensors(place / "transcript-0003.pt")


def aggregate(network, names):
    """The sum and the survivors of round 3."""
    return Coordinator(network, 3, 4).aggregate(names, lambda _, each: MaskedInput(3, each))


def messages(kept):
    """Client, question, reply or None."""
    for name, question, reply, _ in kept["exchanges"]:
        yield name, decode(to_bytes(question)), None if reply is None else decode(to_bytes(reply))


class Replay(Network):
    """Clients that are gone: the server has only what it was told when they were there."""

    def __init__(self, kept) -> None:
        super().__init__({})
        self.kept = list(messages(kept))

    def deliver(self, name, question):
        same = (r for n, q, r in self.kept if n == name and type(q) is type(question))
        return next(same, None)


def test_whole_but_for_long_vectors_whose_statistic_is_that_of_all_their_bytes(tmp_path):
    _, kept = recorded(tmp_path)
    assert len(kept["exchanges"]) == 4 * len(NAMES)
    for name, _, reply, measured in kept["exchanges"]:
        message = decode(to_bytes(reply))
        assert bool(measured) is isinstance(message, MaskedVector)
        if measured:
            words, statistic = measured
            assert message.vector.shape == (WORDS,) and words == SIZE
            assert 150 < statistic < 430 and name in NAMES
    assert kept["sum"] == plain_sum(list(GIVEN.values()))[:WORDS].tolist()


def test_the_statistic_is_the_textbook_one(tmp_path, monkeypatch):
    monkeypatch.setattr("fedmini.secagg.client.add_mask", lambda *_: None)
    monkeypatch.setattr("fedmini.secagg.pairwise.add_mask", lambda *_: None)
    _, kept = recorded(tmp_path)
    found = {name: each[1] for name, _, _, each in kept["exchanges"] if each}
    right = {name: chi_square(each.numpy().tobytes()) for name, each in GIVEN.items()}
    assert found == pytest.approx(right)


def test_the_sum_follows_from_what_is_kept_and_nothing_else_is_needed(tmp_path):
    survivors, kept = recorded(tmp_path, FATES)
    assert survivors == list("BDEFG")
    total, again = aggregate(Replay(kept), dict.fromkeys(name for name, _, _ in messages(kept)))
    assert (total.tolist(), again) == (kept["sum"], survivors)
    assert kept["sum"] == plain_sum([GIVEN[name] for name in survivors])[:WORDS].tolist()


def test_what_never_reached_the_server_is_not_kept(tmp_path):
    # its mask key is put together from the shares: with the vector, it would lie bare
    _, kept = recorded(tmp_path, {"C": FATES["C"]})
    answers = [type(reply) for name, _, reply in messages(kept) if name == "C"]
    assert answers == [PublicKeys, SealedShares, type(None)]


def test_the_replies_of_a_client_hold_nothing_else(tmp_path):
    survivors, kept = recorded(tmp_path)
    for name in survivors:
        keys, letters, masked, revealed = (r for n, _, r in messages(kept) if n == name)
        others = set(NAMES) - {name}
        assert vars(keys).keys() == {"round", "keys"} and keys.keys.shape == (64,)
        assert vars(letters).keys() == {"round", "letters"} and letters.letters.keys() == others
        assert {each.shape for each in letters.letters.values()} == {(2 * 33 + 16,)}
        assert type(masked) is MaskedVector and vars(masked).keys() == {"round", "vector"}
        assert not torch.equal(masked.vector, GIVEN[name][:WORDS])
        assert type(revealed) is Revealed and vars(revealed).keys() == {"round", "shares"}
        assert revealed.shares.keys() == set(NAMES)
        assert {each.shape for each in revealed.shares.values()} == {(33,)}


def test_an_aborted_round_has_no_sum(tmp_path):
    survivors, kept = recorded(tmp_path, dict.fromkeys("ABCD", Fate(dropout=FAULTS[2])))
    assert survivors == [] and kept["sum"] is None
    assert "- the sum, in integers of the ring: none; the round was aborted" in show(tmp_path, 3)


def test_a_round_forgets_the_one_before(tmp_path):
    network = Recorder({}, Foretold({}))
    network.begin_round()
    network.exchanges.append(("A", None, None, []))
    network.begin_round()
    assert network.exchanges == []


def test_what_is_shown_of_each_party(tmp_path, capsys):
    _, kept = recorded(tmp_path, {"C": FATES["C"]})
    answer(["show", str(tmp_path), "--round", "3"])
    views = dict(each.split("\n", 1) for each in capsys.readouterr().out.strip().split("\n\n"))
    assert list(views) == [
        "What the server saw",
        *(f"What {name}, as long as it was there, saw" for name in NAMES),
    ]
    server, *clients = views.values()
    for name, _, reply in messages(kept):
        if isinstance(reply, PublicKeys):
            assert f"keys: 64 bytes, {to_bytes(reply.keys)[:8].hex()} ..." in server
        if isinstance(reply, SealedShares):
            for to, letter in reply.letters.items():
                line = f"82 bytes, {to_bytes(letter)[:8].hex()} ..."
                assert f"    {to}: {line}" in server
                readers = [n for n, view in zip(NAMES, clients, strict=True) if line in view]
                assert readers == [to]
        if isinstance(reply, MaskedVector):
            words = ", ".join(map(str, reply.vector[:4].tolist()))
            assert f"    vector: {words} ..." in server and name != "C"
            assert not any(words in view for view in clients)
    assert server.count(f"{SIZE} words; chi-square ") == 6
    assert server.endswith(", ".join(map(str, kept["sum"][:4])))


@pytest.mark.parametrize("round", [4, -1])
def test_a_round_that_was_not_kept(tmp_path, round):
    recorded(tmp_path)
    with pytest.raises(UserError, match="transcript-.*is not there: a run keeps one"):
        show(tmp_path, round)
