"""Hospitals as tensors: types, empty splits, all of them as one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedmini.data.examples import hospitals, pooled
from fedmini.data.partition import IID, Site, partition
from fedmini.data.patients import patient_table
from fedmini.data.scanner import shift
from fedmini.rng import numpy_stream
from tests.data.factory import labels_dataset, segmentation_dataset


def held(dataset, scheme=Site(), clients=None, **options):
    table = patient_table(dataset)
    return hospitals(dataset, table, partition(scheme, table, clients, 0), **options)


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_images_stay_as_they_are_stored(dtype):
    dataset = segmentation_dataset(dtype=dtype)
    for each in held(dataset) + held(dataset, scanner_shift=0.5):
        assert each.train.images.dtype == getattr(torch, dtype)
        assert each.train.targets.dtype == torch.uint8
        assert each.train.images.is_contiguous()


def test_a_hospital_without_test_patients_has_an_empty_test():
    dataset = labels_dataset(patients=3, sites=3, slices=2)
    first = held(dataset, scanner_shift=1.0)[0]
    assert first.name == "site-A" and first.number == 0
    assert (len(first.train), len(first.validation), len(first.test)) == (2, 0, 0)
    assert first.test.images.shape == (0, 1, 16, 16) and first.test.targets.shape == (0, 3)


def test_data_and_hospitals_share_no_memory():
    dataset = segmentation_dataset()
    before = dataset.images.copy()
    for each in held(dataset):
        each.train.images.zero_()
    assert (dataset.images == before).all()


def test_pooled_is_one_client_with_everything():
    dataset = segmentation_dataset(patients=15)
    parts = held(dataset, IID(), 4)
    whole = pooled(parts)
    assert whole.name == "centralized" and whole.number == 0
    for index, split in enumerate(("train", "validation", "test")):
        examples = getattr(whole, split)
        assert len(examples) == (dataset.split == index).sum()
        assert sorted(examples.patients) == sorted(dataset.patient[dataset.split == index])
        assert torch.equal(
            examples.images, torch.cat([getattr(each, split).images for each in parts])
        )


def test_the_scanner_depends_on_seed_and_number_alone():
    dataset = segmentation_dataset(patients=12)
    one, again, other = (held(dataset, scanner_shift=1.0, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a.train.images, b.train.images) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0].train.images, other[0].train.images)


@pytest.mark.filterwarnings("error")
def test_the_strongest_scanners_warn_of_nothing():
    dataset = segmentation_dataset(dtype="float16")
    for seed in range(20):
        shifted = shift(dataset.images, dataset.mean, dataset.std, 10.0, numpy_stream(seed))
        assert np.isfinite(shifted).all()


def test_examples_move_with_their_patients():
    examples = held(segmentation_dataset())[0].train
    moved = examples.to("cpu")
    assert moved.patients is examples.patients and len(moved) == len(examples)
