"""Cases that are incomplete or damaged: each is named with its reason, and left out."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_prep.brats import main
from fedmini.data.store import read
from tests.data_prep.brats_source import PUBLISHED, download, volumes, write_slices, write_volume

VICTIM = "BraTS20_Training_002"


def changed(kind: str, change):
    """A damage: the volume of one kind, changed."""

    def damage(case: Path) -> None:
        path = case / f"{case.name}_{kind}.nii.gz"
        write_volume(path, change(volumes(seed=2)[kind]))

    return damage


def all_changed(change, affine=PUBLISHED):
    """A damage that all files of the case share."""

    def damage(case: Path) -> None:
        for kind, array in volumes(seed=2).items():
            write_volume(case / f"{case.name}_{kind}.nii.gz", change(array), affine)

    return damage


def rewritten(kind: str, change):
    """A damage: the bytes of one file, changed."""

    def damage(case: Path) -> None:
        path = case / f"{case.name}_{kind}.nii.gz"
        path.write_bytes(change(path.read_bytes()))

    return damage


def header_bytes(place: int, content: bytes):
    def change(packed: bytes) -> bytes:
        plain = gzip.decompress(packed)
        return gzip.compress(plain[:place] + content + plain[place + len(content) :])

    return change


def shifted_affine(case: Path) -> None:
    affine = PUBLISHED.copy()
    affine[0, 3] = 5
    write_volume(case / f"{case.name}_t2.nii.gz", volumes(seed=2)["t2"], affine)


def twice(case: Path) -> None:
    write_volume(case / f"{case.name}_t1.nii", volumes(seed=2)["t1"])


def not_finite(array: np.ndarray) -> np.ndarray:
    array = array.astype(np.float32)
    array[array != 0] *= np.inf
    return array


def three_and_four(array: np.ndarray) -> np.ndarray:
    array[array == 2] = np.resize([2, 3], (array == 2).sum())
    return array


BROKEN = {
    "t1ce is missing: there is no": lambda case: (case / f"{case.name}_t1ce.nii.gz").unlink(),
    "seg is missing: there is no": lambda case: (case / f"{case.name}_seg.nii.gz").unlink(),
    "t1 is there more than once: .*t1.nii and .*t1.nii.gz": twice,
    "the shapes differ: 12 x 14 x 6 in .*_seg.nii.gz, 11 x 14 x 6": changed("t1", lambda x: x[1:]),
    "the affines of .* and .*_t2.nii.gz differ": shifted_affine,
    "breaks off": rewritten("t1", lambda content: content[: len(content) // 2]),
    "no NIfTI header": rewritten("flair", lambda content: gzip.compress(bytes(3000))),
    "damaged gzip data|breaks off": rewritten("t2", lambda x: x[:60] + b"\0" * 40 + x[100:]),
    "a header that claims": rewritten("t1", header_bytes(42, b"\xff\x7f")),
    "voxels of type 1234": rewritten("t1", header_bytes(70, b"\xd2\x04")),
    "seg: found the labels 5;": changed("seg", lambda x: x * 5 * (x == 1)),
    "seg: found the labels 1, 2, 3, 4;": changed("seg", three_and_four),
    "seg: found the labels 0.5;": changed("seg", lambda x: np.float32(0.5) * (x == 1)),
    "seg: found the labels nan": changed("seg", lambda x: np.where(x == 1, np.nan, 0.0)),
    "the segmentation shows no tumour": changed("seg", lambda x: x * 0),
    "t1ce: found 7 in the whole brain": changed("t1ce", lambda x: np.int16(7) * (x != 0)),
    "flair: found a volume of zeros": changed("flair", lambda x: x * 0),
    "t2: found voxels that are not finite": changed("t2", not_finite),
    "t2: found voxels of type complex64": changed("t2", lambda x: x.astype(np.complex64)),
    "right would be three axes": all_changed(lambda x: x[:, :, 0]),
    "found an image of 12 x 14 x 6 x 2": all_changed(lambda x: np.stack([x, x], axis=3)),
    "voxels of 2 x 1 x 1 mm; those of": all_changed(lambda x: x, np.diag([2.0, 1, 1, 1])),
    "axes do not span space": all_changed(lambda x: x, np.diag([0.0, 1, 1, 1])),
}  # fmt: skip


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_case_is_named_and_left_out(tmp_path, capfd, reason):
    source = download(tmp_path / "in", patients=3)
    BROKEN[reason](source / VICTIM)
    assert main([str(source), "--out", str(tmp_path / "out.h5")]) == 0
    out, err = capfd.readouterr()
    assert re.fullmatch(f"left out: {VICTIM}: .*({reason}).*\n", err), err
    assert "from 2 of 3 cases" in out
    assert len(set(read(tmp_path / "out.h5").patient)) == 2
    assert main([str(source), "--out", str(tmp_path / "strict.h5"), "--strict"]) == 2
    out, err = capfd.readouterr()
    assert re.fullmatch(f"fedmini: {VICTIM}: .*({reason}).*\n", err) and out == ""
    assert not (tmp_path / "strict.h5").exists()


def without(name: str):
    def damage(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[name]

    return damage


def replaced(name: str, values: np.ndarray):
    def damage(path: Path) -> None:
        without(name)(path)
        with h5py.File(path, "a") as file:
            file[name] = values

    return damage


SLICES = {
    "slice 2 of 0 to 5 is missing": lambda path: path.unlink(),
    "no HDF5 file": lambda path: path.write_bytes(b"nothing at all"),
    "mask: there is no such array": without("mask"),
    "image: there is no such array of numbers": replaced("image", np.array(["a", "b"], "S1")),
    r"image: found \(12, 14\)": replaced("image", np.zeros((12, 14))),
    r"mask: found \(12, 14, 4\)": replaced("mask", np.zeros((12, 14, 4))),
    "is not as large as": lambda path: [
        replaced("image", np.ones((9, 9, 4)))(path), replaced("mask", np.zeros((9, 9, 3)))(path)
    ],
    "image and mask are not of one size": replaced("image", np.zeros((9, 14, 4))),
    "a pixel has one label or none": replaced("mask", np.ones((12, 14, 3), np.uint8)),
    "found voxels that are not finite": replaced("image", np.full((12, 14, 4), np.nan)),
}  # fmt: skip


@pytest.mark.parametrize("reason", SLICES)
def test_broken_slices_of_kaggle(tmp_path, capfd, reason):
    for number in (1, 2):
        write_slices(tmp_path / "in", number, volumes(seed=number))
    SLICES[reason](tmp_path / "in" / "volume_2_slice_2.h5")
    assert main([str(tmp_path / "in"), "--out", str(tmp_path / "out.h5")]) == 0
    err = capfd.readouterr().err
    assert re.fullmatch(f"left out: {VICTIM}: .*{reason}.*\n", err), err
