"""What a prepared file of ChestX-ray14 holds besides pixels: findings, patients, splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from data_prep.nih_split import split_rows
from data_prep.nih_table import NAMES, NOTHING, Row
from data_prep.raster_case import Batch, training_statistics, whole_pictures
from data_prep.store import describe, fixed_length
from fedmini.data.dataset import SPLITS, TRAIN, Dataset

VERSION = "1"  # of what is in the file


class Radiograph(NamedTuple):
    """A row of the table whose image is there."""

    row: Row
    path: Path
    listed: bool  # in the publisher's test_list.txt, if that is followed

    @property
    def name(self) -> str:
        return self.row.name


@dataclass(frozen=True)
class NihFile:
    """Callable on a file that has all its images, and its batches; gives a summary in words."""

    source: str
    cases: Sequence[Batch]
    validation: float
    test: float
    seed: int
    found: int  # rows of the table, broken ones too

    def __call__(self, file: h5py.File, entries: Sequence[Mapping]) -> str:
        radiographs: list[Radiograph] = whole_pictures(self.cases, entries)
        rows = [each.row for each in radiographs]
        patient = np.array([row.patient for row in rows], np.int64)
        listed = np.array([each.listed for each in radiographs])
        split = split_rows(patient, listed, self.validation, self.test, self.seed)
        mean, std = training_statistics(entries, split == TRAIN, file["images"].shape[-1])
        dataset = Dataset(
            name="nih",
            task="multilabel",
            classes=NAMES,
            source=self.source,
            synthetic=False,
            version=VERSION,
            mean=mean,
            std=std,
            regions={},
            images=file["images"],
            targets=labels(rows),
            patient=patient,
            split=split,
            site=np.full(len(rows), -1, np.int64),
            site_names=(),
        )
        describe(file, dataset)
        file.create_dataset("labels", data=dataset.targets, compression="gzip", fletcher32=True)
        self.trace(file, rows)
        return self.summary(dataset)

    def trace(self, file: h5py.File, rows: Sequence[Row]) -> None:
        """Which image every row comes from, and what the table says of its patient."""
        file["image"] = fixed_length([row.name for row in rows])
        file["sex"] = fixed_length([row.sex for row in rows])
        file["view"] = fixed_length([row.view for row in rows])
        file["age"] = np.array([row.age for row in rows], np.int16)
        file["follow_up"] = np.array([row.follow_up for row in rows], np.int32)

    def summary(self, dataset: Dataset) -> str:
        """What there is now, in three lines."""
        count, _, height, width = dataset.images.shape
        patients = np.unique(np.stack([dataset.patient, dataset.split]), axis=1)[1]
        splits = zip(np.bincount(patients, minlength=len(SPLITS)), SPLITS, strict=True)
        images = zip(dataset.targets.sum(axis=0), NAMES, strict=True)
        nothing = int((~dataset.targets.any(axis=1)).sum())
        return "\n".join(
            [
                f"{count} radiographs of {height} x {width} pixels, from {self.found} rows",
                f"{len(patients)} patients: " + ", ".join(f"{n} {name}" for n, name in splits),
                f"{NOTHING} {nothing}, " + ", ".join(f"{name} {n}" for n, name in images),
            ]
        )


def labels(rows: Sequence[Row]) -> np.ndarray:
    """(N, 14) uint8: 1 for each finding of each row."""
    found = np.zeros((len(rows), len(NAMES)), np.uint8)
    for label, row in zip(found, rows, strict=True):
        label[list(row.findings)] = 1
    return found
