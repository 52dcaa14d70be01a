"""What a prepared file of COVIDx CT holds besides pixels: labels, patients, splits, sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from data_prep.brats_file import UNKNOWN
from data_prep.covidx_lists import FINDINGS
from data_prep.raster_case import Batch, training_statistics, whole_pictures
from data_prep.store import describe, fixed_length
from fedmini.data.dataset import SPLITS, TRAIN, Dataset

COVID = FINDINGS.index("COVID-19")
CLASSES = {2: ("not COVID-19", "COVID-19"), 3: FINDINGS}


@dataclass(frozen=True)
class CovidxFile:
    """Callable on a file that has all its rows, and what is known of its batches.

    Gives a summary in words. `draw` gives the splits of patients from their sites; without it the
    slices have theirs. UserError if nobody is left to train on.
    """

    source: str
    version: str
    classes: int  # 2 or 3
    sources: Mapping[str, str]  # patient -> collection
    draw: Callable[[np.ndarray], np.ndarray] | None
    cases: Sequence[Batch]
    notes: Sequence[str]  # with which the summary begins

    def __call__(self, file: h5py.File, entries: Sequence[Mapping]) -> str:
        slices = whole_pictures(self.cases, entries)
        patients, patient = np.unique([each.patient for each in slices], return_inverse=True)
        collections = [self.sources.get(each, "") for each in patients]
        site_names = tuple(sorted(set(filter(None, collections))))
        site = np.array([site_names.index(each) if each else -1 for each in collections], np.int64)
        split = np.array([each.split for each in slices], np.uint8)
        if self.draw:
            split = self.draw(site)[patient]
        mean, std = training_statistics(entries, split == TRAIN, file["images"].shape[-1])
        finding = np.array([[each.finding] for each in slices], np.uint8)
        dataset = Dataset(
            name="covidx",
            task="binary" if self.classes == 2 else "multiclass",
            classes=CLASSES[self.classes],
            source=self.source,
            synthetic=False,
            version=self.version,
            mean=mean,
            std=std,
            regions={},
            images=file["images"],
            targets=(finding == COVID).astype(np.uint8) if self.classes == 2 else finding,
            patient=patient.astype(np.int64),
            split=split,
            site=site[patient],
            site_names=site_names,
        )
        describe(file, dataset)
        file.create_dataset("labels", data=dataset.targets, compression="gzip", fletcher32=True)
        file["image"] = fixed_length([each.name for each in slices])
        file["patient_name"] = fixed_length(patients[patient])
        return self.summary(dataset, collections)

    def summary(self, dataset: Dataset, collections: Sequence[str]) -> str:
        """The notes, and in three lines what there is now."""
        count, _, height, width = dataset.images.shape
        labels = np.bincount(dataset.targets[:, 0], minlength=self.classes)
        splits = [len(set(dataset.patient[dataset.split == each])) for each in range(len(SPLITS))]
        sources = Counter(each or UNKNOWN for each in collections)
        return "\n".join(
            [
                *self.notes,
                f"{count} slices of {height} x {width} pixels: "
                + counted(dict(zip(dataset.classes, labels, strict=True))),
                f"{len(collections)} patients: " + counted(dict(zip(SPLITS, splits, strict=True))),
                "sources of the patients: " + counted(dict(sorted(sources.items()))),
            ]
        )


def counted(numbers: Mapping[str, int]) -> str:
    """Each number and what it counts."""
    return ", ".join(f"{number} {name}" for name, number in numbers.items())
