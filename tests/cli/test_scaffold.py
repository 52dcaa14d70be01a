"""An algorithm that remembers, on clients and server, in a file outside the package: SCAFFOLD.

The file is that of chapter 11, copied to where a student might have it. It uses everything that
`FedAvg`'s docstring offers; if it must change, so must the file of every student.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import TINY

SCAFFOLD = Path(__file__).parents[2] / "tutorials" / "scaffold.py"
OPTIONS = "--algo my.py:Scaffold --optimizer sgd --lr 0.05 --dropout 0.4"


@pytest.fixture(autouse=True)
def in_the_working_directory(command, tmp_path):
    shutil.copy(SCAFFOLD, tmp_path / "cwd" / "my.py")


def test_scaffold_trains_and_resumes(play, command):
    whole, part = play(OPTIONS, "whole"), play(f"{OPTIONS} --rounds 1", "part")
    assert command("--quiet --rounds 3 --resume part").status == 0
    assert part.summary["weights_sha256"] == whole.summary["weights_sha256"]
    control = whole.checkpoint["server"]["control"]
    assert control.abs().max() > 0
    assert any("control" in each["state"] for each in whole.checkpoint["clients"].values())


@pytest.mark.parametrize(
    "options",
    [
        "--optimizer adam",
        "--optimizer sgd --momentum 0.9",
        "--optimizer sgd --norm batch --batch-norm local",
    ],
)
def test_scaffold_refuses_what_it_cannot_do(command, data, options):
    done = command(f"{TINY} --out run --algo my.py:Scaffold {options}", "--data", data)
    assert done.status == 1 and done.err.count("\n") == 1
    assert "UserError: SCAFFOLD needs --optimizer sgd" in done.err
