"""The whole command on small downloads: what every row shows, whose it is, and where it goes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from data_prep.covidx import main
from data_prep.covidx_file import CLASSES
from data_prep.growing import Growing
from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.store import read
from data_prep.phantoms.covidx import covidx
from tests.data_prep.covidx_source import (
    PATIENTS,
    SLICES,
    download,
    lines_of,
    slice_of,
    write_image,
    write_list,
)

SPLITS = {"train": 0, "val": 1, "test": 2}


def prepared(source: Path, *arguments: object) -> tuple[Dataset, list[str], list[str]]:
    """What the command makes of a folder, and the image and the patient of every row."""
    out = source.parent / f"{source.name}{len(list(source.parent.iterdir()))}.h5"
    assert main([str(source), "--out", str(out), "--size", "10", *map(str, arguments)]) == 0
    assert sorted(out.parent.glob(f"{out.name}*")) == [out], "something was left beside the file"
    with h5py.File(out) as file:
        return read(out), *(file[name].asstr()[:].tolist() for name in ("image", "patient_name"))


def test_every_row_is_what_its_line_says(tmp_path):
    dataset, images, patients = prepared(download(tmp_path / "in"))
    published = {line.split()[0]: (split, line.split()) for split in SPLITS
                 for line in lines_of(split)}  # fmt: skip
    assert sorted(images) == sorted(published) and len(images) == SLICES * len(PATIENTS)
    for row, name in enumerate(images):
        split, (_, finding, *box) = published[name]
        left, top, right, bottom = map(int, box)
        part = slice_of(name)[top:bottom, left:right].astype(float)
        assert dataset.split[row] == SPLITS[split]
        assert dataset.targets[row] == (finding == "2")
        assert name.removeprefix("137covid_").startswith(patients[row])
        if part.shape == (30, 40):
            blocks = part.reshape(10, 3, 10, 4).mean(axis=(1, 3))
            assert np.abs(dataset.images[row, 0] - blocks).max() <= 1
        else:
            assert abs(dataset.images[row].mean() - part.mean()) < 3
    assert dataset.patient.tolist() == [sorted(PATIENTS).index(name) for name in patients]
    mean, std = channel_statistics(dataset.images[dataset.split == 0])
    assert np.allclose(dataset.mean, mean, atol=1e-4) and np.allclose(dataset.std, std, rtol=1e-4)


def test_what_the_file_says_of_itself(tmp_path):
    dataset, *_ = prepared(download(tmp_path / "in", "3A"))
    assert (dataset.name, dataset.task, dataset.version) == ("covidx", "binary", "3A")
    assert not dataset.synthetic and dataset.source == "COVIDx CT-3A, from 'in'"
    assert dataset.classes == CLASSES[2] == covidx().classes
    assert dataset.images.dtype == np.uint8 and dataset.images.shape[1:] == (1, 10, 10)


def test_three_classes(tmp_path):
    dataset, images, _ = prepared(download(tmp_path / "in"), "--classes", 3)
    assert dataset.task == "multiclass" and dataset.classes == ("Normal", "Pneumonia", "COVID-19")
    finding = {line.split()[0]: int(line.split()[1]) for s in SPLITS for line in lines_of(s)}
    assert dataset.targets[:, 0].tolist() == [finding[name] for name in images]


def test_collections_are_sites(tmp_path):
    dataset, _, patients = prepared(download(tmp_path / "in"))
    found = [dataset.site_names[site] for site in dataset.site]
    assert found == [PATIENTS[patient][3] for patient in patients]
    nameless, _, names = prepared(download(tmp_path / "bare", metadata=False))
    assert nameless.site_names == () and set(nameless.site) == {-1}
    assert "137covid_patient100" in names and len(set(names)) == len(PATIENTS)
    assert (nameless.images == dataset.images).all()


def test_a_patient_that_the_table_lacks(tmp_path, capsys):
    source = download(tmp_path / "in")
    table = source / "metadata.csv"
    table.write_text("".join(f"{line}\n" for line in table.read_text().splitlines()[:-1]))
    dataset, _, patients = prepared(source)
    assert set(patients) == set(PATIENTS)
    unknown = [row for row, name in enumerate(patients) if name == "study_0255"]
    assert set(dataset.site[unknown]) == {-1} and (dataset.site >= 0).sum() == 7 * SLICES
    note = "patients not in metadata.csv, read from the names of files: 1\n"
    assert note in capsys.readouterr().out


@pytest.mark.parametrize("version", ["1", "2B", "3B"])
def test_every_version_is_read_alike(tmp_path, version):
    expected, *_ = prepared(download(tmp_path / "2A"))
    source = download(tmp_path / "other", version)
    if version == "2B":  # the lists that a variant B shares with A come under A's name
        for split in ("val", "test"):
            (source / f"{split}_COVIDx_CT-2B.txt").rename(source / f"{split}_COVIDx_CT-2A.txt")
    choice = ["--version", version] if version == "2B" else []
    dataset, *_ = prepared(source, *choice)
    assert dataset.version == version and (dataset.images == expected.images).all()
    assert (dataset.split == expected.split).all()


def test_a_version_is_chosen_with_its_images(tmp_path):
    source = download(tmp_path / "in", "2A")
    download(source, "3A")
    (source / "2A_images" / "study_0255-0000.png").unlink()
    newer, *_ = prepared(source, "--version", "3A")
    older, *_ = prepared(source, "--version", "2A")
    assert len(newer.images) == len(older.images) + 1


def test_deep_folders_and_other_line_ends(tmp_path):
    expected, *_ = prepared(download(tmp_path / "plain"))
    source = download(tmp_path / "in")
    (source / "a" / "b").mkdir(parents=True)
    (source / "2A_images").rename(source / "a" / "b" / "2A_images")
    for path in source.glob("*.txt"):
        text = path.read_text().removesuffix("\n").replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    dataset, *_ = prepared(source)
    assert (dataset.images == expected.images).all()


def test_splits_can_be_drawn_over_patients(tmp_path, capsys):
    source = download(tmp_path / "in")
    (source / "val_COVIDx_CT-2A.txt").unlink()
    drawn = ("--split", "patient", "--validation", 0.2, "--test", 0.2)
    dataset, _, patients = prepared(source, *drawn)
    other, *_ = prepared(source, *drawn, "--split-seed", 5)
    assert len(set(patients)) == 6 and set(dataset.split) == {0, 1, 2}
    assert len(set(zip(patients, dataset.split.tolist()))) == 6
    assert (other.images == dataset.images).all() and (other.split != dataset.split).any()
    assert "no list for val\n" in capsys.readouterr().out


def test_splits_that_tear_a_patient_are_refused_or_fixed(tmp_path, capsys):
    source = download(tmp_path / "in")
    train, test = lines_of("train"), lines_of("test")
    write_list(source, "train", train[1:])
    write_list(source, "test", [*test, train[0]])
    out = tmp_path / "a.h5"
    assert main([str(source), "--out", str(out)]) == 2
    expected = "patients in more than one split: 1, the first of them NCP_96 in train and test;"
    assert capsys.readouterr().err.startswith(f"fedmini: {expected}") and not out.exists()
    dataset, _, patients = prepared(source, "--fix-splits")
    assert {int(s) for s, name in zip(dataset.split, patients) if name == "NCP_96"} == {2}
    assert (dataset.split == 2).sum() == len(test) + SLICES
    assert "patients moved into one split: 1\n" in capsys.readouterr().out


def test_boxes_beyond_the_image_are_cut(tmp_path):
    source = download(tmp_path / "in")
    lines = [" ".join([*line.split()[:2], "-5 -9 480 400"]) for line in lines_of("test")]
    write_list(source, "test", lines)
    dataset, images, _ = prepared(source)
    for row in np.flatnonzero(dataset.split == 2):
        assert abs(dataset.images[row].mean() - slice_of(images[row]).mean()) < 1


def test_colours_become_gray(tmp_path):
    source = download(tmp_path / "in")
    expected, *_ = prepared(source)
    for path in source.rglob("*.png"):
        Image.open(path).convert("RGBA").save(path)
    assert (prepared(source)[0].images == expected.images).all()


def test_what_it_says(tmp_path, capfd):
    source = download(tmp_path / "in")
    write_image(source / "2A_images", "extra_1.png")
    prepared(source)
    out, err = capfd.readouterr()
    assert err == "left out: images in no list (1): extra_1.png\n"
    assert out.splitlines()[:4] == [
        "COVIDx CT-2A lists 24 images of 8 patients",
        "24 slices of 10 x 10 pixels: 12 not COVID-19, 12 COVID-19",
        "8 patients: 4 train, 2 validation, 2 test",
        "sources of the patients: 4 CNCB, 1 COVID-CT-MD, 1 COVID-CTSet, 1 LIDC-IDRI, 1 MosMedData",
    ]
    assert out.splitlines()[4].startswith(f"written: {tmp_path}")


def test_workers_and_interruptions_have_no_say(tmp_path, monkeypatch):
    source, append, written = download(tmp_path / "in"), Growing.append, []

    def interrupted(file: Growing, arrays: dict) -> None:
        written.append(len(arrays["images"]))
        append(file, arrays)
        if len(written) == 2:
            raise KeyboardInterrupt

    def outcome(workers: int) -> tuple[int, Path]:
        out = tmp_path / f"{workers}.h5"
        options = ["--out", str(out), "--size", "600", "--workers", str(workers)]
        return main([str(source), *options]), out

    assert outcome(1)[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(Growing, "append", interrupted)
        assert outcome(3)[0] == 130 and not (tmp_path / "3.h5").exists()
        assert outcome(3)[0] == 0
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()
    assert written == [11, 11, 11, 2], "only the batch at the interruption is written again"
