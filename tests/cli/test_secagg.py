"""Runs behind secure aggregation as their user sees them: the same weights, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch

import fedmini.simulation
from data_prep.store import write
from fedmini.faults import STAGES, Faults, FaultyNetwork
from fedmini.messages import MAGIC, decode, encode
from fedmini.run_options import secret
from fedmini.secagg.messages import MaskedVector, PublicKeys, Revealed, SealedShares, to_bytes
from tests.cli.conftest import TINY, Run
from tests.cli.test_flow import names
from tests.cli.test_resume import Killed, die
from tests.data.factory import segmentation_dataset
from tests.secagg.rounds import chi_square

TEN = "--algo fedavg --clients 10 --partition iid --dropout 0.2 --min-survivors 6 --lr 0.02"
BOUNDS = "--ring-bits 32 --clip 0.2 --weight-cap 8"
# How many of the ten stay to the end of each round; below 6, the least majority, it is aborted. Who
# drops out after the upload is in a plain sum, but gives no share of a secret to a secure one
SEEDS = {10: (7, 7, 7), 0: (8, 9, 5)}


@pytest.fixture(scope="module")
def ten(tmp_path_factory) -> Path:
    """A prepared file with patients enough for ten hospitals."""
    path = tmp_path_factory.mktemp("prepared") / "ten.h5"
    write(path, segmentation_dataset(patients=50, slices=1, size=16))
    return path


@pytest.fixture
def run(command, ten):
    """Ten hospitals, some of which drop out; the options and the name of the folder."""

    def start(options: str, out: str) -> Run:
        done = command(f"{TINY} --rounds 3 {TEN} {options} --out {out} --data", ten)
        assert (done.status, done.err) == (0, ""), done.err
        return Run(Path(out).absolute())

    return start


def weights(run: Run) -> str:
    return run.summary["weights_sha256"]


@pytest.mark.parametrize("seed", SEEDS)
def test_so_many_stay_to_the_end(seed):
    faults, hospitals = Faults(dropout=0.2, key=seed), [f"hospital-{k}" for k in range(1, 11)]
    rounds = [[faults.fate(number, each).dropout for each in hospitals] for number in (1, 2, 3)]
    assert tuple(lost.count(None) for lost in rounds) == SEEDS[seed]
    assert {stage for lost in rounds for stage in lost} == {None, *STAGES}


@pytest.mark.parametrize("more", ["", "--ring-bits 64 --algo fedprox --mu 0.1"])
def test_the_same_weights_with_and_without(run, more):
    """No round of this seed is aborted: at least six stay to the end of each."""
    options = f"--seed 10 {BOUNDS} {more}"
    masked, plain = run(f"{options} --secagg", "masked"), run(options, "plain")
    assert weights(masked) == weights(plain)
    assert masked.summary["test"] == plain.summary["test"]
    bits = masked.json("config.json")["ring_bits"]
    for hidden, seen in zip(masked.lines, plain.lines, strict=True):
        costs = {"train_loss", "bytes_up", "bytes_down", "seconds", "simulated_hours"}
        for name in seen.keys() - costs:
            assert hidden[name] == seen[name], name
        assert hidden["train_loss"] == pytest.approx(seen["train_loss"], abs=10 / 2**16)
        assert hidden["bytes_up"] > bits // 32 * seen["bytes_up"]
    assert any(0 < line["clipped"] for line in masked.lines)
    assert any(line["dropped"] for line in masked.lines)


def test_a_round_below_the_threshold_is_recorded_and_changes_nothing(run):
    """In round 3 of this seed five of ten stay to the end; their uploads alone would be enough."""
    masked, plain = run(f"--seed 0 {BOUNDS} --secagg", "masked"), run(f"--seed 0 {BOUNDS}", "plain")
    assert [line["aborted"] for line in masked.lines] == [False, False, True]
    assert not any(line["aborted"] for line in plain.lines)
    two, lost = masked.lines[1:]
    assert lost["dropped"] == lost["cohort"] and lost["train_loss"] is lost["clipped"] is None
    assert lost[masked.summary["primary"]] == two[masked.summary["primary"]]
    assert weights(masked) == weights(run(f"--seed 0 {BOUNDS} --rounds 2", "short"))
    assert weights(masked) != weights(plain)


def test_nobody_left_in_any_round(run):
    masked = run("--dropout 1 --secagg", "masked")
    assert all(line["aborted"] and len(line["dropped"]) == 10 for line in masked.lines)
    assert weights(masked) == weights(run("--dropout 1", "plain"))


def test_killed_in_any_round(run, command, ten, monkeypatch):
    """Before an aborted round is kept, too: it is aborted again, under fresh keys."""
    options = "--seed 0 --secagg"
    straight = run(options, "straight")
    for moment, round in (("before the checkpoint", 3), ("after the line", 1)):
        path = Path(moment.replace(" ", "-"))
        with monkeypatch.context() as patch, pytest.raises(Killed):
            die(patch, moment, round)
            command(f"{TINY} --rounds 3 {TEN} {options} --out {path} --data", ten)
        done = command("--quiet --resume", path)
        assert (done.status, done.err) == (0, "")
        assert Run(path).timeless() == straight.timeless(), moment
        assert names(path) == names(straight.path)


def test_client_privacy_behind_secure_aggregation(command, data):
    """The server adds the noise to a sum it decoded: the account is that of the run without."""
    budget = "--algo fedavg --dp-unit client --dp-epsilon 6 --rounds 2"
    accounts = []
    for out, option in (("masked", "--secagg"), ("plain", "")):
        done = command(f"{TINY} {budget} {option} --out {out} --data", data)
        assert done.status == 0, done.err
        found = Run(Path(out))
        accounts.append([line["epsilon"] for line in found.lines])
        assert not any(line["aborted"] for line in found.lines)
    assert accounts[0] == accounts[1] and 5.99 < accounts[0][-1] <= 6


@pytest.mark.parametrize("option", ["--algo centralized", "--algo local"])
def test_where_no_update_is_sent_one_notice_says_so(command, data, option):
    done = command(f"{TINY} --rounds 1 {option} --secagg --out masked --data", data)
    name = option.split()[1]
    assert (done.status, done.err.count("\n")) == (0, 1)
    assert done.err == f"fedmini: {name} sends no update: --secagg changes nothing there\n"
    command(f"{TINY} --rounds 1 {option} --out plain --data", data)
    assert weights(Run(Path("masked"))) == weights(Run(Path("plain")))


def test_a_comparison_says_it_once_for_each_algorithm(command, data):
    options = f"{TINY} --rounds 1 --algo fedavg,centralized,local --secagg --out run --data"
    done = command(options, data)
    assert done.status == 0 and done.err.count("--secagg") == 2 == done.err.count("\n")


MEDIAN = "class Median:\n    individual = True\n    def __init__(self, cohort): pass\n"
REFUSED = {
    "--secagg --clients 1 --partition iid": "--secagg with one client in a round",
    "--secagg --cohort 1": "--secagg with one client in a round",
    "--secagg --cohort 0.4": "--secagg with cohorts of 1",
    "--secagg --secagg-threshold 1": "--secagg-threshold 1: must be at least 2",
    "--secagg --secagg-threshold 2 --clients 5 --partition iid": "right would be more than half of "
    "the 5 hospitals in a round, 3 or more",
    "--secagg --secagg-threshold 4": "cohorts of 3 and a threshold of 4",
    "--secagg --secagg-threshold 3 --cohort 2": "cohorts of 2 and a threshold of 3",
    "--secagg --ring-bits 16": "--ring-bits 16: choose from 32, 64",
    "--secagg --ring-bits 48": "--ring-bits 48: choose from 32, 64",
    "--secagg --ring-bits 65": "--ring-bits 65: choose from 32, 64",
    "--secagg --clip 0.01": "--ring-bits 32: a sum of 3 updates of --clip 0.01 .* too coarse",
    "--secagg --weight-cap 100000000": "--ring-bits 32: .* too coarse .*--ring-bits 64",
    "--secagg --aggregator my.py:Median": "--aggregator other than mean: there the server must see",
    "--secagg --norm batch --batch-norm average": "--batch-norm average: --clip does not bound",
    "--secagg --dp-unit patient --dp-epsilon 6": "with --dp-unit record or patient",
    "--secagg --dp-epsilon 6": "with --dp-unit record or patient",
    "--secagg --mask-generator aes-ctr": "--mask-generator aes-ctr: the package cryptography",
    "--secagg --mask-generator md5": "--mask-generator md5: choose from shake, aes-ctr",
    "--secagg paillier": "--secagg paillier: choose from masks",
    "--secagg-threshold 3": "are read with --secagg only",
    "--mask-generator aes-ctr": "are read with --secagg only",
    "--ring-bits 32": "--ring-bits without --secagg needs --clip and --weight-cap",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_cannot_be_is_refused_in_a_line(refused, data, monkeypatch, options):
    """Before there is a folder; also where `cryptography` happens to be installed."""
    Path("my.py").write_text(MEDIAN)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)
    line = refused(f"{TINY} --algo fedavg --out never {options} --data", data)
    assert re.search(REFUSED[options], line), line


def test_options_are_shown(command, capsys):
    shown = json.loads(command("--print-config --secagg").out)
    assert (shown["secagg"], shown["mask_generator"]) == ("masks", "shake")
    with pytest.raises(SystemExit, match="0"):
        command("--help")
    text = capsys.readouterr().out.partition(f"\n{secret.keywords['group']}:\n")[2]
    flags = set(re.findall(r"^  (--[a-z-]+)", text.partition("\n\n")[0], re.MULTILINE))
    assert {"--secagg", "--secagg-threshold", "--ring-bits", "--mask-generator"} <= flags


class Tapped(FaultyNetwork):
    """The network of a run, with somebody who listens."""

    wire: list[tuple[str, bytes]] = []  # who sent it; the bytes of a reply

    def deliver(self, name, question):
        reply = super().deliver(name, question)
        if reply is not None:
            self.wire.append((name, encode(reply)))
        return reply


KINDS = {PublicKeys: "keys", SealedShares: "letters", MaskedVector: "vector", Revealed: "shares"}


def test_a_listener_finds_keys_letters_one_vector_and_shares(run, monkeypatch):
    """In each client's replies of each round, decoded from their bytes, and nothing else."""
    monkeypatch.setattr(fedmini.simulation, "FaultyNetwork", Tapped)
    monkeypatch.setattr(Tapped, "wire", [])
    words = len(run(f"--seed 10 {BOUNDS} --secagg", "run").checkpoint["model"]) + 3
    rounds, masked = {}, b""
    for name, data in Tapped.wire:
        reply = decode(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[4:8], "little")])
        assert data[:4] == MAGIC and header["scalars"] == {"round": reply.round}
        assert vars(reply).keys() == {"round", KINDS[type(reply)]}
        rounds.setdefault((reply.round, name), []).append(reply)
    for replies in rounds.values():
        assert [type(each) for each in replies] == list(KINDS)[: len(replies)]
        for reply in replies:
            found = getattr(reply, KINDS[type(reply)])
            if isinstance(reply, MaskedVector):
                assert (found.dtype, found.shape) == (torch.int32, (words,))
                masked += to_bytes(found)
            elif isinstance(reply, PublicKeys):
                assert (found.dtype, found.shape) == (torch.uint8, (64,))
            else:  # two shares under a tag for each other client, or one share of each client
                size = 82 if isinstance(reply, SealedShares) else 33
                assert {len(each) for each in found.values()} == {size}
    # as even as random bytes are: beyond this once in 10^10 times
    assert len(masked) > 12_000 and chi_square(masked) < 430
    assert sum(len(each) == 4 for each in rounds.values()) == sum(SEEDS[10])
    uploads = [(n, data) for n, data in Tapped.wire if isinstance(decode(data), MaskedVector)]
    assert len({data[-4 * words :] for _, data in uploads}) == len(uploads)
