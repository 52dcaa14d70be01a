"""A run that was interrupted anywhere ends as if it had not been."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from fedmini.folder import RunFolder
from tests.cli.conftest import TINY, Run
from tests.cli.test_flow import names

FAULTS = "--dropout 0.3 --stragglers 0.5"
RUNS = {
    "plain": "",
    "faults": f"--algo fedavg --straggler-policy partial {FAULTS}",
    "local": f"--algo local {FAULTS}",
    "centralized": "--algo centralized --optimizer sgd --momentum 0.9",
    "norm": f"--norm batch --batch-norm local {FAULTS}",
    "cohort": "--cohort 2 --sampling poisson --lr-schedule cosine --scanner-shift 0.5",
    "seldom": f"--algo local {FAULTS} --checkpoint-every 2 --eval-every 2 --select best-val",
}
ROUNDS = 4


class Killed(BaseException):
    """Nothing catches this."""


def die(monkeypatch, moment: str, round: int) -> None:
    """Kill the process at a moment of writing what belongs to a round."""
    save, append = RunFolder.save_checkpoint, RunFolder.append

    def saving(folder, state):
        if moment == "before the checkpoint" and state["round"] >= round:
            raise Killed
        save(folder, state)
        if moment == "between the two" and state["round"] >= round:
            raise Killed

    def appending(folder, record):
        if moment == "inside the line" and record["round"] >= round:
            with folder.metrics.open("a") as file:
                file.write(json.dumps(record)[:20])
            raise Killed
        append(folder, record)
        if moment == "after the line" and record["round"] >= round:
            raise Killed

    monkeypatch.setattr(RunFolder, "save_checkpoint", saving)
    monkeypatch.setattr(RunFolder, "append", appending)


MOMENTS = ["before the checkpoint", "between the two", "inside the line", "after the line"]


@pytest.mark.parametrize("turn", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
@pytest.mark.parametrize("name", RUNS)
def test_killed_in_any_round(play, command, data, monkeypatch, name, turn):
    straight = play(f"--rounds {ROUNDS} {RUNS[name]}", "straight")
    options = [TINY, "--rounds", ROUNDS, "--data", data, *RUNS[name].split()]
    for place, moment in enumerate(MOMENTS):
        round = 1 + (place + turn) % ROUNDS
        path = Path(moment.replace(" ", "-"))
        with monkeypatch.context() as patch, pytest.raises(Killed):
            die(patch, moment, round)
            command(*options, "--out", path)
        (path / ".checkpoint.pt.7.partial").write_bytes(b"what a killed process was writing")
        assert not (path / "summary.json").exists()
        done = command("--quiet --resume", path)
        assert (done.status, done.err) == (0, "")
        assert Run(path).timeless() == straight.timeless(), moment
        assert names(path) == names(straight.path)


def test_killed_twice_and_in_a_comparison(play, command, data, monkeypatch):
    options = f"--algo fedavg,local --seed 0,1 --rounds 3 {FAULTS}"
    straight = play(options, "straight")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, "inside the line", 2)
        command(f"{TINY} {options} --out killed", "--data", data)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, "between the two", 3)
        command("--quiet --resume killed")
    assert command("--quiet --resume killed").status == 0
    killed = Run(Path("killed"))
    for each in ("fedavg-seed0", "fedavg-seed1", "local-seed0", "local-seed1"):
        assert Run(killed.path / each).timeless() == Run(straight.path / each).timeless()
    first, second = straight.json("comparison.json"), killed.json("comparison.json")
    for row in (*first["rows"], *second["rows"]):
        del row["seconds"]
    assert first == second
    assert command("--quiet --resume killed/local-seed1").status == 0


@pytest.mark.parametrize("options", ["", f"--algo local {FAULTS}", "--algo fedavg,centralized"])
def test_more_rounds_are_those_of_a_longer_run(play, command, options):
    play(f"--rounds 2 {options}", "short")
    longer = play(f"--rounds 4 {options}", "longer")
    assert command("--quiet --resume short --rounds 4").status == 0
    for path in longer.path.rglob("summary.json"):
        short = Run(Path("short") / path.parent.relative_to(longer.path))
        assert short.timeless() == Run(path.parent).timeless()
        assert short.json("config.json") == Run(path.parent).json("config.json")


def test_a_finished_run_prints_its_result_again(play, command):
    run = play("")
    before = (run.path / "checkpoint.pt").read_bytes()
    done = command("--resume run")
    assert done.status == 0 and "fedprox after round 3" in done.out
    assert (run.path / "checkpoint.pt").read_bytes() == before


def test_ctrl_c_says_how_to_go_on(play, command, data, monkeypatch):
    straight = play("", "straight")
    with monkeypatch.context() as patch:
        patch.setattr("tests.cli.test_resume.Killed", KeyboardInterrupt)
        die(patch, "after the line", 2)
        done = command(f"{TINY} --rounds 3 --out", "a b", "--data", data)
    assert done.status == 130
    assert done.err == "fedmini: interrupted; go on with --resume 'a b'\n"
    assert command("--quiet --resume", "a b").status == 0
    assert Run(Path("a b")).timeless() == straight.timeless()


CONTRADICTIONS = {
    "--lr 0.1": "--lr 0.1 contradicts --resume: that run has 0.002",
    "--algo fedavg": "--algo fedavg contradicts --resume: that run has fedprox",
    "--mu 0.5": "--mu 0.5 contradicts --resume: that run has 0.01",
    "--seed 4": "--seed 4 contradicts",
    "--rounds 2": "--rounds 2: that run is set to 3; it can only grow",
    "--out other": "--out cannot be given with --resume",
    "--print-config": "--print-config cannot be given with --resume",
    "--alpha 0.1": "--alpha 0.1 contradicts",
}


@pytest.mark.parametrize("options", CONTRADICTIONS)
def test_another_configuration_is_refused(refused, play, options):
    play("")
    assert CONTRADICTIONS[options] in refused(f"--resume run {options}")


def test_options_that_agree_are_welcome(play, command, data):
    play("")
    options = "--resume run --quiet --rounds 3 --lr 0.002 --mu 0.01 --device cpu --threads 1"
    assert command(options, "--data", data).status == 0


def test_more_rounds_would_bend_the_cosine(refused, play):
    play("--lr-schedule cosine")
    assert "--lr-schedule cosine" in refused("--resume run --rounds 4")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def other_model(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    state["model"] = state["model"][:-1]
    torch.save(state, path)


DAMAGE = {
    "checkpoint.pt is cut, damaged": lambda run: cut(run / "checkpoint.pt"),
    "belongs to another model": lambda run: other_model(run / "checkpoint.pt"),
    "KeyError: 'model'": lambda run: torch.save({"round": 1}, run / "checkpoint.pt"),
    "config.json is not JSON": lambda run: cut(run / "config.json"),
    "config.json lacks aggregator": lambda run: (run / "config.json").write_text("{}"),
    "metrics.jsonl, line 2": lambda run: (run / "metrics.jsonl").write_text('{"round": 1}\n{\n\n'),
    "no config.json": lambda run: (run / "config.json").unlink(),
}


@pytest.mark.parametrize("complaint", DAMAGE)
def test_a_damaged_run_is_refused(refused, play, complaint):
    run = play("").path
    (run / "summary.json").unlink()
    DAMAGE[complaint](run)
    assert complaint in refused("--resume run --rounds 4")


def test_data_that_changed_are_refused(refused, play, data, tmp_path):
    copy = shutil.copy(data, tmp_path / "copy.h5")
    play(f"--data {copy}")
    Path(copy).write_bytes(Path(copy).read_bytes() + b" ")
    assert "copy.h5 is not what it was when that run was started" in refused("--resume run")
    Path(copy).unlink()
    assert "there is no such file" in refused("--resume run")


def test_what_is_no_run_is_refused(refused, tmp_path):
    for path in ("nowhere", ".", tmp_path, __file__):
        assert "config.json" in refused("--resume", path)
