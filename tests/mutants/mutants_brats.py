"""Lost labels, crooked canvases, wrong sites, and statistics that know too much."""

from __future__ import annotations

import csv
from unittest.mock import patch

import numpy as np

import data_prep.brats_file
from data_prep.brats_file import BratsFile, statistics
from data_prep.brats_rows import class_indices
from data_prep.canvas import Canvas
from data_prep.sites import read_sites
from tests.contracts.framework import mutant


@mutant(
    "class_indices",
    law="law_each_label_keeps_its_class",
    harm="Label 4 stays 4: outside the four classes, where no network has an output.",
)
def classes_with_label_four(labels):
    class_indices(labels)
    return labels.astype(np.uint8)


@mutant(
    "class_indices",
    law="law_each_label_keeps_its_class",
    harm="Only 1 and 2 are known: the enhancing tumour is taken for healthy brain.",
)
def classes_without_enhancing(labels):
    classes = class_indices(labels)
    return classes * (classes < 3)


@mutant(
    "class_indices",
    law="law_labels_that_brats_has_not_are_refused",
    harm="Conversion to bytes hides what was there: 260 is label 4, a half is background.",
)
def classes_of_bytes(labels):
    with np.errstate(invalid="ignore"):
        classes = np.nan_to_num(labels).astype(np.int64).astype(np.uint8)
    return np.where(classes == 4, 3, classes % 4).astype(np.uint8)


@mutant(
    "canvas",
    law="law_slices_stand_in_the_middle",
    harm="Small brains stick to the corner: a network learns hospitals by their margins.",
)
class CornerCanvas(Canvas):
    def centre(self, slices, target):
        target[:] = 0
        target[:, : slices.shape[1], : slices.shape[2]] = slices


@mutant(
    "canvas",
    law="law_a_smaller_pixel_is_what_covers_it",
    harm="Every n-th pixel of a mask: thin enhancing rims are gone.",
)
class SkippingCanvas(Canvas):
    def masks(self, slices, classes):
        whole = Canvas(self.side, self.side).masks(slices, classes)
        chosen = np.arange(self.size) * self.side // self.size
        return whole[:, chosen[:, None], chosen]


@mutant(
    "canvas",
    law="law_a_smaller_pixel_is_what_covers_it",
    harm="Averaged labels: between oedema and background lies a rim of necrosis.",
)
class AveragingCanvas(Canvas):
    def masks(self, slices, classes):
        if not self.shrinks:
            return super().masks(slices, classes)
        return np.rint(self.smaller_images(slices.astype(np.float32))).astype(np.uint8)


@mutant(
    "canvas",
    law="law_a_smaller_pixel_is_what_covers_it",
    harm="Slices are stretched to the square: brains get wider, and images leave their masks.",
)
class StretchingCanvas(Canvas):
    def smaller_images(self, slices):
        rows = np.arange(self.side) * slices.shape[1] // self.side
        return super().smaller_images(slices[:, rows])


@mutant(
    "read_sites",
    law="law_a_case_comes_from_the_centre_in_its_name_of_2019",
    harm="Only names of 2020 are looked up: downloads of other years have no site at all.",
)
def sites_of_one_year(path):
    return {name: site for name, site in read_sites(path).items() if "BraTS20" in name}


@mutant(
    "read_sites",
    law="law_a_case_comes_from_the_centre_in_its_name_of_2019",
    harm="NA is taken for a name: every case without one comes from the same wrong hospital.",
)
def sites_by_missing_names(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    known = [row for row in rows if row["BraTS_2019_subject_ID"] != "NA"]
    return {
        value: row["BraTS_2019_subject_ID"].split("_")[1]
        for row in known for key, value in row.items() if "subject_ID" in key
    }  # fmt: skip


@mutant(
    "brats_file",
    law="law_a_patient_is_in_one_split",
    harm="Every case is a patient: the test set holds later scans of people who were trained on.",
)
class FileOfCases(BratsFile):
    def __call__(self, file, entries):
        with patch.object(data_prep.brats_file, "patient_of", lambda name: name):
            return super().__call__(file, entries)


@mutant(
    "brats_file",
    law="law_normalisation_knows_the_training_patients_alone",
    harm="Mean and std of all patients: the model has seen something of those it is tested on.",
)
class FileOfEverybody(BratsFile):
    def __call__(self, file, entries):
        everybody = lambda cases, pixels: statistics(entries, pixels)  # noqa: E731
        with patch.object(data_prep.brats_file, "statistics", everybody):
            return super().__call__(file, entries)


@mutant(
    "brats_file",
    law="law_normalisation_knows_the_training_patients_alone",
    harm="A mean of the means of cases: those with few slices count as much as those with many.",
)
class FileOfMeans(BratsFile):
    def __call__(self, file, entries):
        def of_means(cases, pixels):
            return np.mean([statistics([case], pixels) for case in cases], axis=0)

        with patch.object(data_prep.brats_file, "statistics", of_means):
            return super().__call__(file, entries)
