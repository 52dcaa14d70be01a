"""Small data sets in memory, made in milliseconds, for tests of any room.

Patients are numbered 100, 107, 114, ...; patient i is at site i % sites, and the splits of a site's
patients go round train, test, validation, train, train. A tumour is a bright disk.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.patients import PatientTable
from fedmini.rng import numpy_stream

ROUND = (0, 2, 1, 0, 0)


def segmentation_dataset(
    *,
    patients: int = 12,
    slices: int = 3,
    size: int = 16,
    sites: int = 3,
    channels: int = 2,
    classes: int = 3,
    dtype: str = "uint8",
    split: Sequence[int] | None = None,  # a split for each patient
    site: Sequence[int] | None = None,  # a site for each patient, -1 unknown
    seed: int = 0,
) -> Dataset:
    """Tumours of classes 1, 2, ... as nested disks; about one patient in four has none.

    With `sites=0` no site is known.
    """
    draw = numpy_stream(seed, "factory", "segmentation")
    radius = draw.uniform(0.1, 0.45, patients) * (draw.random(patients) > 0.25) * size
    centre = draw.uniform(0.35, 0.65, (patients * slices, 2, 1, 1)) * size
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - centre[:, 0], columns - centre[:, 1])
    reach = np.repeat(radius, slices)[:, None, None]
    masks = sum((distance < reach / ring).astype(np.uint8) for ring in range(1, classes))
    images = 60 + 20 * draw.standard_normal((patients * slices, channels, size, size))
    images += 40 * masks[:, None] * np.linspace(1, 0.5, channels)[:, None, None]
    names = ("background", *(f"tumour-{index}" for index in range(1, classes)))
    return _dataset("segmentation", names, images, masks, slices, dtype, sites, split, site)


def labels_dataset(
    *,
    task: str = "multilabel",
    patients: int = 12,
    slices: int = 2,
    size: int = 16,
    sites: int = 3,
    channels: int = 1,
    classes: int = 3,
    dtype: str = "uint8",
    split: Sequence[int] | None = None,
    site: Sequence[int] | None = None,
    seed: int = 0,
) -> Dataset:
    """Images whose brightness tells the label; `task` is multilabel, binary or multiclass."""
    draw = numpy_stream(seed, "factory", "labels")
    count = patients * slices
    if task == "multilabel":
        labels = draw.random((count, classes)) < 0.3
        brightness = labels @ np.arange(1, classes + 1)
    else:
        labels = draw.integers(0, 2 if task == "binary" else classes, (count, 1))
        brightness = labels[:, 0]
    images = 60 + 20 * draw.standard_normal((count, channels, size, size))
    images += 30 * brightness[:, None, None, None]
    names = tuple(f"class-{index}" for index in range(2 if task == "binary" else classes))
    labels = labels.astype(np.uint8)
    return _dataset(task, names, images, labels, slices, dtype, sites, split, site)


def table(*, patients: int = 60, sites: int = 3, strata: int = 3) -> PatientTable:
    """Patients without images; a site's next stratum begins when its splits have gone round."""
    number = np.arange(patients)
    lap = number // max(sites, 1)
    return PatientTable(
        patient=100 + 7 * number,
        split=np.asarray(ROUND)[lap % len(ROUND)],
        site=number % sites if sites else np.full(patients, -1),
        images=1 + number % 4,
        stratum=lap // len(ROUND) % strata,
        site_names=tuple(f"site-{name}" for name in "ABCDEFGHIJ"[:sites]),
        strata=tuple(f"kind-{name}" for name in "ABCDEFGHIJ"[:strata]),
    )


def _dataset(task, classes, images, targets, slices, dtype, sites, split, site) -> Dataset:
    patients = np.arange(len(images) // slices)
    if split is None:
        split = [ROUND[(each // max(sites, 1)) % len(ROUND)] for each in patients]
    if site is None:
        site = patients % sites if sites else np.full(len(patients), -1)
    site = np.asarray(site)
    regions = {name: (index,) for index, name in enumerate(classes) if index}
    images = images.clip(0, 255).astype(dtype) if dtype == "uint8" else images.astype(dtype)
    split = np.repeat(np.asarray(split, np.uint8), slices)
    mean, std = channel_statistics(images[split == 0])
    return Dataset(
        name="factory",
        task=task,
        classes=classes,
        source="tests",
        synthetic=True,
        version="1",
        mean=mean,
        std=std,
        regions=regions if task == "segmentation" else {},
        images=images,
        targets=targets,
        patient=np.repeat(100 + 7 * patients, slices).astype(np.int64),
        split=split,
        site=np.repeat(site, slices).astype(np.int64),
        site_names=tuple(f"site-{name}" for name in "ABCDEFGHIJ"[: site.max() + 1]),
    )
