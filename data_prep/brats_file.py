"""What a prepared file of BraTS holds besides pixels: patients, splits, sites, statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from data_prep.brats_cases import patient_of
from data_prep.split import draw_split
from data_prep.statistics import statistics
from data_prep.store import describe, fixed_length
from fedmini.data.dataset import SPLITS, TRAIN, Dataset
from data_prep.phantoms.brats import CLASSES, REGIONS

VERSION = "1"  # of what is in the file
UNKNOWN = "unknown"


@dataclass(frozen=True)
class BratsFile:
    """Callable on a file that has all its rows, and its cases; gives a summary in words."""

    source: str
    modalities: Sequence[str]
    sites: Mapping[str, str | None]  # patient -> centre
    validation: float
    test: float
    seed: int
    found: int  # cases, broken ones too

    def __call__(self, file: h5py.File, entries: Sequence[Mapping]) -> str:
        cases = [entry for entry in entries if entry["rows"]]
        names = [patient_of(entry["name"]) for entry in cases]
        patients, patient = np.unique(names, return_inverse=True)
        centres = [self.sites[each] for each in patients]
        site_names = tuple(sorted(set(filter(None, centres))))
        site = np.array([site_names.index(each) if each else -1 for each in centres])
        split = draw_split(site, self.validation, self.test, self.seed)
        training = [case for case, row in zip(cases, patient, strict=True) if split[row] == TRAIN]
        mean, std = statistics(training, file["images"].shape[-1] ** 2)
        row = np.repeat(patient, [case["rows"] for case in cases])  # the patient of each image
        dataset = Dataset(
            name="brats",
            task="segmentation",
            classes=CLASSES,
            source=self.source,
            synthetic=False,
            version=VERSION,
            mean=mean,
            std=std,
            regions=REGIONS,
            images=file["images"],
            targets=file["masks"],
            patient=row.astype(np.int64),
            split=split[row],
            site=site[row].astype(np.int64),
            site_names=site_names,
        )
        describe(file, dataset)
        self.trace(file, cases)
        return self.summary(dataset, len(cases), split, centres)

    def trace(self, file: h5py.File, cases: Sequence[Mapping]) -> None:
        """Which case and slice every image comes from, and what its channels are."""
        file["case"] = fixed_length([case["name"] for case in cases for _ in case["slices"]])
        file["slice"] = np.array([each for case in cases for each in case["slices"]], np.int32)
        file.attrs["modalities"] = fixed_length(self.modalities)

    def summary(
        self, dataset: Dataset, cases: int, split: np.ndarray, centres: Sequence[str | None]
    ) -> str:
        """What there is now, in three lines."""
        count, channels, height, width = dataset.images.shape
        patients = np.bincount(split, minlength=len(SPLITS))
        sites = sorted(Counter(each or UNKNOWN for each in centres).items())
        return "\n".join(
            [
                f"{count} slices of {height} x {width} pixels, {channels} modalities "
                f"({', '.join(self.modalities)}), from {cases} of {self.found} cases",
                f"{len(split)} patients: "
                + ", ".join(f"{n} {name}" for n, name in zip(patients, SPLITS, strict=True)),
                "sites of the patients: " + ", ".join(f"{name} {n}" for name, n in sites),
            ]
        )
