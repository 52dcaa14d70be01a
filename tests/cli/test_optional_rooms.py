"""An optional room can be deleted: a run without it still works, one that asks for it says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Run
from tests.cli.test_process import ENVIRONMENT, ROOT

ROOMS = {  # option -> its files
    "--dp-epsilon 6": ("privacy", "private.py", "dp_sgd.py"),
    "--secagg": ("secagg", "secure.py"),
    "--compress topk:0.1": ("compression", "compressed.py"),
}
# an editable installation would find in the original what the copy lacks
COPY_ONLY = """
import sys
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in repr(each)]
from fedmini.cli import entry
entry()
"""


@pytest.mark.parametrize("option", ROOMS)
def test_a_copy_without_a_room(tmp_path, data, option):
    ignored = shutil.ignore_patterns(*ROOMS[option], "__pycache__")
    copy = Path(shutil.copytree(ROOT / "fedmini", tmp_path / "fedmini", ignore=ignored))
    assert not any((copy / each).exists() for each in ROOMS[option])

    def run(options: str) -> subprocess.CompletedProcess:
        words = f"{TINY} --rounds 1 --no-images {options} --data".split()
        return subprocess.run(
            [sys.executable, "-c", COPY_ONLY, *words, data],
            env=ENVIRONMENT | {"PYTHONPATH": ""},
            cwd=tmp_path, capture_output=True, text=True, timeout=100,
        )  # fmt: skip

    plain = run("--out plain")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert len(Run(tmp_path / "plain").lines) == 1
    wanting = run(f"--out wanting {option}")
    assert wanting.returncode in (1, 2) and wanting.stderr.count("\n") == 1
    assert wanting.stderr.startswith("fedmini: ") and not (tmp_path / "wanting").exists()
