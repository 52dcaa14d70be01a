"""The patients behind the images, and the split of patients into training, validation and test.

Everything that is drawn is drawn over patients: images of one patient are alike, so a patient on
both sides of a split, or at two clients, would make every result too good.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from fedmini.data.dataset import TEST, TRAIN, VALIDATION, Dataset, measured
from fedmini.data.on_disk import blocks
from fedmini.rng import numpy_stream


@dataclass(frozen=True, eq=False)
class PatientTable:
    """One row a patient, M rows in ascending order of `patient`; each array is (M,) int64."""

    patient: np.ndarray
    split: np.ndarray  # 0 train, 1 validation, 2 test
    site: np.ndarray  # an index into site_names; -1 unknown
    images: np.ndarray  # how many images the patient has
    stratum: np.ndarray  # groups of patients that are alike, from 0
    site_names: tuple[str, ...]
    strata: tuple[str, ...]  # what each stratum is called

    def __len__(self) -> int:
        return len(self.patient)


def patient_table(dataset: Dataset) -> PatientTable:
    """The patients of a data set, of all splits.

    The stratum is the tertile of the tumour's volume for a segmentation task, otherwise 1 + the
    patient's rarest positive label, 0 without one.
    """
    patient, first, row, images = np.unique(
        dataset.patient, return_index=True, return_inverse=True, return_counts=True
    )
    training = dataset.split[first] == TRAIN
    if dataset.task == "segmentation":
        pixels = [(block > 0).sum(axis=(1, 2)) for block in blocks(dataset.targets)]
        stratum = _tertile(np.bincount(row, np.concatenate(pixels)), training)
        strata = ("small tumour or none", "medium tumour", "large tumour")
    else:
        labels = dataset.targets
        if dataset.task == "multiclass":
            labels = labels == np.arange(len(dataset.classes))
        positive = np.zeros((len(patient), labels.shape[1]), bool)
        np.logical_or.at(positive, row, labels)
        stratum = _rarest(positive, training)
        strata = ("none", *dataset.classes[-labels.shape[1] :])  # a binary task: the positive one
    return PatientTable(
        patient=patient, split=dataset.split[first].astype(np.int64), site=dataset.site[first],
        images=images, stratum=stratum, site_names=dataset.site_names, strata=strata,
    )  # fmt: skip


def resplit(dataset: Dataset, seed: int) -> Dataset:
    """The data set with the patients' split drawn anew, stratified by site.

    The number of patients in each split stays, except that every site keeps a patient for training
    and that validation and test get one each if two can be spared. Mean and std are those of the
    new training split.
    """
    draw = numpy_stream(seed, "split")
    table = patient_table(dataset)
    position = np.zeros(len(table))
    for site in np.unique(table.site):
        rows = draw.permutation(np.flatnonzero(table.site == site))
        position[rows[1:]] = (np.arange(1, len(rows)) + draw.random()) / len(rows)
    order = np.lexsort((draw.random(len(table)), position))
    split = np.empty(len(table), np.uint8)
    split[order] = np.repeat((TRAIN, VALIDATION, TEST), _sizes(table))
    split = split[np.searchsorted(table.patient, dataset.patient)]
    return measured(dataclasses.replace(dataset, split=split))


def _sizes(table: PatientTable) -> tuple[int, int, int]:
    """Patients for training, validation and test, at least one a site for training."""
    spare = len(table) - len(np.unique(table.site))
    _, validation, test = np.bincount(table.split, minlength=3).tolist()
    if spare >= 2:
        test = min(max(test, 1), spare - 1)
        validation = max(validation, 1)
    test = min(test, spare)
    validation = min(validation, spare - test)
    return len(table) - validation - test, validation, test


def _tertile(volume: np.ndarray, training: np.ndarray) -> np.ndarray:
    """0, 1 or 2: how many of the cuts, taken over training patients, lie below the volume."""
    cuts = np.quantile(volume[training], (1 / 3, 2 / 3))
    return np.searchsorted(cuts, volume, side="left")


def _rarest(positive: np.ndarray, training: np.ndarray) -> np.ndarray:
    """1 + the positive label that the fewest training patients have; 0 without a positive one."""
    patients = positive[training].sum(axis=0)
    rarest = np.where(positive, patients, len(positive) + 1).argmin(axis=1)
    return np.where(positive.any(axis=1), 1 + rarest, 0)
