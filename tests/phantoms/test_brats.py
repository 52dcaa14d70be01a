"""The synthetic hospitals look like prepared BraTS and are the same for everybody."""

from __future__ import annotations

import numpy as np
import pytest

from fedmini.data.schema import validate
from data_prep.phantoms.brats import HOSPITALS, SLICES
from data_prep.phantoms.shapes import waves
from data_prep.phantoms.tumour import BACKGROUND, ENHANCING, NECROTIC, OEDEMA
from fedmini.rng import numpy_stream
from tests.phantoms.built import built

FLAIR, T1, T1CE, T2 = range(4)


@pytest.fixture(scope="module")
def phantom():
    return built("brats")[0]


@pytest.fixture(scope="module")
def inside(phantom):
    """(N, H, W) bool: where the brain is."""
    return (phantom.images != 0).any(axis=1)


def brightness(phantom, pixels: np.ndarray) -> np.ndarray:
    """(4,) mean intensity over some pixels (N, H, W), a channel."""
    return np.array([phantom.images[:, c][pixels].astype(np.float32).mean() for c in range(4)])


def test_it_is_a_valid_data_set_that_says_it_is_synthetic(phantom):
    validate(phantom, "phantom")
    assert phantom.synthetic and "SYNTHETIC" in phantom.source
    assert phantom.images.shape == (720, 4, 64, 64) and phantom.images.dtype == np.float16
    assert set(np.unique(phantom.targets)) == {BACKGROUND, NECROTIC, OEDEMA, ENHANCING}


def test_every_hospital_splits_its_patients(phantom):
    for index, hospital in enumerate(HOSPITALS):
        rows = phantom.site == index
        assert rows.sum() == hospital.patients * SLICES
        train, validation, test = np.bincount(phantom.split[rows]) / rows.sum()
        assert 0.5 < train <= 0.7 and 0 < validation < 0.2 and 0.25 < test < 0.35
    assert len(np.unique(phantom.patient)) == sum(each.patients for each in HOSPITALS) == 120


def test_volumes_are_standardised_in_the_brain_and_black_around_it(phantom, inside):
    share = inside.mean(axis=(1, 2))
    assert 0.15 < share.min() and share.max() < 0.7
    assert not phantom.targets[~inside].any()
    for patient in (0, 50, 119):
        rows = phantom.patient == patient
        for channel in range(4):
            values = phantom.images[rows, channel][inside[rows]].astype(np.float32)
            assert abs(values.mean()) < 0.01 and abs(values.std() - 1) < 0.01


def test_tissues_have_the_contrasts_of_the_four_sequences(phantom, inside):
    healthy = brightness(phantom, inside & (phantom.targets == BACKGROUND))
    necrotic, oedema, enhancing = (
        brightness(phantom, phantom.targets == label) for label in (NECROTIC, OEDEMA, ENHANCING)
    )
    assert oedema[FLAIR] > healthy[FLAIR] + 1 and oedema[T2] > healthy[T2] + 0.3
    assert enhancing[T1CE] > max(healthy[T1CE], oedema[T1CE], necrotic[T1CE]) + 1
    assert enhancing[T1CE] > enhancing[T1] + 1
    assert necrotic[T1] < oedema[T1] and necrotic[T1CE] < oedema[T1CE]
    assert necrotic[T2] > healthy[T2] + 0.3


def test_tumours_differ(phantom):
    patients = phantom.targets.reshape(120, SLICES, -1)
    volumes = (patients > 0).sum(axis=(1, 2))
    assert volumes.min() > 30 and volumes.max() > 3 * np.median(volumes)
    assert np.percentile(volumes, 90) > 4 * np.percentile(volumes, 10)
    with_tumour = (patients > 0).any(axis=2)
    assert with_tumour.any(axis=1).all() and 0.4 < with_tumour.mean() < 0.8
    enhancing = (patients == ENHANCING).any(axis=(1, 2)).mean()
    assert 0.5 < enhancing < 0.9


def test_waves_have_unit_variance_and_join_neighbouring_slices():
    z = np.linspace(0, 0.02, 2, dtype=np.float32)[:, None, None]
    fields = np.stack([waves(numpy_stream(seed), z, 5) for seed in range(60)])
    assert abs(fields.mean()) < 0.1 and abs(fields.std() - 1) < 0.1
    assert np.abs(fields[:, 0] - fields[:, 1]).mean() < 0.15
