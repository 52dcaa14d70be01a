"""Files: JSON that is read back, digests, and what a crash in the middle leaves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fedmini.files import atomic_path, sha256, write_json

ROOT = Path(__file__).parents[2]


def test_json_is_read_back(tmp_path):
    value = {"round": 1, "name": "Krankenhaus Köln", "dice": [0.5, None]}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == value and text.endswith("\n")


def test_what_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {1, 2})
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_digest(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"x" * 300_000)
    assert sha256(path) == hashlib.sha256(b"x" * 300_000).hexdigest()


def test_killed_while_it_writes(tmp_path):
    path = tmp_path / "checkpoint"
    path.write_bytes(b"old")
    script = (
        "import os, signal\nfrom fedmini.files import atomic_path\n"
        f"with atomic_path({str(path)!r}) as partial:\n"
        "    partial.write_bytes(b'half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment)
    assert done.returncode == -signal.SIGKILL and path.read_bytes() == b"old"
    write_json(path, "new")  # what was left behind is in nobody's way
    assert json.loads(path.read_text()) == "new"


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "no" / "file") as partial:
        partial.write_text("x")
