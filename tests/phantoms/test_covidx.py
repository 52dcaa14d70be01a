"""The synthetic CT slices: who has COVID-19, where it lies, and what else is there."""

from __future__ import annotations

import numpy as np
import pytest

from fedmini.data.schema import validate
from data_prep.phantoms import covidx
from data_prep.phantoms.thorax import draw_thorax
from tests.phantoms.built import built
from tests.phantoms.paired import check_each_finding_is_where_its_mask_says

COVID, OTHER = 1, 2  # in `lesions`


@pytest.fixture(scope="module")
def made():
    dataset, extras = built("covidx")
    return dataset, extras["lesions"]


@pytest.fixture(scope="module")
def phantom(made):
    return made[0]


def test_it_is_a_valid_data_set_that_says_it_is_synthetic(phantom):
    validate(phantom, "phantom")
    assert phantom.synthetic and "SYNTHETIC" in phantom.source
    assert phantom.images.shape[1:] == (1, 64, 64) and phantom.images.dtype == np.uint8
    assert phantom.task == "binary" and phantom.classes == ("not COVID-19", "COVID-19")
    assert 1_400 < len(phantom.images) < 2_000


def test_a_patient_is_in_one_split_and_has_one_disease(made):
    dataset, lesions = made
    kinds = np.stack([dataset.split, dataset.targets[:, 0], (lesions & OTHER).any(axis=(1, 2))])
    pairs = np.unique(np.concatenate([dataset.patient[None], kinds]), axis=1)
    assert pairs.shape[1] == sum(clinic.patients for clinic in covidx.CLINICS)
    for split in range(3):
        assert 0.2 < dataset.targets[dataset.split == split].mean() < 0.6


def test_hospitals_see_more_of_their_specialty(phantom):
    share = [phantom.targets[phantom.site == site].mean() for site in range(4)]
    assert share[0] == max(share) > 1.5 * np.mean(share[1:])


def test_a_mask_is_empty_where_there_is_no_finding_and_nowhere_else(made):
    dataset, lesions = made
    covid, other = ((lesions & bit).any(axis=(1, 2)) for bit in (COVID, OTHER))
    assert np.array_equal(covid, dataset.targets[:, 0] == 1)
    assert other.any() and not (covid & other).any() and (~covid & ~other).any()


def test_each_finding_is_where_its_mask_says():
    check_each_finding_is_where_its_mask_says(
        covidx, 20, covidx.draw_kinds, draw_thorax, covidx.FINDINGS
    )


def test_covid_is_on_both_sides_and_behind_other_pneumonia_on_one(made):
    dataset, lesions = made
    left, right = lesions[:, :, :32], lesions[:, :, 32:]

    def shares(bit: int) -> np.ndarray:
        """(n,) how much of a lesion lies on its smaller side."""
        sides = np.stack([((part & bit) > 0).sum(axis=(1, 2)) for part in (left, right)])
        sides = sides[:, sides.sum(axis=0) > 0]
        return sides.min(axis=0) / sides.sum(axis=0)

    assert np.median(shares(COVID)) > 0.2 and np.median(shares(OTHER)) < 0.1
    behind = ((lesions[:, 32:] & COVID) > 0).sum() / ((lesions & COVID) > 0).sum()
    assert behind > 0.5
