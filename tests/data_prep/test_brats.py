"""The whole command on small downloads: every year's names and types become the same file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from data_prep.brats import main
from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.store import read
from data_prep.phantoms.brats import CLASSES, REGIONS
from tests.data_prep.brats_source import (
    PUBLISHED,
    download,
    expected,
    volumes,
    write_case,
    write_slices,
    write_volume,
)

NAME = "BraTS20_Training_001"


def prepared(source: Path, *arguments: object) -> Dataset:
    """What the command makes of a folder; it must succeed."""
    out = source.parent / f"{source.name}{len(list(source.parent.iterdir()))}.h5"
    assert main([str(source), "--out", str(out), *map(str, arguments)]) == 0
    assert sorted(out.parent.glob(f"{out.name}*")) == [out], "something was left beside the file"
    return read(out)


def same(one: Dataset, other: Dataset) -> bool:
    arrays = ("images", "targets", "patient", "split", "site", "mean", "std")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


def test_a_case_becomes_its_slices(tmp_path):
    content = volumes()
    write_case(tmp_path / "in", NAME, content)
    dataset = prepared(tmp_path / "in")
    images, masks, _ = expected(content, side=14)
    assert np.array_equal(dataset.targets, masks)
    assert np.allclose(dataset.images.astype(float), images.astype(float), rtol=2e-3, atol=1e-3)
    assert ((dataset.images == 0) == (images == 0)).all(), "the background is not exactly zero"
    assert dataset.classes == CLASSES and dataset.regions == REGIONS
    assert (dataset.name, dataset.task, dataset.version) == ("brats", "segmentation", "1")
    assert not dataset.synthetic and dataset.source == "BraTS, from 'in'"


def test_every_row_can_be_traced(tmp_path):
    download(tmp_path / "in", patients=3)
    out = tmp_path / "out.h5"
    assert main([str(tmp_path / "in"), "--out", str(out), "--modalities", "t2,flair"]) == 0
    with h5py.File(out) as file:
        cases, slices = file["case"].asstr()[:], file["slice"][:]
        assert file.attrs["modalities"].astype(str).tolist() == ["flair", "t2"]
        for number in (1, 2, 3):
            rows = np.flatnonzero(cases == f"BraTS20_Training_{number:03d}")
            content = volumes(seed=number)
            images, masks, kept = expected(content, 14, ("flair", "t2"))
            assert slices[rows].tolist() == kept
            assert (file["masks"][rows] == masks).all()
            assert np.allclose(file["images"][rows].astype(float), images, rtol=2e-3, atol=1e-3)
            assert set(file["patient"][rows]) == {number - 1}


@pytest.mark.parametrize("year", ["2020", "2023"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kinds", [("int16", "uint8"), ("float32", "float32"), ("uint16", "int16")])
def test_every_year_is_read_alike(tmp_path, year, packed, kinds):
    content = {name: np.abs(array) for name, array in volumes().items()}
    write_case(tmp_path / "plain", "BraTS-GLI-00001-000", content)
    typed = {
        name: array.astype(kinds[name == "seg"]) for name, array in content.items()
    }
    write_case(tmp_path / "other" / "deep" / "HGG", "BraTS-GLI-00001-000", typed, year, packed)
    assert same(prepared(tmp_path / "plain"), prepared(tmp_path / "other"))


def test_the_affine_says_how_a_case_lies(tmp_path):
    content = volumes()
    write_case(tmp_path / "published", NAME, content)
    turned = {name: array[::-1, :, ::-1].transpose(2, 0, 1) for name, array in content.items()}
    affine = np.array([[0, 1.0, 0, 0], [0, 0, -1.0, 0], [-1.0, 0, 0, 0], [0, 0, 0, 1]])
    write_case(tmp_path / "turned", NAME, turned, affine=affine)
    assert same(prepared(tmp_path / "published"), prepared(tmp_path / "turned"))


def test_older_labels_and_newer_ones(tmp_path):
    content = volumes()
    write_case(tmp_path / "four", NAME, content)
    three = {**content, "seg": np.where(content["seg"] == 4, 3, content["seg"]).astype(np.float32)}
    write_case(tmp_path / "three", NAME, three)
    assert same(prepared(tmp_path / "four"), prepared(tmp_path / "three"))


def test_slices_of_kaggle_are_the_same_patients(tmp_path):
    for number in (1, 2, 3):
        content = volumes(seed=number)
        write_case(tmp_path / "nifti", f"BraTS20_Training_{number:03d}", content)
        write_slices(tmp_path / "kaggle" / "content" / "data", number, content)
    nifti, kaggle = prepared(tmp_path / "nifti"), prepared(tmp_path / "kaggle")
    assert (nifti.targets == kaggle.targets).all() and (nifti.split == kaggle.split).all()
    assert np.allclose(nifti.images.astype(float), kaggle.images, rtol=2e-3, atol=2e-3)
    assert ((nifti.images == 0) == (kaggle.images == 0)).all()


def test_the_misnamed_segmentation_of_2020(tmp_path):
    case = write_case(tmp_path / "in", NAME)
    whole = prepared(tmp_path / "in")
    (case / f"{NAME}_seg.nii.gz").rename(case / "W39_1998.09.19_Segm.nii.gz")
    assert same(whole, prepared(tmp_path / "in"))


def test_which_slices(tmp_path):
    write_case(tmp_path / "in", NAME)
    tumour, everything = prepared(tmp_path / "in"), prepared(tmp_path / "in", "--slices", "all")
    third = prepared(tmp_path / "in", "--slices", "every:4")
    assert len(everything.images) == 6 and len(tumour.images) == 4
    assert (everything.images[1:5] == tumour.images).all()
    assert (third.images == everything.images[::4]).all()


def test_a_common_canvas(tmp_path):
    large, small = volumes((12, 20, 6), 1), volumes((9, 14, 6), 2)
    write_case(tmp_path / "in", "a", large)
    write_case(tmp_path / "in", "b", small)
    dataset = prepared(tmp_path / "in")
    for row, content in enumerate((large, small)):
        images, masks, _ = expected(content, side=20)
        assert (dataset.targets[dataset.patient == row] == masks).all()
        found = dataset.images[dataset.patient == row].astype(float)
        assert np.allclose(found, images, rtol=2e-3, atol=1e-3)
    wide = prepared(tmp_path / "in", "--size", 26)
    assert wide.size == (26, 26) and (wide.images[..., 3:23, 3:23] == dataset.images).all()
    assert (wide.images != 0).sum() == (dataset.images != 0).sum(), "there is more than a margin"
    half = prepared(tmp_path / "in", "--size", 10)
    means = dataset.images.astype(float).reshape(-1, 4, 10, 2, 10, 2).mean(axis=(3, 5))
    assert np.allclose(half.images, means, rtol=2e-3, atol=2e-3)


def test_mean_and_std_are_those_of_the_training_images(tmp_path):
    download(tmp_path / "in", patients=8)
    for size in (14, 9):
        dataset = prepared(tmp_path / "in", "--size", size)
        assert set(dataset.split) == {0, 1, 2}
        mean, std = channel_statistics(dataset.images[dataset.split == 0])
        assert np.allclose(dataset.mean, mean, atol=1e-5)
        assert np.allclose(dataset.std, std, rtol=1e-4)


def test_time_points_of_a_patient_stay_together(tmp_path):
    for number in range(12):
        name = f"BraTS-GLI-{number // 3:05d}-{number % 3:03d}"
        write_case(tmp_path / "in", name, volumes(seed=number), "2023")
    dataset = prepared(tmp_path / "in", "--test", 0.5)
    assert len(set(dataset.patient)) == 4
    assert len(set(zip(dataset.patient.tolist(), dataset.split.tolist()))) == 4


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    write_case(tmp_path / "elsewhere", NAME)
    (tmp_path / "in" / "HGG").mkdir(parents=True)
    (tmp_path / "in" / "HGG" / NAME).symlink_to(tmp_path / "elsewhere" / NAME)
    (tmp_path / "in" / "HGG" / "up").symlink_to(tmp_path / "in")
    assert same(prepared(tmp_path / "in"), prepared(tmp_path / "elsewhere"))


def test_what_it_says(tmp_path, capfd):
    download(tmp_path / "in", patients=3)
    (tmp_path / "in" / "BraTS20_Training_002" / "BraTS20_Training_002_t1.nii.gz").unlink()
    prepared(tmp_path / "in")
    out, err = capfd.readouterr()
    assert err.splitlines() == [
        "left out: BraTS20_Training_002: t1 is missing: there is no "
        "BraTS20_Training_002_t1.nii[.gz] or BraTS20_Training_002-t1n.nii[.gz]"
    ]
    assert out.splitlines()[:3] == [
        "8 slices of 14 x 14 pixels, 4 modalities (flair, t1, t1ce, t2), from 2 of 3 cases",
        "2 patients: 1 train, 0 validation, 1 test",
        "sites of the patients: unknown 2",
    ]
    assert out.splitlines()[3].startswith(f"written: {tmp_path}")


def test_axes_of_one_voxel_behind_the_three(tmp_path):
    write_case(tmp_path / "three", NAME)
    case = write_case(tmp_path / "four", NAME)
    write_volume(case / f"{NAME}_seg.nii.gz", volumes()["seg"][..., None], PUBLISHED)
    write_volume(case / f"{NAME}_t1.nii.gz", volumes()["t1"][..., None], PUBLISHED)
    assert same(prepared(tmp_path / "three"), prepared(tmp_path / "four"))
