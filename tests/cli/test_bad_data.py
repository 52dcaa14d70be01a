"""Files that are no prepared data set: the line names the file and the field."""

from __future__ import annotations

import re
import shutil

import h5py
import numpy as np
import pytest

from data_prep.store import write
from tests.cli.conftest import TINY
from tests.data.factory import labels_dataset, segmentation_dataset


def without(name):
    def damage(file):
        del file[name]

    return damage


def replaced(name, change):
    def damage(file):
        values = change(file[name][:])
        del file[name]
        file[name] = values

    return damage


def attribute(name, value):
    def damage(file):
        file.attrs[name] = value

    return damage


def with_nan(images):
    images = images.astype(np.float16)
    images[3, 0, 0, 0] = np.nan
    return images


DAMAGE = {
    "images: found no readable array": without("images"),
    "masks: found no readable array": without("masks"),
    "patient: found no readable array": without("patient"),
    "split: found no readable array": without("split"),
    r"images: found uint8 of shape \(30, 16, 16\)": replaced("images", lambda x: x[:, 0]),
    "images: found float32": replaced("images", lambda x: x.astype(np.float32)),
    "images: found NaN": replaced("images", with_nan),
    r"masks: found uint8 of shape \(29": replaced("masks", lambda x: x[1:]),
    "masks: found 4": replaced("masks", lambda x: x + 2),
    "split: found 9": replaced("split", lambda x: np.where(x == 2, 9, x).astype(np.uint8)),
    "split: found no training": replaced("split", lambda x: np.maximum(x, 1)),
    "no test patient": replaced("split", lambda x: np.where(x == 2, 1, x).astype(np.uint8)),
    r"split: found patient \d+ in ": replaced("split", lambda x: np.roll(x, 1)),
    "site: found 3": replaced("site", lambda x: x + 1),
    "task: found 'poetry'": attribute("task", "poetry"),
    "std: found": attribute("std", np.float32([0.0, 1.0])),
    "mean and std": attribute("mean", np.float32([1e6, 0.0])),
    "regions: found": attribute("regions", '{"all": [7]}'),
}


@pytest.mark.parametrize("complaint", DAMAGE)
def test_a_damaged_file_is_named(refused, data, tmp_path, complaint):
    path = tmp_path / "damaged.h5"
    shutil.copy(data, path)
    with h5py.File(path, "r+") as file:
        DAMAGE[complaint](file)
    line = refused(f"{TINY} --out never", "--data", path)
    assert re.search(complaint, line), line


def test_what_is_no_file_of_data(refused, tmp_path, data):
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "cut.h5").write_bytes(data.read_bytes()[:4000])
    found = {
        "no HDF5 file": tmp_path / "text.h5",
        "damaged or cannot be read": tmp_path / "cut.h5",
        "there is no such file": tmp_path / "nowhere.h5",
        "no such file": tmp_path,  # a folder
    }
    for complaint, path in found.items():
        assert complaint in refused(f"{TINY} --out never", "--data", path)


def test_no_validation_patient_to_select_by(refused, play, tmp_path):
    path = tmp_path / "unvalidated.h5"
    split = [0, 2, 0, 2, 0, 2, 0, 0, 0]
    write(path, segmentation_dataset(patients=9, slices=1, split=split))
    line = refused(f"{TINY} --out never --select best-val", "--data", path)
    assert "--select best-val: the data have no validation patient" in line
    assert "dice" not in play(f"--data {path}").lines[0]


def test_a_task_that_nobody_knows(refused, tmp_path):
    path = tmp_path / "labels.h5"
    write(path, labels_dataset())
    with h5py.File(path, "r+") as file:
        file.attrs["task"] = "regression"
    assert "task: found 'regression'" in refused(f"{TINY} --out never", "--data", path)
