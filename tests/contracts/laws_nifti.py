"""Laws about reading NIfTI-1: each packs a small image by hand and asks for it back."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.data_prep.nifti_files import (
    INTERS,
    MEMBERS,
    ORDERS,
    SLOPES,
    TILTED,
    Image,
    arrays,
    quaternions,
    read_with,
    turned,
)

from fedmini.errors import UserError

real("nifti", "data_prep.nifti:read")

REALS = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32")
SMALL = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
SIZES = st.lists(st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=3, max_size=3)


@law("nifti", stored=arrays(), order=ORDERS, offset=st.sampled_from([352, 353, 368, 1000]))
def law_stored_numbers_come_back_bit_for_bit(impl, stored, order, offset):
    array, _ = read_with(impl, Image(stored, order, offset))
    assert array.dtype == stored.dtype and array.dtype.isnative
    assert array.shape == stored.shape and array.tobytes() == stored.tobytes()


@law("nifti", stored=arrays(), members=st.integers(1, 4), padding=st.sampled_from([0, 1, 600]))
def law_all_members_of_a_gzip_file_are_read(impl, stored, members, padding):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii"  # gzip all the same
        path.write_bytes(Image(stored, members=members).content() + bytes(padding))
        array, _ = impl(path)
    assert array.shape == stored.shape and array.tobytes() == stored.tobytes()


@law("nifti", stored=arrays(REALS), order=ORDERS, slope=SLOPES, inter=INTERS)
def law_scaling_is_a_line_in_float64(impl, stored, order, slope, inter):
    fields = (("scl_slope", slope), ("scl_inter", inter))
    array, _ = read_with(impl, Image(stored, order, fields=fields))
    slope, inter = float(np.float32(slope)), float(np.float32(inter))
    if slope == 0 or not math.isfinite(slope) or (slope, inter) == (1, 0):
        expected = stored
    else:
        values = [float(value) * slope + inter for value in stored.ravel()]
        expected = np.array(values, dtype=np.float64).reshape(stored.shape)
    assert array.dtype == expected.dtype
    assert np.array_equal(array, expected, equal_nan=True)


@law("nifti", order=ORDERS, sform=st.integers(1, 4), qform=st.integers(0, 2))
def law_sform_comes_first(impl, order, sform, qform):
    fields = (("sform_code", sform), ("qform_code", qform), ("srow", TILTED))
    _, affine = read_with(impl, Image(SMALL, order, fields=fields))
    assert affine.dtype == np.float64
    assert np.array_equal(affine, [*np.reshape(TILTED, (3, 4)), [0, 0, 0, 1]])


@law("nifti", quaternion=quaternions(), sizes=SIZES, qfac=st.sampled_from([1.0, -1.0, 0.0]))
def law_qform_turns_scales_and_mirrors(impl, quaternion, sizes, qfac):
    fields = (
        ("qform_code", 1),
        ("srow", TILTED),  # without a code: of no importance
        ("pixdim", [qfac, *sizes, 1, 1, 1, 1]),
        ("quatern", quaternion[1:].tolist()),
        ("qoffset", [-90.5, 126.0, -72.25]),
    )
    _, affine = read_with(impl, Image(SMALL, fields=fields))
    edges = np.diag(sizes) * [1, 1, -1 if qfac == -1 else 1]
    for axis in range(3):
        assert np.allclose(affine[:3, axis], turned(quaternion, edges[axis]), atol=5e-3)
    assert affine[:, 3].tolist() == [-90.5, 126.0, -72.25, 1] and not affine[3, :3].any()


@law("nifti", sizes=SIZES, axes=st.integers(1, 5))
def law_without_orientation_the_centre_is_the_origin(impl, sizes, axes):
    stored = np.zeros((5, 4, 3, 2, 2)[:axes], dtype=np.uint8)
    fields = (("pixdim", [1, *sizes, 9, 9, 9, 9]),)
    _, affine = read_with(impl, Image(stored, fields=fields))
    centre = [*((np.array([*stored.shape, 1, 1][:3]) - 1) / 2), 1]
    sizes = [*sizes[:axes], 1, 1][:3]
    assert np.array_equal(affine @ centre, [0, 0, 0, 1])
    assert np.array_equal(affine[:3, :3], np.diag(sizes) * [-1, 1, 1])


def refuses(impl, content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii.gz"
        path.write_bytes(content)
        try:
            impl(path)
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            return True
    return False


@law("nifti", members=MEMBERS, cut=st.integers(1, 40))
def law_a_file_that_breaks_off_is_refused(impl, members, cut):
    assert refuses(impl, Image(SMALL, members=members).content()[:-cut])


@law("nifti", bit=st.integers(0, 63), members=st.integers(1, 3))
def law_a_wrong_checksum_is_noticed(impl, bit, members):
    content = bytearray(Image(SMALL, members=members).content())
    content[-1 - bit // 8] ^= 1 << bit % 8  # in the checksum, or the length beside it
    assert refuses(impl, bytes(content))


@law("nifti", code=st.sampled_from([0, 1, 3, 128, 255, 1536, 2048, 2304, -1]), order=ORDERS)
def law_other_types_are_refused(impl, code, order):
    stored = np.zeros((4, 4, 4, 4), dtype=np.uint8)
    assert refuses(impl, Image(stored, order, fields=(("datatype", code),)).content())
