"""746 real slices of 384 patients, from the publisher's layout to a prepared file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from data_prep import raster
from data_prep.covidx import main
from fedmini.data.dataset import channel_statistics
from fedmini.data.store import read
from tests.conftest import SHARED_DATA

pytestmark = pytest.mark.realdata
SOURCE = SHARED_DATA / "covidx"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "X.h5"
    assert main([str(SOURCE), "--out", str(path), "--size", "64"]) == 0
    return path


def test_real_patients(out):
    dataset = read(out)
    assert dataset.images.shape == (746, 1, 64, 64) and dataset.version == "2A"
    assert len(set(dataset.patient[dataset.targets[:, 0] == 1])) == 213
    assert len(set(dataset.patient[dataset.targets[:, 0] == 0])) == 171
    assert np.bincount(dataset.split).tolist() == [515, 81, 150]
    mean, std = channel_statistics(dataset.images[dataset.split == 0])
    assert np.allclose(dataset.mean, mean, atol=1e-3) and np.allclose(dataset.std, std, rtol=1e-4)


def test_real_slices_keep_their_brightness(out):
    dataset = read(out)
    with h5py.File(out) as file:
        names = file["image"].asstr()[:]
    for row in range(0, 746, 25):
        image = raster.read(SOURCE / "2A_images" / names[row])
        assert abs(dataset.images[row].mean() - image.mean()) < 2, names[row]


def test_a_nearest_mean_tells_real_slices_apart(out):
    """Labels and images belong together: much better than a coin, on patients never seen."""
    dataset = read(out)
    pixels = dataset.images.reshape(746, -1).astype(float)
    pixels -= pixels.mean(axis=1, keepdims=True)
    label, training = dataset.targets[:, 0], dataset.split == 0
    direction = pixels[training & (label == 1)].mean(0) - pixels[training & (label == 0)].mean(0)
    score = (pixels @ direction)[dataset.split == 2]
    positive = label[dataset.split == 2] == 1
    auc = (score[positive][:, None] > score[~positive]).mean()
    assert auc > 0.6
