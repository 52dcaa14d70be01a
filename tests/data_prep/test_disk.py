"""A full disk under HDF5: an error that can be caught, and nothing half written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from data_prep.disk import hdf5, uninterrupted
from data_prep.store import write
from tests.data.factory import segmentation_dataset

ROOT = Path(__file__).parents[2]
FULL = """
import resource, sys
from data_prep.store import write
from tests.data.factory import segmentation_dataset
dataset = segmentation_dataset(patients=5, slices=2, size=8)
for size in range(0, int(sys.argv[2]), 97):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write(sys.argv[1], dataset)
    except OSError as error:
        assert error.strerror == "File too large", error
    else:
        sys.exit("written whole where there was no room")
"""


def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    write(tmp_path / "whole.h5", segmentation_dataset(patients=5, slices=2, size=8))
    size = (tmp_path / "whole.h5").stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "a.h5", str(size)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["whole.h5"]


def test_ctrl_c_waits_for_the_block_to_end():
    seen = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            seen.append("the rest of the block")
    assert seen and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_hdf5_closes(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with hdf5(tmp_path / "a.h5") as (file, disk):
            file["x"] = [1, 2, 3]
            truncate = disk.truncate
            disk.truncate = lambda size: (signal.raise_signal(signal.SIGINT), truncate(size))[1]
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][:].tolist() == [1, 2, 3]
