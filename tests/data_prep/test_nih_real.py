"""Two thousand real radiographs, from the publisher's files to a trained network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_prep.nih import main
from data_prep.raster import read as read_image
from fedmini.data.dataset import channel_statistics
from fedmini.data.store import read
from tests.conftest import SHARED_DATA

pytestmark = pytest.mark.realdata
ROOT = Path(__file__).parents[2]
SOURCE = SHARED_DATA / "nih"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "X.h5"
    assert main([str(SOURCE), "--out", str(path), "--size", "64", "--split", "patient"]) == 0
    return path


def test_real_radiographs(out):
    dataset = read(out)
    assert dataset.images.shape == (1993, 1, 64, 64) and len(set(dataset.patient)) == 940
    pairs = set(zip(dataset.patient.tolist(), dataset.split.tolist(), strict=True))
    assert np.bincount([split for _, split in pairs]).tolist() == [658, 94, 188]
    mean, std = channel_statistics(dataset.images[dataset.split == 0])
    assert np.allclose(dataset.mean, mean, atol=1e-3) and np.allclose(dataset.std, std, rtol=1e-5)


def test_real_labels_are_those_of_the_table(out):
    """Read again without a parser: the text of every row, in the order of the table."""
    dataset = read(out)
    lines = (SOURCE / "Data_Entry_2017_v2020.csv").read_text().splitlines()[1:]
    with h5py.File(out) as file:
        extras = [file[name].asstr()[:] for name in ("image", "sex", "view")]
        numbers = [file[name][:].astype(str) for name in ("follow_up", "patient", "age")]
    for row, line in enumerate(lines):
        found = [dataset.classes[column] for column in np.flatnonzero(dataset.targets[row])]
        image, labels, follow_up, patient, age, sex, view = line.split(",")[:7]
        assert set(labels.split("|")) == set(found or ["No Finding"])
        assert [each[row] for each in extras] == [image, sex, view]
        assert [each[row] for each in numbers] == [follow_up, patient, age]
        assert int(image[:8]) == int(patient)
    for row in range(0, 1993, 100):
        image = lines[row].split(",")[0]
        assert (dataset.images[row, 0] == read_image(SOURCE / "images" / image)).all()


def test_the_official_split_of_real_radiographs(tmp_path):
    out = tmp_path / "official.h5"
    assert main([str(SOURCE), "--out", str(out), "--size", "64"]) == 0
    tested = set((SOURCE / "test_list.txt").read_text().splitlines())
    with h5py.File(out) as file:
        names, split = file["image"].asstr()[:], file["split"][:]
    assert set(names[split == 2]) == tested and set(split) == {0, 1, 2}


def test_two_hospitals_train_on_real_radiographs(tmp_path):
    table = tmp_path / "first.csv"
    lines = (SOURCE / "Data_Entry_2017_v2020.csv").read_text().splitlines()
    table.write_text("\n".join(lines[:200]))
    few = ["--table", str(table), "--split", "patient", "--size", "32"]
    assert main([str(SOURCE), "--out", str(tmp_path / "few.h5"), *few]) == 0
    work = "--clients 2 --preset tiny --rounds 1 --local-steps 2 --partition iid --quiet --out run"
    done = subprocess.run(
        [sys.executable, ROOT / "run.py", "--data", "few.h5", *work.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not json.loads((tmp_path / "run" / "summary.json").read_text())["synthetic"]
