"""The whole command on small downloads: every table and every layout become the same file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from data_prep import raster
from data_prep.nih import main
from data_prep.nih_table import years
from data_prep.raster import resize
from data_prep.raster_case import MOST, PIXELS, batches
from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.store import read
from tests.data_prep.nih_source import (
    HEADERS,
    TESTED,
    download,
    image_of,
    rows_of,
    write_images,
    write_lists,
    write_table,
)

OFFICIAL = (
    "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax "
    "Consolidation Edema Emphysema Fibrosis Pleural_Thickening Hernia"
).split()


def made(source: Path, *arguments: object) -> Path:
    """The file that the command makes of a folder; it must succeed."""
    out = source.parent / f"{source.name}{len(list(source.parent.iterdir()))}.h5"
    assert main([str(source), "--out", str(out), "--size", "8", *map(str, arguments)]) == 0
    assert sorted(out.parent.glob(f"{out.name}*")) == [out], "something was left beside the file"
    return out


def prepared(source: Path, *arguments: object) -> Dataset:
    return read(made(source, *arguments))


def same(one: Dataset, other: Dataset) -> bool:
    arrays = ("images", "targets", "patient", "split", "mean", "std")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


def test_every_row_is_what_the_table_says(tmp_path):
    out = made(download(tmp_path / "in"))
    dataset, rows = read(out), rows_of()
    assert dataset.classes == tuple(OFFICIAL) and dataset.task == "multilabel"
    assert dataset.images.shape == (len(rows), 1, 8, 8) and dataset.images.dtype == np.uint8
    assert (dataset.name, dataset.version, dataset.synthetic) == ("nih", "1", False)
    assert dataset.source == "ChestX-ray14, from 'in'" and set(dataset.site) == {-1}
    with h5py.File(out) as file:
        assert "site" not in file
        extras = {name: file[name].asstr()[:].tolist() for name in ("image", "sex", "view")}
        age, follow_up = file["age"][:], file["follow_up"][:]
        assert age.dtype == np.int16
    for place, (name, labels, number, patient, years_, sex, view) in enumerate(rows):
        assert (dataset.images[place, 0] == resize(image_of(name), 8)).all()
        found = [OFFICIAL[column] for column in np.flatnonzero(dataset.targets[place])]
        assert found == sorted(set(labels.split("|")) - {"No Finding"}, key=OFFICIAL.index)
        assert dataset.patient[place] == int(patient)
        assert (extras["image"][place], extras["sex"][place]) == (name, sex)
        assert (extras["view"][place], follow_up[place], age[place]) == (
            view, int(number), int(years_)
        )  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_every_table_says_the_same(tmp_path, name):
    download(tmp_path / "in")
    other = download(tmp_path / "other")
    (other / "Data_Entry_2017_v2020.csv").unlink()
    write_table(other, rows_of(), name)
    assert same(prepared(tmp_path / "in"), prepared(other))


@pytest.mark.parametrize("folder", ["", "images_001", "images_001/images", "sample/images"])
def test_images_in_every_layout(tmp_path, folder):
    download(tmp_path / "in")
    rows = rows_of()
    write_table(tmp_path / "other", rows)
    write_lists(tmp_path / "other", rows, ending="\r\n")
    write_images(tmp_path / "other" / folder, rows[:5])
    write_images(tmp_path / "other" / folder.replace("1", "2"), rows[5:])
    assert same(prepared(tmp_path / "in"), prepared(tmp_path / "other"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "16"])
def test_images_of_every_mode(tmp_path, mode):
    download(tmp_path / "in")
    other = download(tmp_path / "other")
    for path in (other / "images").iterdir():
        gray = image_of(path.name)
        wide = Image.fromarray(gray.astype(np.uint16) * 257)
        (wide if mode == "16" else Image.fromarray(gray).convert(mode)).save(path)
    assert same(prepared(tmp_path / "in"), prepared(other))


def test_the_official_split(tmp_path):
    download(tmp_path / "in", patients=20)
    dataset = prepared(tmp_path / "in", "--validation", 0.25)
    assert ((dataset.split == 2) == np.isin(dataset.patient, TESTED)).all()
    patients = [len(set(dataset.patient[dataset.split == each])) for each in range(3)]
    assert patients == [14, 4, 2]  # a quarter of eighteen, rounded
    assert len(set(zip(dataset.patient.tolist(), dataset.split.tolist()))) == 20


def test_a_drawn_split(tmp_path):
    source = download(tmp_path / "in", patients=20)
    for name in ("test_list.txt", "train_val_list.txt"):
        (source / name).unlink()
    drawn = [
        prepared(source, "--split", "patient", "--test", 0.3, "--split-seed", seed)
        for seed in (0, 1, 0)
    ]
    assert same(drawn[0], drawn[2]) and (drawn[0].split != drawn[1].split).any()
    for dataset in drawn:
        patients = [len(set(dataset.patient[dataset.split == each])) for each in range(3)]
        assert patients == [12, 2, 6]


def test_mean_and_std_are_those_of_the_training_images(tmp_path):
    dataset = prepared(download(tmp_path / "in", patients=30))
    assert set(dataset.split) == {0, 1, 2}
    mean, std = channel_statistics(dataset.images[dataset.split == 0])
    assert np.allclose(dataset.mean, mean, atol=1e-4) and np.allclose(dataset.std, std, rtol=1e-5)


def test_images_of_another_size(tmp_path):
    source = download(tmp_path / "in")
    name = rows_of()[0][0]
    whole = prepared(source, "--size", 12).images[0, 0]
    assert (whole == image_of(name)).all()
    assert (prepared(source, "--size", 24).images[0, 0] == whole.repeat(2, 0).repeat(2, 1)).all()
    assert (prepared(source, "--size", 3).images[0, 0] == resize(image_of(name), 3)).all()


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_have_no_say(tmp_path, workers):
    source = download(tmp_path / "in", patients=150)
    assert len(rows_of(150)) > 4 * MOST, "too few for many batches"
    (source / "images" / rows_of(150)[70][0]).write_bytes(b"nothing")
    files = [made(source, "--workers", each).read_bytes() for each in (1, workers)]
    assert files[0] == files[1]


def test_batches_hold_every_picture_once():
    for size in (1, 64, 256, 300, 1024, 2048):
        pieces = batches(range(1000), size)
        assert [each for batch in pieces for each in batch.pictures] == list(range(1000))
        longest = max(len(batch.pictures) for batch in pieces)
        assert longest <= MOST and (longest * size**2 <= PIXELS or longest == 1)


def test_memory_does_not_grow_with_the_images(tmp_path):
    """A thousand images of 64 KB are 64 MB; a few batches of 2 MB are in memory at a time."""
    peaks = []
    for patients in (200, 500):
        source = download(tmp_path / f"{patients}", patients=patients)
        tracemalloc.start()
        made(source, "--size", 256, "--workers", 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 20e6 and peaks[1] - peaks[0] < 3e6


def test_ages():
    published = {"58": 58, "058Y": 58, "060Y": 60, "013M": 1, "011M": 0, "003W": 0, "009D": 0}
    assert {text: years(text) for text in published} == published
    assert years("414") == 414, "impossible, but as published"
    assert [years(text) for text in ("", "old", "-3", "1e3", "4140", "٣", "5X")] == [-1] * 7


def test_what_cannot_be_read_of_a_patient_is_unknown(tmp_path):
    source = download(tmp_path / "in")
    rows = rows_of()
    rows[0][2:] = ["?", "1", "unborn", "", "LATERAL"]
    write_table(source, rows)
    with h5py.File(made(source)) as file:
        assert (file["age"][0], file["follow_up"][0]) == (-1, -1)
        assert file["sex"].asstr()[:2].tolist() == file["view"].asstr()[:1].tolist() + ["F"]
        assert file["view"].asstr()[0] == "unknown"


def test_what_it_says(tmp_path, capfd):
    source = download(tmp_path / "in")
    broken = source / "images" / rows_of()[1][0]
    broken.write_bytes(broken.read_bytes()[:-30])
    prepared(source)
    out, err = capfd.readouterr()
    assert err == f"left out: {broken.name}: breaks off, or is damaged: a checksum is wrong\n"
    assert out.splitlines()[:2] == [
        "13 radiographs of 8 x 8 pixels, from 14 rows",
        "7 patients: 5 train, 0 validation, 2 test",
    ]
    assert out.splitlines()[2].startswith("No Finding 2, Atelectasis 3, Cardiomegaly 0, ")
    assert out.splitlines()[3].startswith(f"written: {tmp_path}")


def test_an_interrupted_command_goes_on(tmp_path, monkeypatch, capfd):
    source = download(tmp_path / "in", patients=150)
    images = source / "images"
    (images / rows_of(150)[3][0]).write_bytes(b"nothing")
    whole = made(source).read_bytes()
    capfd.readouterr()
    out = tmp_path / "again.h5"
    command = [str(source), "--out", str(out), "--size", "8", "--workers", "1"]

    def interrupted(path):
        if path.name == rows_of(150)[200][0]:
            raise KeyboardInterrupt
        return reading(path)

    reading = raster.read
    with monkeypatch.context() as patch:
        patch.setattr(raster, "read", interrupted)
        assert main(command) == 130
    opened = []
    monkeypatch.setattr(raster, "read", lambda path: opened.append(path) or reading(path))
    assert main(command) == 0 and out.read_bytes() == whole
    assert len(opened) < len(rows_of(150)) - 100, "finished batches were read again"
    first, second = capfd.readouterr().err.splitlines()[::2][:2]
    assert first == second and "is no PNG or JPEG" in first, "what is left out was not named again"
