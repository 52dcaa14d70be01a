"""Statistics, sizes and stored types of images in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmini.data import store
from fedmini.data.dataset import channel_statistics, shrink, stored
from fedmini.data.schema import validate
from fedmini.rng import numpy_stream
from tests.data.factory import labels_dataset, segmentation_dataset


@given(count=st.integers(1, 150), dtype=st.sampled_from(["uint8", "float16"]), seed=st.integers(0))
def test_statistics_of_each_channel(count, dtype, seed):
    images = numpy_stream(seed).integers(0, 256, (count, 3, 4, 5)).astype(dtype)
    mean, std = channel_statistics(images)
    assert mean.dtype == std.dtype == np.float32
    assert np.allclose(mean, images.astype(float).mean(axis=(0, 2, 3)), rtol=1e-6)
    assert np.allclose(std, images.astype(float).std(axis=(0, 2, 3)), rtol=1e-6)


def test_a_constant_channel_can_be_divided_by():
    mean, std = channel_statistics(np.full((2, 1, 3, 3), 7, np.uint8))
    assert mean == 7 and std == 1


def test_stored_types_hold_their_limits():
    values = np.array([-1e9, -0.6, 0.4, 0.6, 254.7, 1e9, np.inf])
    assert stored(values, np.dtype("uint8")).tolist() == [0, 0, 0, 1, 255, 255, 255]
    assert np.isfinite(stored(values, np.dtype("float16"))).all()


def test_what_a_model_needs_to_know():
    dataset = segmentation_dataset(channels=4, classes=3, size=8)
    assert (dataset.channels, dataset.size) == (4, (8, 8))


def test_labels_stay_when_images_shrink():
    dataset = labels_dataset(size=16)
    small = shrink(dataset, 5)
    assert small.size == (5, 5) and small.targets is dataset.targets
    assert shrink(dataset, 16) is dataset


def test_equal_halves_of_a_pixel_are_the_lower_class():
    dataset = segmentation_dataset(patients=1, slices=1, size=2, sites=1)
    dataset.targets[:] = [[2, 2], [1, 1]]
    assert shrink(dataset, 1).targets.tolist() == [[[1]]]


@pytest.mark.realdata
def test_real_tumours_shrink_with_their_images(shared_data):
    dataset = store.read(shared_data / "lgg96.h5")
    small = shrink(dataset, 50)
    validate(small, "small")
    assert small.size == (50, 50) and set(np.unique(small.targets)) == {0, 1}
    assert 0.9 < (small.targets > 0).mean() / (dataset.targets > 0).mean() < 1.1
    assert np.allclose(small.mean, dataset.mean, atol=0.1)
