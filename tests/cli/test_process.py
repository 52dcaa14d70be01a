"""Real processes: the two ways to start one, and the two ways to end it early."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Run

ROOT = Path(__file__).parents[2]
LONG = "--rounds 40 --algo local --dropout 0.3 --stragglers 0.5"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, ROOT / "run.py", *map(str, arguments)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Until there is something in the file."""
    while not (path.exists() and path.stat().st_size) and process.poll() is None:
        time.sleep(0.002)


def test_help_is_for_a_newcomer(tmp_path):
    script = "from fedmini.cli import entry; entry()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--help"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0 and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 100
    for words in ("--algo my.py:MyAlgo --beta 0.3", "FedProx: weight of", "masks 48, 96, 240; labels 32, 64, 224", "[pixels]"):
        assert words in " ".join(done.stdout.split())


def test_the_installed_command_is_this_one():
    text = (ROOT / "pyproject.toml").read_text()
    assert 'fedmini = "fedmini.cli:entry"' in text


def test_a_refusal_sets_the_exit_status(tmp_path):
    process = start("--algo", "fedporx")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "") and err.count("\n") == 1


def test_ctrl_c_ends_with_130(tmp_path, data):
    run = tmp_path / "run"
    process = start(*TINY.split(), "--rounds", 4000, "--data", data, "--out", run)
    wait_for(run / "metrics.jsonl", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == f"fedmini: interrupted; go on with --resume {run}\n"
    assert Run(run).checkpoint["round"] >= 1


def killed_and_resumed(folder: Path, data: Path, command, delay: float) -> Run:
    """kill -9 some time after the first line was written; then go on, in this process."""
    process = start(*TINY.split(), *LONG.split(), "--data", data, "--out", folder)
    wait_for(folder / "metrics.jsonl", process)
    time.sleep(delay)
    process.kill()
    process.communicate(timeout=60)
    assert command("--quiet --resume", folder).status == 0
    return Run(folder)


def test_kill_9(play, command, data, tmp_path):
    straight = play(LONG, "straight")
    killed = killed_and_resumed(tmp_path / "run", data, command, delay=0.0)
    assert killed.timeless() == straight.timeless()


@pytest.mark.slow
def test_kill_9_at_twenty_moments(play, command, data, tmp_path):
    straight = play(LONG, "straight")
    delays = random.Random(0)
    for turn in range(20):
        delay = delays.uniform(0, 1.0)
        killed = killed_and_resumed(tmp_path / str(turn), data, command, delay)
        assert killed.timeless() == straight.timeless(), delay
