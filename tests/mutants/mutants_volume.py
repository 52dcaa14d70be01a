"""Wrong orientations and wrong brightness."""

from __future__ import annotations

import numpy as np
from tests.contracts.framework import mutant

from data_prep import volume as right


@mutant(
    "canonical",
    law="law_every_voxel_keeps_its_place",
    harm="Axes are reversed, the origin stays: masks written back lie beside the patient.",
)
def origin_stays(array, affine):
    turned, found = right.canonical(array, affine)
    return turned, np.column_stack([found[:, :3], affine[:, 3]])


@mutant(
    "canonical",
    law="law_every_voxel_keeps_its_place",
    harm="The affine is cleaned and the voxels are not: left and right change places in silence.",
)
def voxels_stay(array, affine):
    return array, right.canonical(array, affine)[1]


@mutant(
    "canonical",
    law="law_axes_run_right_front_up",
    harm="A file is taken as it lies on disk: hospitals train on brains turned in different ways.",
)
def as_it_lies(array, affine):
    return array, affine


@mutant(
    "canonical",
    law="law_of_all_assignments_the_nearest",
    harm="Each axis takes what is left over: an oblique scan ends with two axes exchanged.",
)
def first_come_first_served(array, affine):
    cosines = np.abs(affine[:3, :3] / right.voxel_sizes(affine))
    order = []
    for row in range(3):
        order.append(max(set(range(3)) - set(order), key=lambda column: cosines[row, column]))
    matrix = affine.copy()
    matrix[:, :3] = affine[:, order]
    array = array.transpose(order)
    for axis in range(3):
        if matrix[axis, axis] < 0:
            matrix[:, 3] += matrix[:, axis] * (array.shape[axis] - 1)
            matrix[:, axis] *= -1
            array = np.flip(array, axis)
    return array, matrix


@mutant(
    "canonical",
    law="law_no_voxel_is_copied",
    harm="Every volume is copied once more: preparing a thousand patients takes a quarter longer.",
)
def copied(array, affine):
    turned, found = right.canonical(array, affine)
    return turned.copy(), found


@mutant(
    "canonical",
    law="law_an_affine_without_space_is_refused",
    harm="A damaged orientation is taken for the usual one: a brain enters upside down.",
)
def believes_anything(array, affine):
    try:
        return right.canonical(array, affine)
    except ValueError:
        return array, np.eye(4)


@mutant(
    "axial",
    law="law_slices_are_seen_from_the_feet",
    harm="The neurologist's display under the radiologist's name: the wrong side is operated on.",
)
def seen_from_above(array):
    return array[:, ::-1].transpose(2, 1, 0)


@mutant(
    "axial",
    law="law_slices_are_seen_from_the_feet",
    harm="Rows are the patient's left and right: every figure lies on its ear.",
)
def on_its_ear(array):
    return array[::-1, ::-1].transpose(2, 0, 1)


@mutant(
    "brain_statistics",
    law="law_the_brain_is_what_is_not_zero",
    harm="Negative voxels are no brain: hospitals that subtract a mean are cut at half.",
)
def above_zero(volume):
    return right.brain_statistics(np.maximum(volume, 0))


@mutant(
    "brain_statistics",
    law="law_the_brain_is_what_is_not_zero",
    harm="The background counts: brightness depends on how much air a hospital leaves around.",
)
def background_counts(volume):
    right.brain_statistics(volume)
    return float(volume.mean(dtype=np.float64)), float(volume.std(dtype=np.float64))


@mutant(
    "brain_statistics",
    law="law_the_brain_is_what_is_not_zero",
    harm="The sum runs in the voxels' own 16 bits and wraps: means below zero, at random.",
)
def sums_in_the_stored_type(volume):
    brain = volume[volume != 0]
    return float(brain.sum(dtype=volume.dtype) / len(brain)), float(brain.std(dtype=np.float64))


@mutant(
    "brain_statistics",
    law="law_what_has_no_brightness_is_refused",
    harm="One NaN makes a patient NaN, and the patient makes the whole federation NaN.",
)
def lets_everything_through(volume):
    brain = volume[volume != 0]
    return brain.mean(), brain.std()


@mutant(
    "standardise",
    law="law_mean_0_and_std_1_in_the_brain_and_0_outside",
    harm="Air becomes -mean/std, another grey in every patient: a network learns the scanner.",
)
def grey_air(slices, mean, std, dtype=np.float32):
    return ((slices - mean) / std).astype(np.float32)


@mutant(
    "standardise",
    law="law_mean_0_and_std_1_in_the_brain_and_0_outside",
    harm="Divided by the variance: contrast shrinks where a scanner has more of it.",
)
def by_the_variance(slices, mean, std, dtype=np.float32):
    return right.standardise(slices, mean, std**2, dtype)


@mutant(
    "standardise",
    law="law_half_precision_is_rounded_once",
    harm="Calculated in float16: brightness above 2048 comes in steps, above 65504 it is infinite.",
)
def calculates_in_half_precision(slices, mean, std, dtype=np.float32):
    scaled = (slices.astype(dtype) - dtype(mean)) / dtype(std)
    return np.where(slices == 0, dtype(0), scaled)
