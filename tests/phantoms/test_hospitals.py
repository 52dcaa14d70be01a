"""`python -m data_prep.phantoms.NAME --out FILE.h5`, and what all synthetic hospitals promise."""

from __future__ import annotations

import runpy
import sys

import h5py
import numpy as np
import pytest

from fedmini.data.dataset import Dataset
from fedmini.data.store import read
from data_prep.phantoms import hospitals
from fedmini.registry import names
from tests.data.factory import segmentation_dataset
from tests.phantoms.built import built

ARRAYS = ("images", "targets", "patient", "split", "site", "mean", "std")


def command(monkeypatch, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["phantom", *arguments])
    monkeypatch.delitem(sys.modules, f"data_prep.phantoms.{name}", raising=False)
    runpy.run_module(f"data_prep.phantoms.{name}", run_name="__main__")


@pytest.mark.parametrize("name", names("dataset"))
def test_it_is_always_the_same_and_survives_a_file(monkeypatch, tmp_path, name):
    path = tmp_path / f"{name}.h5"
    np.random.seed(5)  # a global generator has no say
    command(monkeypatch, name, "--out", str(path))
    (made, extras), again = built(name), read(path)
    for array in ARRAYS:
        assert np.array_equal(getattr(made, array), getattr(again, array)), array
    assert again.synthetic and "SYNTHETIC" in again.source
    assert (again.regions, again.site_names) == (made.regions, made.site_names)
    with h5py.File(path) as file:
        assert ("lesions" in file) == (name != "brats")
        assert all(np.array_equal(file[array], extras[array]) for array in extras)


@pytest.mark.parametrize("name", names("dataset"))
def test_a_file_that_is_there_stays(monkeypatch, tmp_path, capsys, name):
    path = tmp_path / "mine.h5"
    path.write_text("the only copy")
    with pytest.raises(SystemExit) as stop:
        command(monkeypatch, name, "--out", str(path))
    assert stop.value.code == 2 and path.read_text() == "the only copy"
    line = f"fedmini: --out {path}: is there already; a new file would be right\n"
    assert capsys.readouterr().err == line


def test_a_bad_option_is_one_line(capsys):
    for arguments in ([], ["--out"], ["--ou", "a.h5"]):
        with pytest.raises(SystemExit) as stop:
            hospitals.main("factory", build, arguments)
        assert stop.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def build() -> tuple[Dataset, dict[str, np.ndarray]]:
    dataset = segmentation_dataset()
    return dataset, {"lesions": (dataset.targets > 0).astype(np.uint16)}


def test_extra_arrays_are_in_the_file_beside_the_schema(tmp_path):
    path = tmp_path / "a.h5"
    hospitals.main("factory", build, ["--out", str(path)])
    with h5py.File(path) as file:
        assert np.array_equal(file["lesions"], build()[1]["lesions"])
    assert np.array_equal(read(path).images, build()[0].images)


def test_a_disk_that_refuses_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        hospitals.main("factory", build, ["--out", str(tmp_path / "nowhere" / "a.h5")])
    assert stop.value.code == 1 and not list(tmp_path.iterdir())
    line = capsys.readouterr().err
    assert "could not be written: No such file" in line and line.count("\n") == 1
