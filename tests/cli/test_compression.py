"""Compressed runs and unequal hospitals as their user sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SIZELESS, TINY, Run
from tests.cli.test_process import start, wait_for
from tests.cli.test_resume import MOMENTS, Killed, die

LOSSY = "--algo fedavg --dropout 0.4"
WIDER = f"{SIZELESS} --width 4 --depth 2 --model unet --rounds 2"
OWN = """
from fedmini.compression import Sparsifier

class Mine(Sparsifier):
    def coordinates(self, vector, generator=None):
        ranked = vector.abs().argsort(descending=True, stable=True)
        return ranked[: self.kept(len(vector))].sort().values
"""
WRONG = """
class Sparse:
    pass

class Greedy(Mine):
    def coordinates(self, vector, generator=None):
        return vector.abs().argsort()[:4]

class Shared(Mine):
    common = True
"""
RIGHT = "right would be none, topk:R"
SPECS = {
    "topk": RIGHT,
    "topk:0": RIGHT,
    "topk:1.5": RIGHT,
    "topk:nan": RIGHT,
    "randk:-0.1": RIGHT,
    "quant:9": RIGHT,
    "quant:2.5": RIGHT,
    "nope:0.1": RIGHT,
    "topk:0.1+randk:0.1": RIGHT,
    "quant:4+topk:0.1": RIGHT,
    "none+quant:4": RIGHT,
    "nothing.py:Mine:0.1": "nothing.py: there is no such file",
    "my.py:Yours:0.1": "the file has no Yours",
    "my.py:Sparse:0.1": "Sparse is no subclass of compression.Sparsifier",
    "my.py:Greedy:0.1": "gave (4,) coordinates, torch.int64; right is",
    "my.py:Shared:0.1": "with common = True it needs announce() and read()",
    "topk:0.1 --secagg": "use randk or prevk",
    "quant:4 --error-feedback false": "--error-feedback is read with a sparsifier",
}
CLINIC = {"gigaflops": 200, "up": 20, "down": 100}
SLOW = json.dumps({"others": CLINIC, "site-B": {**CLINIC, "up": 2}})
PROFILES = {
    "nothing.json": (None, "nothing.json cannot be used: No such file"),
    "hospital": (None, "--profile hospital cannot be used"),
    "list.json": ([1, 2], "list.json cannot be used"),
    "other.json": ({"others": CLINIC, "site-Z": CLINIC}, "names 'site-Z', not one of"),
    "partial.json": ({"site-A": CLINIC}, "'site-B' is missing"),
    "field.json": ({"others": {**CLINIC, "cores": 8}}, "'others' holds"),
    "slow.json": ({"others": {**CLINIC, "up": 0}}, "up is 0; right would be numbers from"),
}
DEADLINES = {
    "0": "0.0: must be above 0.0",
    "-1": "-1.0: must be above 0.0",
    "nan": "nan: must be a finite number",
    "soon": "takes a number, not 'soon'",
}


def weights(run: Run) -> str:
    return run.summary["weights_sha256"]


def bytes_up(run: Run) -> int:
    return sum(line["bytes_up"] for line in run.lines)


@pytest.mark.parametrize("spec", ["topk:1.0", "randk:1", "prevk:1.0"])
def test_all_coordinates_are_those_of_a_dense_run(play, spec):
    options = "--clip 0.3 --dropout 0.2"
    dense, whole = play(options, "dense"), play(f"{options} --compress {spec}", "whole")
    assert weights(whole) == weights(dense)
    assert whole.summary["test"] == dense.summary["test"]


@pytest.mark.parametrize("spec", ["topk:0.1", "prevk:0.1", "topk:0.1+quant:4"])
def test_killed_in_any_round(play, command, data, monkeypatch, spec):
    """What is owed to the server, and what it said last, goes on where it was."""
    options = f"{LOSSY} --rounds 4 --compress {spec} --error-feedback true"
    straight = play(options, "straight")
    assert any(line["dropped"] for line in straight.lines)
    for round, moment in enumerate(MOMENTS, start=1):
        path = Path(moment.replace(" ", "-"))
        with monkeypatch.context() as patch, pytest.raises(Killed):
            die(patch, moment, round)
            command(f"{TINY} {options} --out {path} --data", data)
        assert command("--quiet --resume", path).status == 0
        assert Run(path).timeless() == straight.timeless(), moment
    kept = straight.checkpoint
    assert all("residual" in each["state"] | each["pending"] for each in kept["clients"].values())
    assert ("last mean" in kept["server"]) == ("prevk" in spec)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["topk:0.1", "prevk:0.1"])
def test_kill_9(play, command, data, tmp_path, spec):
    options = f"{LOSSY} --rounds 20 --compress {spec}"
    straight, run = play(options, "straight"), tmp_path / "run"
    process = start(*TINY.split(), *options.split(), "--data", data, "--out", run)
    wait_for(run / "metrics.jsonl", process)
    process.kill()
    process.communicate(timeout=60)
    assert not (run / "summary.json").exists()
    assert command("--quiet --resume", run).status == 0
    assert Run(run).timeless() == straight.timeless()


def test_what_is_left_out_comes_later(play):
    """Other weights than without feedback, and not before the second round."""
    options = "--compress topk:0.1 --rounds"
    for rounds in (1, 2):
        remembered = play(f"{options} {rounds}", f"remembered-{rounds}")
        forgotten = play(f"{options} {rounds} --error-feedback false", f"forgotten-{rounds}")
        assert (weights(remembered) == weights(forgotten)) == (rounds == 1)


def test_bytes_fall_as_they_should(command, data):
    """By hand: the values that travel, and at most a bit for each that may; 4 kB of headers."""

    def sent(spec: str) -> int:
        out = spec.replace(":", "-")
        done = command(f"{WIDER} --algo fedavg --compress {spec} --out {out} --data", data)
        assert (done.status, done.err) == (0, "")
        return bytes_up(Run(Path(out)))

    dense, uploads = sent("none"), 2 * 3
    size = Run(Path("none")).summary["parameters"]
    header = dense - 4 * size * uploads
    assert 0 < header < 512 * uploads
    k = round(0.01 * size)
    scales = 4 * -(-size // 512)
    places = 1 + min(size // 8 + 1, 2 * k)
    payloads = {
        "randk:0.01": (4 * k, 4 * k),
        "prevk:0.01": (4 * k, 4 * k),
        "topk:0.01": (5 * k, 4 * k + places),
        "quant:4": (size // 2 + scales, size // 2 + scales + 1),
        "topk:0.01+quant:4": (k // 2 + k, k // 2 + places + 5),
    }
    for spec, (least, most) in payloads.items():
        found = (sent(spec) - header) / uploads
        assert least - 16 <= found <= most + 96, spec


@pytest.mark.parametrize("spec", SPECS)
def test_a_compressor_that_cannot_be(refused, data, tmp_path, spec):
    (tmp_path / "cwd" / "my.py").write_text(OWN + WRONG)
    line = refused(f"{TINY} --out never --compress {spec} --data", data)
    assert SPECS[spec] in line, line


def test_a_compressor_of_ones_own(play, command, tmp_path, refused):
    """Its file must be there, and the same, when the run goes on."""
    file = tmp_path / "cwd" / "my.py"
    file.write_text(OWN)
    theirs = play("--compress topk:0.1+quant:4", "theirs")
    mine = play("--compress my.py:Mine:0.1+quant:4", "mine")
    assert weights(mine) == weights(theirs)
    assert mine.json("config.json")["plugins_sha256"].keys() == {"my.py"}
    assert command("--quiet --resume mine --rounds 4").status == 0
    file.write_text(OWN + "\n")
    again = "--resume mine --rounds 5"
    assert "my.py is not what it was when that run was started" in refused(again)
    file.unlink()
    assert "my.py" in refused(again)


@pytest.mark.parametrize("algo", ["centralized", "local"])
def test_where_nothing_is_sent_one_notice_says_so(command, data, algo):
    done = command(f"{TINY} --rounds 1 --algo {algo} --compress topk:0.1 --out run --data", data)
    assert done.status == 0
    assert done.err == f"fedmini: {algo} sends no update: --compress changes nothing there\n"


@pytest.mark.parametrize("spec", ["prevk:0.2", "randk:0.2"])
def test_the_same_weights_behind_masks(play, spec):
    options = f"--algo fedavg --compress {spec} --ring-bits 32 --clip 0.2 --weight-cap 8"
    plain, masked = play(options, "plain"), play(f"{options} --secagg", "masked")
    assert weights(masked) == weights(plain) != weights(play("--algo fedavg --secagg", "dense"))


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_that_cannot_be(refused, data, tmp_path, name):
    content, complaint = PROFILES[name]
    if content is not None:
        (tmp_path / "cwd" / name).write_text(json.dumps(content))
    line = refused(f"{TINY} --out never --profile {name} --data", data)
    assert complaint in line, line


@pytest.mark.parametrize("value", DEADLINES)
def test_a_deadline_that_cannot_be(refused, data, value):
    line = refused(f"{TINY} --out never --deadline {value} --data", data)
    assert line == f"fedmini: --deadline {DEADLINES[value]}\n"


def test_unequal_hospitals_train_alike_and_take_longer(play, tmp_path):
    """No weight depends on a profile alone; the hours are those of the slowest."""
    (tmp_path / "cwd" / "slow.json").write_text(SLOW)
    each = {"one": "uniform", "tiers": "hospital-tiers", "slow": "slow.json"}
    runs = [play(f"--profile {profile}", out) for out, profile in each.items()]
    hours = [[line["simulated_hours"] for line in run.lines] for run in runs]
    assert len({weights(run) for run in runs}) == 1
    assert all(0 < fast < tiers < slow for fast, tiers, slow in zip(*hours, strict=True))
    assert play("--algo centralized", "pooled").lines[0]["simulated_hours"] is None


def test_a_profile_stays_what_it_was(play, refused, tmp_path):
    file = tmp_path / "cwd" / "slow.json"
    file.write_text(SLOW)
    play("--profile slow.json", "slow")
    file.write_text(SLOW.replace("200", "100"))
    assert "slow.json is not what it was" in refused("--resume slow --rounds 4")


def test_who_is_late_is_a_straggler(play, command, refused, data, tmp_path):
    """Site B needs ten times as long to send; compressed, its update is in time."""
    (tmp_path / "cwd" / "slow.json").write_text(SLOW)
    options = f"{WIDER.removeprefix(SIZELESS)} --algo fedavg --profile slow.json"
    patient = play(options, "patient")
    (hours,) = {line["simulated_hours"] for line in patient.lines}
    generous = play(f"{options} --deadline {2 * hours}", "generous")
    assert generous.timeless()[0] == patient.timeless()[0]
    bare = f"{SIZELESS} {options} --rounds 2 --data {data} --deadline"
    strict = command(f"{bare} {hours / 2} --out strict")
    assert strict.status == 0 and "site-B will come too late in each round" in strict.err
    assert "every hospital would come too late" in refused(f"{bare} {hours / 1e6} --out never")
    for line in Run(Path("strict")).lines:
        assert line["dropped"] == ["site-B"] and line["simulated_hours"] == hours / 2
    squeezed = play(f"{options} --deadline {hours / 2} --compress topk:0.01", "squeezed")
    assert not any(line["dropped"] for line in squeezed.lines)
    assert all(line["simulated_hours"] < hours / 2 for line in squeezed.lines)
