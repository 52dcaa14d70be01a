"""Volumes in the patient's space: what the laws leave open, and real brains."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep import nifti, volume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def test_axes_after_the_third_stay_where_they_are():
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    turned, _ = volume.canonical(array, LPS[[2, 0, 1, 3]])
    assert turned.shape == (3, 4, 2, 5) or turned.shape == (4, 2, 3, 5)
    assert np.array_equal(np.sort(turned[..., 2], axis=None), np.sort(array[..., 2], axis=None))


def test_the_usual_file_gives_slices_that_lie_one_after_the_other():
    stored = np.zeros((4, 5, 6), dtype=np.int16, order="F")
    turned, affine = volume.canonical(stored, LPS)
    assert np.array_equal(affine, [[1, 0, 0, -3], [0, 1, 0, -4], [0, 0, 1, 0], [0, 0, 0, 1]])
    slices = volume.axial(turned)
    assert slices.flags.c_contiguous and np.shares_memory(slices, stored)


@pytest.mark.parametrize(
    ("array", "affine", "named"),
    [
        (np.zeros((3, 3)), np.eye(4), "2 axes"),
        (np.zeros((3, 3, 3)), np.ones((4, 4)), "span"),
        (np.zeros((3, 3, 3)), np.eye(3), "4 x 4"),
    ],
)
def test_what_has_no_place_in_space(array, affine, named):
    with pytest.raises(ValueError, match=named):
        volume.canonical(array, affine)


def test_voxel_sizes_do_not_depend_on_the_direction():
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, -3], [1.5, 0, 0], [0, 2, 0]]
    assert np.array_equal(volume.voxel_sizes(affine), [1.5, 2, 3])


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([], "zeros"),
        ([0, 0], "zeros"),
        ([0, 7, 7], "7"),
        ([1, np.nan], "finite"),
        ([1j], "complex"),
    ],
)
def test_what_is_no_brain_is_named(values, named):
    with pytest.raises(ValueError, match=named):
        volume.brain_statistics(np.array(values))


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u2"])
def test_a_table_for_16_bits_gives_what_float32_gives(dtype):
    values = np.array([[-700, 0, 3], [32767, 5, -1]]).astype(dtype)[:, ::-1]
    wide = values.astype(np.int32)
    for kind in (np.float32, np.float16):
        with np.errstate(over="ignore"):  # 32767 is infinite in float16
            found, expected = (volume.standardise(each, 3.5, 0.25, kind) for each in (values, wide))
        assert np.array_equal(found, expected)


@pytest.mark.realdata
def test_real_brains_are_standardised_slice_by_slice(shared_data):
    for path in sorted((shared_data / "brats").rglob("*_flair.nii.gz")):
        brain = volume.axial(volume.canonical(*nifti.read(path))[0])
        mean, std = volume.brain_statistics(brain)
        inside = brain != 0
        assert 0.1 < inside.mean() < 0.5
        found = np.stack([volume.standardise(layer, mean, std) for layer in brain])
        assert abs(found[inside].mean(dtype=np.float64)) < 1e-5
        assert abs(found[inside].std(dtype=np.float64) - 1) < 1e-5
        assert not found[~inside].any()
