"""Laws about volumes in the patient's space: where a voxel is, and how bright the brain."""

from __future__ import annotations

import math
import statistics
from itertools import permutations

import numpy as np
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.data_prep.nifti_files import quaternions, turned

real("canonical", "data_prep.volume:canonical")
real("axial", "data_prep.volume:axial")
real("brain_statistics", "data_prep.volume:brain_statistics")
real("standardise", "data_prep.volume:standardise")

SHAPES = st.tuples(*[st.integers(1, 4)] * 3)
SEEDS = st.integers(0, 2**30)


def rotation(quaternion) -> np.ndarray:
    """(3, 3), of a quaternion (4,) of any length."""
    quaternion = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array([turned(quaternion, axis) for axis in np.eye(3)]).T


STRAIGHT = st.permutations(np.eye(3).tolist()).map(np.array)
TILTED = quaternions().map(rotation)
# Here two axes of the array lie nearest to the same axis of the patient.
BETWEEN = st.permutations([8, -6, 5, 0]).map(rotation)


@st.composite
def oriented(draw, turns=STRAIGHT | TILTED | BETWEEN) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (X, Y, Z) that hold their own numbers, and an affine that turns and mirrors them."""
    shape = draw(SHAPES)
    signs = [draw(st.sampled_from([-1, 1])) for _ in range(3)]
    sizes = [draw(st.sampled_from([0.5, 1.0, 2.0, 4.0])) for _ in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = draw(turns) * signs * sizes
    affine[:3, 3] = -80.5, 40.0, 12.25
    return np.arange(math.prod(shape)).reshape(shape), affine


@st.composite
def brains(draw) -> np.ndarray:
    """(Z, rows, columns): a skull-stripped volume, some of it negative, most of it zero."""
    generator = np.random.default_rng(draw(SEEDS))
    shape = tuple(draw(st.integers(3, 6)) for _ in range(3))
    middle = draw(st.sampled_from([0, 2, 600]))
    values = np.rint(generator.normal(middle, 40, size=shape))
    values *= generator.random(size=shape) < 0.4
    values.flat[:2] = middle - 50, middle + 50  # never empty, never constant
    return values.astype(draw(st.sampled_from([np.int16, np.int32, np.float32, np.float64])))


@law("canonical", volume=oriented())
def law_every_voxel_keeps_its_place(impl, volume):
    array, affine = volume
    found, found_affine = impl(array, affine)
    assert sorted(found.shape) == sorted(array.shape)
    for index in np.ndindex(found.shape):
        before = np.unravel_index(found[index], array.shape)
        assert np.allclose(found_affine @ [*index, 1], affine @ [*before, 1], atol=1e-9)


def cosines(affine: np.ndarray) -> np.ndarray:
    """(3, 3), between the patient's axes (rows) and the array's."""
    return affine[:3, :3] / np.sqrt((affine[:3, :3] ** 2).sum(axis=0))


@law("canonical", volume=oriented())
def law_axes_run_right_front_up(impl, volume):
    found, affine = impl(*volume)
    assert (np.diag(cosines(affine)) > 0).all()
    again, affine_again = impl(found, affine)
    assert np.array_equal(again, found) and np.array_equal(affine_again, affine)


@law("canonical", volume=oriented(BETWEEN))
def law_of_all_assignments_the_nearest(impl, volume):
    found = np.trace(cosines(impl(*volume)[1]))
    before = np.abs(cosines(volume[1]))
    best = max(before[range(3), chosen].sum() for chosen in permutations(range(3)))
    assert math.isclose(found, best)


@law("canonical", volume=oriented())
def law_no_voxel_is_copied(impl, volume):
    assert np.shares_memory(impl(*volume)[0], volume[0])


@law("canonical", broken=st.sampled_from([0.0, math.nan, math.inf]), axis=st.integers(0, 2))
def law_an_affine_without_space_is_refused(impl, broken, axis):
    affine = np.eye(4)
    affine[axis, axis] = broken
    try:
        impl(np.zeros((2, 3, 4)), affine)
    except ValueError:
        return
    raise AssertionError("an orientation was made up")


@law("axial", shape=SHAPES)
def law_slices_are_seen_from_the_feet(impl, shape):
    volume = np.arange(math.prod(shape)).reshape(shape)
    slices = impl(volume)
    right, front, top = (size - 1 for size in shape)
    assert slices.shape == shape[::-1]
    for z, row, column in np.ndindex(slices.shape):
        assert slices[z, row, column] == volume[right - column, front - row, z]


@law("brain_statistics", volume=brains())
def law_the_brain_is_what_is_not_zero(impl, volume):
    brain = [float(value) for value in volume.ravel() if value != 0]
    mean, std = impl(volume)
    assert math.isclose(mean, statistics.fmean(brain), abs_tol=1e-9)
    assert math.isclose(std, statistics.pstdev(brain), rel_tol=1e-9)


@law(
    "brain_statistics",
    value=st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 0.1, 1j]),
    place=st.integers(0, 26),
)
def law_what_has_no_brightness_is_refused(impl, value, place):
    flat = value in (0.0, 0.1)
    volume = np.full(27, value) if flat else np.arange(27).astype(type(value))
    volume[place] = value
    try:
        impl(volume.reshape(3, 3, 3))
    except ValueError:
        return
    raise AssertionError(f"{value} became an image")


@law("standardise", volume=brains())
def law_mean_0_and_std_1_in_the_brain_and_0_outside(impl, volume):
    inside = volume != 0
    mean, std = volume[inside].mean(dtype=np.float64), volume[inside].std(dtype=np.float64)
    found = impl(volume, mean, std)
    assert found.dtype == np.float32 and found.shape == volume.shape
    assert not found[~inside].any() and not np.signbit(found[~inside]).any()
    assert np.allclose(found[inside], (volume[inside] - mean) / std, rtol=1e-5, atol=1e-5)


@law("standardise", volume=brains())
def law_half_precision_is_rounded_once(impl, volume):
    mean, std = volume.mean(dtype=np.float64), volume.std(dtype=np.float64)
    found = impl(volume, mean, std, np.float16)
    assert found.dtype == np.float16
    assert np.array_equal(found, impl(volume, mean, std).astype(np.float16))
