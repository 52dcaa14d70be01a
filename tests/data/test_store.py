"""Prepared data on disk: what goes in comes out, and whatever is wrong is said in one line."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.store import write
from fedmini.data import store
from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.schema import TASKS
from fedmini.errors import UserError
from tests.data.factory import labels_dataset, segmentation_dataset


def make(task: str = "segmentation", **details) -> Dataset:
    if task == "segmentation":
        return segmentation_dataset(patients=5, slices=2, size=8, **details)
    return labels_dataset(task=task, patients=5, size=8, **details)


def same(one: Dataset, other: Dataset) -> bool:
    pairs = [
        (getattr(one, field.name), getattr(other, field.name))
        for field in dataclasses.fields(Dataset)
    ]
    return all(
        x.dtype == y.dtype and np.array_equal(x, y) if isinstance(x, np.ndarray) else x == y
        for x, y in pairs
    )


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("dtype", ["uint8", "float16"])
@pytest.mark.parametrize("sites", [0, 2])
def test_what_is_written_is_read(tmp_path, task, dtype, sites):
    dataset = make(task, dtype=dtype, sites=sites)
    write(tmp_path / "a.h5", dataset)
    assert same(store.read(tmp_path / "a.h5"), dataset)


def test_equal_data_give_equal_bytes(tmp_path):
    write(tmp_path / "a.h5", make())
    write(tmp_path / "b.h5", store.read(tmp_path / "a.h5"))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_texts_of_any_script(tmp_path):
    dataset = dataclasses.replace(
        make(), source="Städtisches Klinikum, 東京", site_names=("Zürich", "Łódź", "東京")
    )
    write(tmp_path / "a.h5", dataset)
    assert same(store.read(tmp_path / "a.h5"), dataset)


def test_nothing_is_written_if_the_data_are_not_valid(tmp_path):
    wrong = dataclasses.replace(make(), std=np.zeros(2, np.float32))
    with pytest.raises(UserError, match="std: found"):
        write(tmp_path / "a.h5", wrong)
    assert list(tmp_path.iterdir()) == []


def foreign(path, dataset: Dataset, **attributes) -> None:
    """A file as other programs write it: old format, texts of variable length, no regions."""
    with h5py.File(path, "w") as file:
        file["masks"] = dataset.targets
        for name in ("images", "patient", "split", "site"):
            file[name] = getattr(dataset, name)
        for name in ("name", "task", "source", "synthetic", "mean", "std"):
            file.attrs[name] = getattr(dataset, name)
        for name in ("classes", "site_names"):
            file.attrs[name] = list(getattr(dataset, name))
        file.attrs["version"] = 1
        file.attrs.update(attributes)


def test_files_of_other_programs_are_read(tmp_path):
    dataset = make()
    foreign(tmp_path / "a.h5", dataset, synthetic=1, mean=dataset.mean.astype(np.float64))
    assert same(store.read(tmp_path / "a.h5"), dataset)


def test_regions_come_from_the_file(tmp_path):
    foreign(tmp_path / "a.h5", make(), regions='{"whole": [1, 2], "core": [2]}')
    assert store.read(tmp_path / "a.h5").regions == {"whole": (1, 2), "core": (2,)}


WRONG = {
    "task": ["regression", 3, np.zeros(2), h5py.Empty("f")],
    "classes": ["one", [1, 2, 3], ["a", "a", "b"], ["a", "b", ""], h5py.Empty("f")],
    "source": [1.5, "", b"\xff", "two\nlines"],
    "synthetic": ["yes", 2, [True, False], 1.0],
    "version": [1.5, ""],
    "mean": ["none", [1.0], [np.nan, 1.0], [0.4, 0.4j], [-1000.0, 60.0]],
    "std": [[0.0, 1.0], [-1.0, 1.0], [1.0, np.inf], 2.0, [[1.0, 1.0]], [0.2, 0.2]],
    "regions": ["{", "[1]", '{"a": 1}', '{"a": []}', '{"a": [0]}', '{"a": [3]}', '{"": [1]}', "{}"],
    "site_names": [["a"], ["a", "a", "b"], ["a", "", "b"], [1, 2, 3]],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]


def complaint(path) -> str:
    """The line with which a file is refused; it begins with the file."""
    with pytest.raises(UserError) as caught:
        store.read(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_wrong_attribute_is_named(tmp_path, name, value):
    foreign(tmp_path / "a.h5", make(), **{name: value})
    assert name.removesuffix("_names") in complaint(tmp_path / "a.h5").partition(": found")[0]


@pytest.mark.parametrize("name", ["name", "task", "classes", "source", "synthetic", "mean", "std"])
def test_a_missing_attribute_is_named(tmp_path, name):
    foreign(tmp_path / "a.h5", make())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file.attrs[name]
    assert complaint(tmp_path / "a.h5").startswith(f"{name}: there is no such attribute")


ARRAYS = {
    "images": [lambda x: x[:, 0], lambda x: x.astype(np.float32), lambda x: x[:0], lambda x: x[1:]],
    "masks": [lambda x: x[:, :4], lambda x: x.astype(np.int64), lambda x: x + 3, lambda x: x[None]],
    "patient": [lambda x: x.astype(np.int32), lambda x: x[:, None], lambda x: x.astype("S4")],
    "split": [lambda x: x + 1, lambda x: x * 5, lambda x: np.roll(x, 1), lambda x: x > 0],
    "site": [lambda x: x + 3, lambda x: x - 2, lambda x: np.roll(x, 1), lambda x: x * 1.0],
}
DAMAGED = [(name, change) for name, changes in ARRAYS.items() for change in changes]


@pytest.mark.parametrize(("name", "change"), DAMAGED)
def test_a_wrong_array_is_named(tmp_path, name, change):
    foreign(tmp_path / "a.h5", make())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        values = change(file[name][:])
        del file[name]
        file[name] = values
    assert ": found" in complaint(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["images", "masks", "patient", "split"])
@pytest.mark.parametrize("instead", ["nothing", "group", "objects", "empty", "broken link"])
def test_a_missing_array_is_named(tmp_path, name, instead):
    foreign(tmp_path / "a.h5", make())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[name]
        if instead == "group":
            file.create_group(name)
        if instead == "objects":
            file.create_dataset(name, data=["a", "b"])
        if instead == "empty":
            file[name] = h5py.Empty("f")
        if instead == "broken link":
            file[name] = h5py.SoftLink("/nowhere")
    assert complaint(tmp_path / "a.h5").startswith(f"{name}: ")


def test_what_is_no_hdf5_file(tmp_path):
    assert complaint(tmp_path).startswith("there is no such file")
    assert complaint(tmp_path / "a.h5").startswith("there is no such file")
    (tmp_path / "a.h5").write_bytes(b"")
    assert complaint(tmp_path / "a.h5").startswith("this is no HDF5 file")
    (tmp_path / "a.h5").write_text("patient,label\n1,0\n")
    assert complaint(tmp_path / "a.h5").startswith("this is no HDF5 file")


@pytest.fixture(scope="module")
def whole() -> tuple[Dataset, bytes]:
    """A data set and its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        write(path, make(sites=2))
        return store.read(path), path.read_bytes()


@settings(max_examples=60)
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(tmp_path, whole, part):
    path = tmp_path / "a.h5"
    path.write_bytes(whole[1][: int(part * len(whole[1]))])
    complaint(path)


@settings(max_examples=150)
@given(
    place=st.floats(0, 1, exclude_max=True),
    damage=st.one_of(st.binary(min_size=1, max_size=4), st.just(bytes(64))),
)
def test_damage_is_refused_unless_it_changes_nothing(tmp_path, whole, place, damage):
    dataset, content = whole
    path, start = tmp_path / "a.h5", int(place * len(content))
    path.write_bytes((content[:start] + damage + content[start + len(damage) :])[: len(content)])
    try:
        found = store.read(path)
    except UserError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert same(found, dataset), "damage went unnoticed"


@pytest.mark.realdata
def test_real_hospitals_are_read_and_written(shared_data, tmp_path):
    dataset = store.read(shared_data / "lgg96.h5")
    assert dataset.images.shape == (1352, 3, 96, 96) and dataset.size == (96, 96)
    assert dataset.site_names == ("CS", "DU", "EZ", "FG", "HT") and not dataset.synthetic
    assert np.bincount(dataset.site).tolist() == [125, 641, 8, 218, 360]
    assert dataset.regions == {"tumour": (1,)} and dataset.version == "1"
    mean, std = channel_statistics(dataset.images[dataset.split == 0])
    assert np.allclose(dataset.mean, mean) and np.allclose(dataset.std, std)
    write(tmp_path / "a.h5", dataset)
    assert same(store.read(tmp_path / "a.h5"), dataset)
