"""What is done to images promises: one scanner a hospital, masks that follow, areas kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from hypothesis import strategies as st

from fedmini.data.dataset import channel_statistics
from fedmini.rng import numpy_stream, stream
from tests.contracts.framework import law, real
from tests.data import factory

real("scanner", "fedmini.data.scanner:shift")
real("flip", "fedmini.data.examples:flip")
real("shrink", "fedmini.data.dataset:shrink")

SEEDS = st.integers(0, 2**70)
TYPES = st.sampled_from(["uint8", "float16"])
STRENGTHS = st.floats(0.1, 10)


def pictures(dtype: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images with a background of exact zeros, their mean and std."""
    dataset = factory.segmentation_dataset(patients=4, size=12, dtype=dtype, seed=seed)
    images = dataset.images.copy()
    images[:, :, :4] = 0
    return images, *channel_statistics(images)


@law("scanner", dtype=TYPES, seed=SEEDS)
def law_no_shift_at_strength_zero(impl, dtype, seed):
    images, mean, std = pictures(dtype, seed)
    shifted = impl(images, mean, std, 0.0, numpy_stream(seed))
    assert shifted.dtype == images.dtype and (shifted == images).all()


@law("scanner", dtype=TYPES, strength=STRENGTHS, seed=SEEDS)
def law_background_without_signal_stays(impl, dtype, strength, seed):
    images, mean, std = pictures(dtype, seed)
    before = images.copy()
    shifted = impl(images, mean, std, strength, numpy_stream(seed))
    assert shifted.dtype == images.dtype and shifted.shape == images.shape
    assert (images == before).all(), "the stored images were written to"
    assert (shifted[:, :, :4] == 0).all() and (shifted != images).any()


@law("scanner", strength=STRENGTHS, seed=SEEDS)
def law_stored_types_hold_what_they_can(impl, strength, seed):
    """At the edge of a type values stay there: they neither wrap round nor become infinite."""
    images, mean, std = pictures("float16", seed)
    shifted = impl(images * np.float16(250), mean * 250, std * 250, strength, numpy_stream(seed))
    assert np.isfinite(shifted).all()
    white = np.full((2, 1, 8, 8), 255, np.uint8)
    shifted = impl(white, np.float32([250]), np.float32([4]), 0.2, numpy_stream(seed))
    assert shifted.min() > 100, "white became black"


@law("scanner", strength=st.floats(0.1, 3), power=st.sampled_from([-4, 3]), seed=SEEDS)
def law_the_unit_does_not_matter(impl, strength, power, seed):
    images, mean, std = pictures("float16", seed)
    unit = np.float16(2.0**power)
    shifted = impl(images, mean, std, strength, numpy_stream(seed))
    scaled = impl(images * unit, mean * unit, std * unit, strength, numpy_stream(seed))
    assert np.allclose(scaled.astype(float), shifted.astype(float) * unit, rtol=2e-3, atol=1e-2)


@law("scanner", dtype=TYPES, seed=SEEDS)
def law_a_shift_grows_with_its_strength(impl, dtype, seed):
    images, mean, std = pictures(dtype, seed)
    distance = [
        np.abs(impl(images, mean, std, s, numpy_stream(seed)).astype(float) - images).mean()
        for s in (0.2, 0.6, 2.0)
    ]
    assert distance[0] < distance[1] < distance[2]


@law("scanner", seed=SEEDS)
def law_one_scanner_for_all_images(impl, seed):
    """Equal images differ after the shift by noise alone, which averages away over pixels."""
    image = pictures("float16", seed)[0][:1]
    images = np.repeat(image, 80, axis=0)
    mean, std = channel_statistics(image)
    shifted = impl(images, mean, std, 1.0, numpy_stream(seed)).astype(float)
    per_image = shifted[:, :, 4:].mean(axis=(2, 3))
    assert (per_image.std(axis=0) < 0.1 * std).all(), "each image has a scanner of its own"
    assert (shifted[0] != shifted[-1]).any(), "the same noise in every image"


@law("flip", count=st.integers(1, 9), masks=st.booleans(), seed=SEEDS)
def law_each_image_flips_by_its_draws_and_its_mask_with_it(impl, count, masks, seed):
    draw = stream(seed)
    images = torch.rand(count, 2, 3, 5, generator=draw)
    targets = torch.randint(0, 4, (count, 3, 5) if masks else (count, 4), generator=draw)
    draws = torch.rand(count, 2, generator=draw) < 0.5
    before = images.clone(), targets.clone()
    flipped, followed = impl(images, targets, draws)
    assert torch.equal(images, before[0]) and torch.equal(targets, before[1])
    for each in range(count):
        axes = [axis for axis, drawn in zip((-1, -2), draws[each].tolist(), strict=True) if drawn]
        assert torch.equal(flipped[each], images[each].flip(axes))
        assert torch.equal(followed[each], targets[each].flip(axes) if masks else targets[each])


@law("shrink", size=st.integers(1, 30), wide=st.integers(0, 6), dtype=TYPES, seed=SEEDS)
def law_a_new_pixel_is_the_mean_of_its_area(impl, size, wide, dtype, seed):
    """The oracle enlarges by a whole factor first, so that every area is whole pixels."""
    dataset = factory.segmentation_dataset(patients=2, slices=2, size=12, dtype=dtype, seed=seed)
    crop = 12 - wide
    dataset = dataclasses.replace(
        dataset, images=dataset.images[:, :, :crop], targets=dataset.targets[:, :crop]
    )
    result = impl(dataset, size)
    if size >= 12:
        assert (result.images == dataset.images).all(), "enlarged"
        return
    height, width = max(1, round(crop * size / 12)), size
    assert result.size == (height, width) and result.images.dtype == dataset.images.dtype
    areas = blocks(dataset.images.astype(np.float64), height, width)
    assert np.abs(areas.mean(axis=(3, 5)) - result.images).max() <= 0.5 + 1e-6
    assert result.targets.dtype == np.uint8 and result.targets.shape == (4, height, width)
    kinds = np.stack([dataset.targets == kind for kind in range(3)], axis=1)
    cover = blocks(kinds, height, width).mean(axis=(3, 5))
    chosen = np.take_along_axis(cover, result.targets[:, None], axis=1)[:, 0]
    assert (chosen >= cover.max(axis=1) - 1e-9).all(), "not the class that covers most"
    mean, std = channel_statistics(result.images[result.split == 0])
    assert np.allclose(result.mean, mean) and np.allclose(result.std, std)


def blocks(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, C, height, rows, width, columns): each new pixel's area in fractions of old pixels."""
    n, channels, rows, columns = images.shape
    fine = images.repeat(height, axis=2).repeat(width, axis=3)
    return fine.reshape(n, channels, height, rows, width, columns)
