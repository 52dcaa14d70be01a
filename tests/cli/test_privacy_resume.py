"""A private run that was interrupted goes on with its noise and its account, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fedmini.privacy.ledger import Ledger
from fedmini.training import Training
from tests.cli.conftest import TINY, Run
from tests.cli.test_flow import names
from tests.cli.test_privacy import POISSON, ledger
from tests.cli.test_resume import MOMENTS, Killed, cut, die

ROUNDS = 4
RUNS = {
    "client": POISSON,
    "record": "--dp-unit record --dp-noise-multiplier 1 --algo local --checkpoint-every 2",
    "patient": "--dp-unit patient --dp-epsilon 6 --dropout 0.3 --stragglers 0.5",
}


@pytest.fixture
def born(command, data, monkeypatch):
    """A folder whose run died when it had nothing but its key: its copies are one run."""

    def make(options: str) -> Path:
        def dying(training: Training) -> None:
            raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Training, "resume", dying)
            tiny = f"{TINY} --rounds {ROUNDS} --batch-size 2 --out born"
            command(tiny, "--data", data, *options.split())
        assert names(Path("born")) == {"config.json", "run.key"}
        return Path("born")

    return make


def die_after_the_charge(monkeypatch, round: int) -> None:
    """Kill the process when a round is paid for and has not begun."""
    pay = Ledger.pay

    def paying(ledger: Ledger, number: int) -> bool:
        paid = pay(ledger, number)
        if number >= round:
            raise Killed
        return paid

    monkeypatch.setattr(Ledger, "pay", paying)


@pytest.mark.parametrize("unit", RUNS)
def test_a_run_that_was_killed_ends_with_the_same_bits(born, command, monkeypatch, unit):
    straight = Run(Path(shutil.copytree(born(RUNS[unit]), "straight")))
    assert command("--quiet --resume straight").status == 0
    for place, moment in enumerate(["after the charge", *MOMENTS]):
        path = Path(shutil.copytree("born", moment.replace(" ", "-")))
        for round in (1 + place % 2, ROUNDS - place % 2):
            with monkeypatch.context() as patch, pytest.raises(Killed):
                if moment == "after the charge":
                    die_after_the_charge(patch, round)
                else:
                    die(patch, moment, round)
                command("--quiet --resume", path)
        done = command("--quiet --resume", path)
        assert done.status == 0, done.err
        assert Run(path).timeless() == straight.timeless(), moment
        assert ledger(path) == ledger(straight.path)
        assert names(path) == names(straight.path)


def test_a_comparison_that_was_killed_pays_every_round_once(command, data, monkeypatch):
    options = f"{TINY} --rounds {ROUNDS} --algo fedavg,local --dp-epsilon 6 --out run"
    for arguments, round in (([options, "--data", data], 2), (["--quiet --resume run"], 3)):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            die(patch, "between the two", round)
            command(*arguments)
    done = command("--quiet --resume run")
    assert done.status == 0, done.err
    spent = [Run(Path("run") / name).summary["epsilon"] for name in ("fedavg", "local")]
    for name in ("fedavg", "local"):
        assert [line["round"] for line in ledger(Path("run") / name)] == [1, 2, 3, 4]
    assert max(spent) <= 6 and Run(Path("run")).json("comparison.json")["epsilon"] == sum(spent)


def edit(change: Callable[[list[dict]], object]) -> Callable[[Path], None]:
    """Change a ledger as one would in an editor."""

    def damage(path: Path) -> None:
        lines = ledger(path.parent)
        change(lines)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return damage


def recharge(place: int, value: float) -> Callable[[Path], None]:
    """Another rate (0), noise (1) or number of steps (2) in the first round of a hospital."""
    return edit(lambda lines: lines[0]["charges"]["site-A"].__setitem__(place, value))


def of_another_run(path: Path) -> None:
    path.with_name("run.key").write_bytes(bytes(32))


DAMAGES = [
    ("privacy.jsonl", Path.unlink, "ends with round 0, the checkpoint is of round 3"),
    ("privacy.jsonl", cut, "line 3: this is not the charge of round 3"),
    ("privacy.jsonl", edit(list.pop), "ends with round 2, the checkpoint is of round 3"),
    ("privacy.jsonl", recharge(0, 0.001), "line 1: this run would not be charged that"),
    ("privacy.jsonl", recharge(1, 99.0), "line 1: this run would not be charged that"),
    ("privacy.jsonl", recharge(2, 0), "line 1: this run would not be charged that"),
    ("privacy.jsonl", edit(lambda lines: lines[2].update(epsilon=0.1)), "epsilon"),
    ("privacy.jsonl", of_another_run, "line 1: it belongs to another run.key"),
    ("run.key", Path.unlink, "run.key is gone"),
    ("run.key", lambda path: path.write_bytes(bytes(31)), "run.key holds 31 bytes, not 32"),
]


def test_a_run_whose_account_or_key_was_touched_is_refused(born, command, refused, monkeypatch):
    path = born(RUNS["patient"])
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, "after the line", 3)
        command("--quiet --resume", path)
    for turn, (file, damage, complaint) in enumerate(DAMAGES):
        copy = Path(shutil.copytree(path, str(turn)))
        damage(copy / file)
        line = refused("--quiet --resume", copy)
        assert complaint in line and str(copy / file) in line
    assert "has its rounds, 4, from the start" in refused(f"--rounds {ROUNDS + 1} --resume", path)
    assert command("--quiet --resume", path).status == 0
