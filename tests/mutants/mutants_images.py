"""Wrong scanners, flips and sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from fedmini.data.dataset import channel_statistics, shrink
from fedmini.data.examples import flip
from fedmini.data.scanner import shift
from tests.contracts.framework import mutant


@mutant(
    "scanner",
    law="law_no_shift_at_strength_zero",
    harm="A shift of 0 still adds noise: the base line of the experiment is not the data.",
)
def shift_with_a_floor(images, mean, std, strength, generator):
    return shift(images, mean, std, max(strength, 0.1), generator)


@mutant(
    "scanner",
    law="law_background_without_signal_stays",
    harm="Noise in a skull-stripped background gives the hospital away in every corner pixel.",
)
def shift_of_everything(images, mean, std, strength, generator):
    shifted = shift(images, mean, std, strength, generator)
    return shifted + (strength > 0) * np.ones(1, images.dtype)


@mutant(
    "scanner",
    law="law_background_without_signal_stays",
    harm="The stored images themselves are changed: the second algorithm gets them shifted twice.",
)
def shift_in_place(images, mean, std, strength, generator):
    images[...] = shift(images, mean, std, strength, generator)
    return images


@mutant(
    "scanner",
    law="law_stored_types_hold_what_they_can",
    harm="One byte wraps round: the brightest tumour becomes the darkest.",
)
def shift_that_wraps(images, mean, std, strength, generator):
    bright = 1 + 0.2 * strength * np.abs(generator.standard_normal())
    return (images * bright * (1 + 0.05 * strength)).astype(np.int64).astype(images.dtype)


@mutant(
    "scanner",
    law="law_the_unit_does_not_matter",
    harm="Noise in stored units: invisible in one data set, all there is in another.",
)
def shift_in_stored_units(images, mean, std, strength, generator):
    return shift(images, np.zeros_like(mean), np.full_like(std, 20), strength, generator)


@mutant(
    "scanner",
    law="law_a_shift_grows_with_its_strength",
    harm="The option is a switch: a curve over its strength is flat.",
)
def shift_of_one_strength(images, mean, std, strength, generator):
    return shift(images, mean, std, float(strength > 0), generator)


@mutant(
    "scanner",
    law="law_one_scanner_for_all_images",
    harm="A scanner for each image is augmentation: hospitals do not differ at all.",
)
def shift_by_image(images, mean, std, strength, generator):
    return np.concatenate(
        [shift(images[row : row + 1], mean, std, strength, generator) for row in range(len(images))]
    )


@mutant(
    "scanner",
    law="law_one_scanner_for_all_images",
    harm="One pattern of noise in every image of a hospital: a watermark that a network learns.",
)
def shift_with_fixed_noise(images, mean, std, strength, generator):
    return np.repeat(shift(images[:1], mean, std, strength, generator), len(images), axis=0)


@mutant(
    "flip",
    law="law_each_image_flips_by_its_draws_and_its_mask_with_it",
    harm="The mask stays where the tumour was: the network learns from wrong labels.",
)
def flip_without_masks(images, targets, draws):
    return flip(images, targets, draws)[0], targets


@mutant(
    "flip",
    law="law_each_image_flips_by_its_draws_and_its_mask_with_it",
    harm="The whole batch follows the first draw: far less variety than it seems.",
)
def flip_of_batches(images, targets, draws):
    return flip(images, targets, draws[:1].expand_as(draws))


@mutant(
    "flip",
    law="law_each_image_flips_by_its_draws_and_its_mask_with_it",
    harm="Counted from the front, the axis is the channel: T1 is taken for T2.",
)
def flip_of_channels(images, targets, draws):
    mirrored = torch.where(draws[:, 0, None, None, None], images.flip(1), images)
    return mirrored, flip(images, targets, draws)[1]


@mutant(
    "shrink",
    law="law_a_new_pixel_is_the_mean_of_its_area",
    harm="Averaged class indices: between background and class 2 lies a rim of class 1.",
)
def shrink_averaging_indices(dataset, size):
    small = shrink(dataset, size)
    as_image = dataclasses.replace(dataset, images=dataset.targets[:, None])
    return dataclasses.replace(small, targets=shrink(as_image, size).images[:, 0])


@mutant(
    "shrink",
    law="law_a_new_pixel_is_the_mean_of_its_area",
    harm="Every n-th pixel is kept: thin structures vanish and noise is not averaged.",
)
def shrink_by_skipping(dataset, size):
    small = shrink(dataset, size)
    height, width = (
        (np.arange(new) * old) // new for new, old in zip(small.size, dataset.size, strict=True)
    )
    images = dataset.images[:, :, height[:, None], width]
    mean, std = channel_statistics(images[dataset.split == 0])
    return dataclasses.replace(small, images=images, mean=mean, std=std)


@mutant(
    "shrink",
    law="law_a_new_pixel_is_the_mean_of_its_area",
    harm="Mean and std of the large images: averaged pixels spread less, inputs are too small.",
)
def shrink_with_old_statistics(dataset, size):
    return dataclasses.replace(shrink(dataset, size), mean=dataset.mean, std=dataset.std)
