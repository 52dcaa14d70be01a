"""The reader of NIfTI-1 refuses by name what it cannot read, whatever has happened to a file."""

from __future__ import annotations

import gzip
import pickle
import re
import struct
import tracemalloc
import warnings
from collections import Counter

import numpy as np
import pytest
from tests.data_prep.nifti_files import CODES, TILTED, Image, damaged, numbers, packed

from data_prep import nifti
from fedmini.errors import UserError
from fedmini.rng import numpy_stream

SMALL = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
MEBIBYTE = 2**20


@pytest.fixture(params="<>")
def order(request) -> str:
    """Of the bytes in the file."""
    return request.param


def refusal(path) -> str:
    """The one line with which the file is refused."""
    with pytest.raises(UserError) as raised:
        nifti.read(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: found ") and "; right would be " in line
    assert line.isprintable() and len(line) < 400
    assert str(pickle.loads(pickle.dumps(raised.value))) == line, "workers hand it over"
    return line


@pytest.mark.parametrize("members", [0, 1])
@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("sizeof_hdr", 540, "NIfTI-2"),
        ("sizeof_hdr", 349, "no NIfTI header"),
        ("magic", b"ni1\0", "half of a pair of .hdr and .img"),
        ("magic", b"\0\0\0\0", "Analyze 7.5"),
        ("magic", b"n+2\0", "n+1"),
        ("datatype", 0, "type 0 (unknown)"),
        ("datatype", 1, "type 1 (binary)"),
        ("datatype", 128, "RGB24"),
        ("datatype", 1536, "float128"),
        ("datatype", 2048, "complex256"),
        ("datatype", 2304, "RGBA32"),
        ("datatype", 77, "type 77 (unknown to the standard)"),
        ("dim", [0, 2, 3, 4, 1, 1, 1, 1], "dimensions 0"),
        ("dim", [8, 2, 3, 4, 1, 1, 1, 1], "dimensions 8"),
        ("dim", [-3, 2, 3, 4, 1, 1, 1, 1], "dimensions -3"),
        ("dim", [3, 2, 0, 4, 1, 1, 1, 1], "2 x 0 x 4"),
        ("dim", [3, 2, -3, 4, 1, 1, 1, 1], "2 x -3 x 4"),
        ("dim", [3, 2, 3, 5, 1, 1, 1, 1], "claims 412 bytes and only 400"),
        ("dim", [7, *[32767] * 7], "claims 81,"),
        ("vox_offset", 351, "vox_offset 351"),
        ("vox_offset", 352.5, "vox_offset 352.5"),
        ("vox_offset", float("nan"), "vox_offset nan"),
        ("vox_offset", 3e38, "only"),
        ("scl_inter", float("inf"), "scl_inter inf"),
    ],
)
def test_what_it_cannot_read_it_names(tmp_path, order, members, field, value, named):
    fields = (("scl_slope", 2.0), (field, value))
    line = refusal(Image(SMALL, order, members=members, fields=fields).save(tmp_path))
    if "only" in named and members:
        named = "claims"  # how much is there, gzip does not say before it is unpacked
    assert named in line


def test_a_quaternion_that_is_too_long_is_refused(tmp_path):
    fields = (("qform_code", 1), ("quatern", [0.9, 0.9, 0.0]))
    assert "quaternion 0.9, 0.9, 0" in refusal(Image(SMALL, fields=fields).save(tmp_path))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "0 bytes"),
        (b"\x1f", "1 bytes"),
        (b"\x1f\x8b", "breaks off"),
        (b"\x1f\x8b" + bytes(500), "damaged gzip data"),
        (b"PK\x03\x04" + bytes(500), "no NIfTI header"),
        (struct.pack("<i", 348)[:4], "4 bytes"),
        (gzip.compress(b""), "0 bytes"),
        (gzip.compress(bytes(200)), "200 bytes"),
        (packed(Image(SMALL).content(), 1) + b"junk", "damaged gzip data"),
    ],
)
def test_what_is_no_image(tmp_path, content, named):
    path = tmp_path / "image.nii.gz"
    path.write_bytes(content)
    assert named in refusal(path)


def test_no_file_and_a_folder(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.nii")
    assert "folder" in refusal(tmp_path)


@pytest.mark.parametrize("members", [0, 1])
def test_padding_may_follow_and_more_may_not(tmp_path, members):
    content = Image(SMALL).content()
    path = tmp_path / "image.nii"
    path.write_bytes(packed(content + bytes(nifti.PADDING), members))
    assert np.array_equal(nifti.read(path)[0], SMALL)
    path.write_bytes(packed(content + bytes(nifti.PADDING + 1), members))
    assert "claims 400 bytes and more" in refusal(path)


def peak(action) -> int:
    """The most bytes that Python held at once during the action."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_claim_costs_no_memory(tmp_path):
    shape = ("dim", [4, 4000, 4000, 100, 1, 1, 1, 1])
    for members in (0, 1):
        path = Image(SMALL, members=members, fields=(shape,)).save(tmp_path)
        assert peak(lambda path=path: refusal(path)) < MEBIBYTE


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(Image(SMALL).content() + bytes(200 * MEBIBYTE), 6))
    assert peak(lambda: refusal(path)) < MEBIBYTE


def test_the_header_alone(tmp_path):
    fields = (("sform_code", 1), ("srow", TILTED), ("scl_slope", 0.5), ("scl_inter", -3.0))
    path = Image(SMALL, ">", 368, members=1, fields=fields).save(tmp_path)
    head = nifti.header(path)
    assert (head.shape, head.dtype, head.slope, head.inter) == ((2, 3, 4), ">i2", 0.5, -3)
    assert (head.offset, head.end) == (368, 368 + 48)
    assert np.array_equal(head.affine, nifti.read(path)[1])
    path.write_bytes(path.read_bytes()[:-20])
    assert nifti.header(path).shape == (2, 3, 4)
    assert "breaks off" in refusal(path)


def test_voxels_lie_as_on_disk_and_can_be_written(tmp_path):
    for members in (0, 2):
        array, _ = nifti.read(Image(SMALL, members=members).save(tmp_path))
        assert array.flags.f_contiguous and array.flags.writeable and not array.flags.owndata


def test_complex_numbers_are_scaled_in_double_precision(tmp_path):
    stored = np.array([1 + 2j, -3.5j, 0.1], dtype=np.complex64)
    fields = (("scl_slope", 3.0), ("scl_inter", 10.0))
    array, _ = nifti.read(Image(stored, ">", fields=fields).save(tmp_path))
    assert array.dtype == np.complex128
    assert np.array_equal(array, 3 * stored.astype(np.complex128) + 10)


def test_sizes_without_a_sign_or_a_length(tmp_path):
    for code in (0, 1):
        fields = (("qform_code", code), ("pixdim", [1, -2.0, 0.0, 3.0, 1, 1, 1, 1]))
        _, affine = nifti.read(Image(SMALL, fields=fields).save(tmp_path))
        assert np.array_equal(np.abs(affine[:3, :3]), np.diag([2, 1, 3]))


def fuzz(folder, count: int) -> Counter:
    """Read so many damaged files: an array or one line, little memory, no warning."""
    outcomes, path = Counter(), folder / "image.nii.gz"
    for case in range(count):
        generator = numpy_stream("damage", case)
        kind = str(generator.choice(list(CODES)))
        stored = numbers(kind, tuple(generator.integers(1, 9, size=3)), generator)
        codes = (("sform_code", case % 2), ("qform_code", case % 3), ("scl_slope", case % 4))
        image = Image(stored, "<>"[case % 2], members=case % 3, fields=codes)
        path.write_bytes(damaged(image, generator))

        def attempt(path=path):
            try:
                array, affine = nifti.read(path)
                assert array.ndim in range(1, 8) and array.size and affine.shape == (4, 4)
                outcomes["read"] += 1
            except UserError:
                found = refusal(path).partition("found ")[2].partition(";")[0]
                outcomes[re.sub(r"[-\d.,]+", "N", found)] += 1

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert peak(attempt) < 16 * MEBIBYTE, f"case {case}"
    return outcomes


def test_damaged_files_are_read_or_refused(tmp_path):
    outcomes = fuzz(tmp_path, 200)
    assert outcomes["read"] > 10 and len(outcomes) > 6, outcomes


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused(tmp_path):
    outcomes = fuzz(tmp_path, 1500)
    assert outcomes["read"] > 75 and len(outcomes) > 8, outcomes


@pytest.mark.realdata
def test_real_volumes(shared_data):
    paths = sorted((shared_data / "brats").rglob("*.nii.gz"))
    assert len(paths) == 15
    for path in paths:
        array, affine = nifti.read(path)
        dtype = "u1" if "seg" in path.name else "<i2"
        expected = np.frombuffer(gzip.open(path).read(), dtype, offset=352)
        assert array.dtype == dtype and np.array_equal(array.ravel(order="F"), expected)
        assert np.array_equal(affine[:3, :3], np.diag([-2, -2, 2]))
        assert nifti.header(path).shape == array.shape
