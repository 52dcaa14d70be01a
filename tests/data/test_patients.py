"""The patients of a data set, and splits drawn anew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fedmini.data import store
from fedmini.data.patients import patient_table, resplit
from fedmini.data.schema import validate
from tests.data.factory import labels_dataset, segmentation_dataset


def test_patients_without_tumour_are_in_the_lowest_stratum():
    dataset = segmentation_dataset(patients=20, seed=3)
    table = patient_table(dataset)
    volume = [(dataset.targets[dataset.patient == each] > 0).sum() for each in table.patient]
    assert min(volume) == 0 and set(table.stratum[np.equal(volume, 0)]) == {0}
    assert set(table.stratum) == {0, 1, 2} == set(range(len(table.strata)))
    empty = dataclasses.replace(dataset, targets=np.zeros_like(dataset.targets))
    assert set(patient_table(empty).stratum) == {0}


def test_the_stratum_of_labels_is_the_rarest_positive():
    # Training patients 0, 1 and 2 have labels a and b, a, and a and c; patient 3 (test) b and c.
    labels = ["100", "010", "100", "100", "100", "001", "010", "011", "000", "000"]
    dataset = labels_dataset(patients=5, slices=2, split=[0, 0, 0, 2, 1])
    targets = np.array([list(row) for row in labels], np.uint8)
    table = patient_table(dataclasses.replace(dataset, targets=targets))
    assert table.stratum.tolist() == [2, 1, 3, 2, 0]
    assert table.strata == ("none", "class-0", "class-1", "class-2")


def test_the_strata_of_classes():
    labels = np.array([[0], [0], [1], [2], [0], [2]], np.uint8)
    dataset = labels_dataset(task="multiclass", patients=3, slices=2, split=[0, 0, 0])
    table = patient_table(dataclasses.replace(dataset, targets=labels))
    assert [table.strata[each] for each in table.stratum] == ["class-0", "class-1", "class-0"]
    dataset = labels_dataset(task="binary", patients=3, slices=2, split=[0, 0, 0])
    table = patient_table(dataclasses.replace(dataset, targets=(labels > 1).astype(np.uint8)))
    assert [table.strata[each] for each in table.stratum] == ["none", "class-1", "class-1"]


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ([0, 0, 0, 0, 0], [3, 1, 1]),
        ([0, 0, 0], [1, 1, 1]),
        ([0, 0], [2, 0, 0]),
        ([0], [1, 0, 0]),
        ([0, 1, 2, -1], [4, 0, 0]),
        ([0, 1, 2, 3, 3, 3], [4, 1, 1]),
    ],
)
def test_training_comes_first_then_test_then_validation(sites, expected):
    dataset = segmentation_dataset(patients=len(sites), size=4, site=sites, split=[0] * len(sites))
    for seed in range(5):
        split = patient_table(resplit(dataset, seed)).split
        assert np.bincount(split, minlength=3).tolist() == expected


@pytest.mark.realdata
def test_real_hospitals_can_be_split_anew(shared_data):
    dataset = store.read(shared_data / "lgg96.h5")
    before = patient_table(dataset)
    single = dataset.site_names.index("EZ")
    assert (before.site == single).sum() == 1
    for seed in range(3):
        result = resplit(dataset, seed)
        validate(result, "resplit")
        table = patient_table(result)
        assert np.bincount(table.split).tolist() == np.bincount(before.split).tolist()
        assert table.split[table.site == single].tolist() == [0]
        assert (table.split != before.split).any()
