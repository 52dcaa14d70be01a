"""Synthetic hospitals: a stand-in for COVIDx CT that needs no download, with nobody's images.

Four hospitals of unequal size, each with its own mix of COVID-19, other pneumonia and healthy lungs
and its own scanner. What is in it depends on its version alone, never on the seed of a run.
`python -m data_prep.phantoms.covidx --out covidx.h5` writes it to a file, together with an array
`lesions`: bit 0 where COVID-19 was planted, bit 1 where other pneumonia was.

Left out: slices of a patient with COVID-19 that do not show it, and any claim about patients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmini.data.dataset import Dataset
from data_prep.phantoms.clinics import Clinic, draw
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.findings import cloud
from data_prep.phantoms.hospitals import assemble, main
from data_prep.phantoms.thorax import covid, draw_thorax

pneumonia = cloud((0.25, 0.45), (0.5, 0.95), rough=0.3, border=0.1, bronchi=0.4)
FINDINGS = {"COVID-19": covid, "pneumonia": pneumonia}
SHARE = 0.3  # of a hospital's patients that have COVID-19, and that have other pneumonia
SPECIALTY = 0.25  # added to it where that is the hospital's specialty
STRAY = 0.3  # of exposures, which are calibrated
CLINICS = (
    Clinic("Delta", 240, ("COVID-19",), 1.0, 0.025, 0.0, STRAY),
    Clinic("Fjord", 180, (), 0.85, 0.035, 0.03, STRAY),
    Clinic("Lagoon", 140, ("pneumonia",), 1.15, 0.03, 0.0, STRAY),
    Clinic("Strait", 90, (), 0.9, 0.05, 0.05, STRAY),
)


def covidx() -> Dataset:
    """Build the synthetic hospitals: about 1,700 slices of 650 patients, 64 x 64, in seconds."""
    return covidx_and_lesions()[0]


def covidx_and_lesions() -> tuple[Dataset, dict[str, np.ndarray]]:
    """The data set, and `lesions` (N, H, W) uint16: a bit for each of the two findings."""
    patient, images, kinds, lesions = draw("covidx", CLINICS, draw_kinds, draw_thorax, FINDINGS)
    content = {"task": "binary", "classes": ("not COVID-19", "COVID-19"), "regions": {}}
    dataset = assemble("covidx", CLINICS, patient, images, targets=kinds[:, :1], **content)
    return dataset, {"lesions": lesions}


def draw_kinds(draws: Draws, clinics: Sequence[Clinic]) -> np.ndarray:
    """(N, 2) uint8: whether it is COVID-19, whether other pneumonia; never both."""
    special = [[name in clinic.specialty for name in FINDINGS] for clinic in clinics]
    covid, pneumonia = (SHARE + SPECIALTY * np.array(special)).T
    place = draws.uniform(0, 1).ravel()
    return np.stack([place < covid, place > 1 - pneumonia], axis=1).astype(np.uint8)


if __name__ == "__main__":
    main("covidx", covidx_and_lesions)
