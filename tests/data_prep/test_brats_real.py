"""Three real patients, from the publisher's files to a trained network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_prep.brats import main
from fedmini.data.dataset import channel_statistics
from fedmini.data.store import read
from tests.conftest import SHARED_DATA

pytestmark = pytest.mark.realdata
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    source = SHARED_DATA / "brats" / "MICCAI_BraTS2020_TrainingData"
    path = tmp_path_factory.mktemp("real") / "X.h5"
    mapping = ["--name-mapping", str(source / "name_mapping.csv")]
    assert main([str(source), "--out", str(path), *mapping]) == 0
    return path


def test_real_patients(out):
    dataset = read(out)
    assert dataset.images.shape == (103, 4, 120, 120)
    assert np.bincount(dataset.patient).tolist() == [40, 37, 26]
    split = [int(dataset.split[dataset.patient == each][0]) for each in range(3)]
    assert sorted(split) == [0, 0, 2]
    # of the three only TCGA-FG-6692 is in the publisher's table
    assert dataset.site_names == ("TCIA12",) and set(dataset.site[dataset.patient == 2]) == {0}
    assert set(dataset.site[dataset.patient < 2]) == {-1}
    # the expert who labelled BRATS_HG0015 knew core and oedema only, the others label 4 as well
    labels = [set(np.unique(dataset.targets[dataset.patient == each])) for each in range(3)]
    assert labels == [{0, 1, 2}, {0, 1, 2, 3}, {0, 1, 2, 3}]
    mean, std = channel_statistics(dataset.images[dataset.split == 0])
    assert np.allclose(dataset.mean, mean, atol=1e-5) and np.allclose(dataset.std, std, rtol=1e-4)


def test_real_tumours_are_where_they_are_bright(out):
    """Oedema shines on FLAIR and T2, what enhances on T1ce, and the front is above."""
    dataset = read(out)
    images = dataset.images.astype(np.float32)
    for patient in range(3):
        own = dataset.patient == patient
        flair, t1, t1ce, t2 = images[own].transpose(1, 0, 2, 3)
        masks = dataset.targets[own]
        healthy = (flair != 0) & (masks == 0)
        assert flair[masks == 2].mean() > flair[healthy].mean() + 1
        assert t2[masks == 2].mean() > t2[healthy].mean()
        core = masks == (3 if patient else 1)
        assert (t1ce - t1)[core].mean() > (t1ce - t1)[healthy].mean() + 0.5


def test_two_hospitals_train_on_real_patients(out, tmp_path):
    work = "--clients 2 --preset tiny --rounds 1 --local-steps 2 --partition iid --quiet".split()
    command = [sys.executable, ROOT / "run.py", "--data", out, *work]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*more: str) -> subprocess.CompletedProcess:
        options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        return subprocess.run([*command, *more], **options)

    done = run("--out", "run")
    assert done.returncode == 0, done.stderr
    assert not json.loads((tmp_path / "run" / "summary.json").read_text())["synthetic"]
    refused = run("--out", "never", "--select", "best-val")
    assert refused.returncode == 2
    assert "--select best-val: the data have no validation patient" in refused.stderr
