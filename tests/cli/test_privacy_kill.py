"""kill -9 at fifty random moments of private runs: no charge is lost, and no bit differs.

A folder in which a run was killed as soon as its key stood there is copied. One copy ends in peace;
in the others processes are killed some time after their first write, one after the other, until the
run has ended all the same.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from fedmini.rng import numpy_stream
from tests.cli.conftest import TINY, Run
from tests.cli.test_process import start, wait_for

ROUNDS, KILLS = 60, 25
SPREAD = 0.6  # seconds in which a kill falls: about ten rounds
UNITS = {
    "client": "--dp-unit client --cohort 2 --sampling poisson --dropout 0.2 --dp-epsilon 30",
    "patient": "--dp-unit patient --batch-size 2 --dropout 0.2 --stragglers 0.3 --dp-epsilon 30",
}


def whole_lines(path: Path) -> list[dict]:
    """The lines of a file; one that is not ended was cut by the kill."""
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content.splitlines(True) if line.endswith(b"\n")]


def killed(path: Path, delay: float) -> bool:
    """Go on with a run and kill it after a delay from its first write; False if it ended before."""
    stamp = (path / "config.json").stat().st_mtime_ns
    process = start("--quiet", "--resume", path)
    while (path / "config.json").stat().st_mtime_ns == stamp and process.poll() is None:
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode in (-9, 0), err
    return process.returncode != 0


def check(path: Path, account: list[dict]) -> int:
    """The ledger holds what was released, each round once; returns its length."""
    lines = whole_lines(path / "privacy.jsonl")
    assert lines == account[: len(lines)]
    measured = [line["round"] for line in whole_lines(path / "metrics.jsonl")]
    kept = Run(path).checkpoint["round"] if (path / "checkpoint.pt").exists() else 0
    assert max([kept, *measured]) <= len(lines)
    return len(lines)


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_kill_9_at_random_moments(command, data, tmp_path, unit):
    born = tmp_path / "born"
    options = f"{TINY} --rounds {ROUNDS} {UNITS[unit]}".split()
    process = start(*options, "--data", data, "--out", born)
    wait_for(born / "run.key", process)
    process.kill()
    process.communicate(timeout=60)
    straight = Run(Path(shutil.copytree(born, tmp_path / "straight")))
    assert command("--quiet --resume", straight.path).status == 0
    account = whole_lines(straight.path / "privacy.jsonl")
    assert len(account) == ROUNDS

    draws = numpy_stream("kill -9", unit)
    kills, ends = [], 0
    while len(kills) < KILLS:
        run = Run(Path(shutil.copytree(born, tmp_path / str(ends))))
        played = 0
        while len(kills) < KILLS and played < ROUNDS and killed(run.path, draws.uniform(0, SPREAD)):
            played = check(run.path, account)
            kills.append(played)
        done = command("--quiet --resume", run.path)
        assert done.status == 0, done.err
        assert run.timeless() == straight.timeless()
        assert whole_lines(run.path / "privacy.jsonl") == account
        ends += 1
    print(f"{unit}: killed in rounds {kills}; {ends} runs ended with the same bits")
