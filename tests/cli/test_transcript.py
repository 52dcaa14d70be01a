"""Transcripts of whole runs: kept beside the run, changing nothing of it, read by a command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from fedmini.cli import exit_status
from fedmini.messages import decode
from fedmini.secagg.__main__ import answer
from fedmini.secagg.messages import MaskedVector, PublicKeys, Revealed, SealedShares, to_bytes
from tests.cli.conftest import TINY, Run
from tests.cli.test_resume import Killed, die

OPTIONS = "--algo fedavg --secagg --transcript"
ROUNDS = ["transcript-0001.pt", "transcript-0002.pt", "transcript-0003.pt"]


def files(path: Path) -> list[str]:
    return sorted(each.name for each in path.rglob("*transcript*"))


def exchanges(path: Path, round: int) -> list:
    """Client, question, reply or None, decoded from their wire forms."""
    kept = torch.load(path / ROUNDS[round - 1], weights_only=True)
    return [
        (name, *(None if each is None else decode(to_bytes(each)) for each in both))
        for name, *both, _ in kept["exchanges"]
    ]


def test_a_run_is_the_same_with_and_without(play):
    kept = play(f"{OPTIONS} --dropout 0.3")
    plain = play("--algo fedavg --secagg --dropout 0.3", "plain")
    assert kept.summary["weights_sha256"] == plain.summary["weights_sha256"]
    assert kept.timeless()[0] == plain.timeless()[0]
    assert files(kept.path) == ROUNDS and files(plain.path) == []
    assert max((kept.path / each).stat().st_size for each in ROUNDS) < 40_000


def test_a_decoder_finds_keys_ciphertexts_one_masked_vector_and_shares(play):
    run = play(OPTIONS)
    parts = {PublicKeys: "keys", SealedShares: "letters"}
    parts |= {MaskedVector: "vector", Revealed: "shares"}
    for round in (1, 2, 3):
        found = exchanges(run.path, round)
        for client in run.lines[0]["cohort"]:
            replies = [reply for name, _, reply in found if name == client]
            assert [type(each) for each in replies] == list(parts)
            for each in replies:
                assert vars(each).keys() == {"round", parts[type(each)]} and each.round == round
            keys, letters, masked, revealed = (getattr(r, parts[type(r)]) for r in replies)
            assert (keys.dtype, keys.shape) == (torch.uint8, (64,))
            assert {len(each) for each in letters.values()} == {82} and len(letters) == 2
            assert masked.dtype == torch.int32 and {len(e) for e in revealed.values()} == {33}


def test_a_resumed_round_is_written_again(play, command, data, monkeypatch):
    straight = play(OPTIONS, "straight")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, "before the checkpoint", 2)
        command(f"{TINY} --rounds 3 {OPTIONS} --out broken --data", data)
    broken = Path("broken")
    assert files(broken) == ROUNDS[:2]
    first, second = ((broken / each).read_bytes() for each in ROUNDS[:2])
    assert command("--quiet --resume broken").status == 0
    assert Run(broken).timeless() == straight.timeless()
    assert files(broken) == ROUNDS and (broken / ROUNDS[0]).read_bytes() == first
    assert (broken / ROUNDS[1]).read_bytes() != second  # its keys were drawn anew


def test_where_no_update_is_sent_nothing_is_kept(command, data):
    options = f"--rounds 1 --algo fedavg,local --secagg --transcript --out both --data {data}"
    done = command(f"{TINY} {options}")
    assert done.status == 0, done.err
    assert files(Path("both/fedavg")) == ROUNDS[:1] and files(Path("both/local")) == []


@pytest.mark.parametrize(
    "options", ["", "--secagg mpc:3", "--secagg --dp-unit client --dp-epsilon 3"]
)
def test_refused_where_the_server_must_not_see_so_much(refused, data, options):
    line = refused(f"{TINY} --algo fedavg --out never --transcript {options} --data", data)
    assert "--transcript keeps words of each sum: it needs --secagg masks" in line


def test_it_is_shown_in_words(play, capsys):
    run = play(OPTIONS)
    assert exit_status(answer, ["show", str(run.path), "--round", "2"]) == 0
    text = capsys.readouterr().out
    assert re.findall(r"^What (\S+?),? ", text, re.M) == ["the", *run.lines[1]["cohort"]]
    words = len(run.checkpoint["model"]) + 3
    assert text.count(f"    {words} words; chi-square ") == 3
    for statistic in re.findall(r"chi-square (\d+)", text):
        assert int(statistic) < 430  # more by chance once in 10^10 times
    total = torch.load(run.path / ROUNDS[1], weights_only=True)["sum"]
    assert f"the sum, in integers of the ring: {', '.join(map(str, total[:4]))}\n" in text


MISTAKES = ["show", "tell run", "show run", "show run --round x", "show run --round 9", "show no"]


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Path("run", ROUNDS[0]).write_bytes(b"damaged")
    assert exit_status(answer, words.split()) == 2
    found = capsys.readouterr()
    assert found.out == "" and found.err.startswith("fedmini: ") and found.err.count("\n") == 1
