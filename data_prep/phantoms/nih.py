"""Synthetic hospitals: a stand-in for ChestX-ray14 that needs no download, of nobody's images.

Six hospitals of unequal size, each with its own specialty and detector. The fourteen findings are
as frequent as in the 112,120 published images (Wang et al. 2017), but none rarer than `FLOOR`. What
is in it depends on its version alone, never on the seed of a run. Written to a file by
`python -m data_prep.phantoms.nih --out nih.h5`, with an array `lesions`: where each finding is.

Left out: labels that are wrong, as those read from reports can be, and any claim about patients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmini.data.dataset import Dataset
from data_prep.phantoms import findings
from data_prep.phantoms.chest import draw_chest
from data_prep.phantoms.clinics import Clinic, draw
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.hospitals import assemble, main

FLOOR = 0.03  # share of all images; the rarest, hernia, is found in 0.002 of the real ones
PUBLISHED = 112_120  # images of ChestX-ray14
FINDINGS = {  # published images that have it; what it owes to a failing heart, germs, smoke, growth
    "Atelectasis": (11_559, (0.2, 0.6, 0.0, 0.2)),
    "Cardiomegaly": (2_776, (0.6, 0.1, 0.0, 0.0)),
    "Effusion": (13_317, (0.5, 0.55, 0.0, 0.2)),
    "Infiltration": (19_894, (0.2, 0.6, 0.0, 0.0)),
    "Mass": (5_782, (0.0, 0.1, 0.2, 0.6)),
    "Nodule": (6_331, (0.0, 0.0, 0.2, 0.6)),
    "Pneumonia": (1_431, (0.3, 0.6, 0.0, 0.0)),
    "Pneumothorax": (5_302, (0.0, 0.1, 0.6, 0.1)),
    "Consolidation": (4_667, (0.1, 0.6, 0.0, 0.2)),
    "Edema": (2_303, (0.6, 0.4, 0.0, 0.0)),
    "Emphysema": (2_516, (0.0, 0.0, 0.7, 0.0)),
    "Fibrosis": (1_686, (0.0, 0.0, 0.3, 0.4)),
    "Pleural_Thickening": (3_385, (0.0, 0.3, 0.1, 0.4)),
    "Hernia": (227, (0.1, 0.0, 0.0, 0.0)),
}
LOOKS = {name: getattr(findings, name.lower()) for name in FINDINGS}
SPECIALTY = 0.7  # standard deviations of risk that it adds
CLINICS = (
    Clinic("Agate", 440, (), 1.0, 0.015, 0.1),
    Clinic("Basalt", 340, ("Cardiomegaly", "Effusion", "Edema"), 0.85, 0.02, 0.2),
    Clinic("Coral", 290, ("Atelectasis", "Mass", "Nodule"), 1.2, 0.01, 0.0),
    Clinic("Flint", 230, ("Pneumothorax", "Emphysema", "Fibrosis"), 1.1, 0.02, 0.05),
    Clinic("Jade", 170, ("Infiltration", "Pneumonia", "Consolidation"), 0.9, 0.03, 0.25),
    Clinic("Opal", 130, ("Pleural_Thickening", "Hernia"), 1.3, 0.015, 0.1),
)


def nih() -> Dataset:
    """Build the synthetic hospitals: about 4,100 images of 1,600 patients, 64 x 64, in seconds."""
    return nih_and_lesions()[0]


def nih_and_lesions() -> tuple[Dataset, dict[str, np.ndarray]]:
    """The data set, and `lesions` (N, H, W) uint16: bit f is set where finding f changes it."""
    patient, images, labels, lesions = draw("nih", CLINICS, draw_labels, draw_chest, LOOKS)
    content = {"task": "multilabel", "classes": tuple(FINDINGS), "regions": {}}
    dataset = assemble("nih", CLINICS, patient, images, targets=labels, **content)
    return dataset, {"lesions": lesions}


def draw_labels(draws: Draws, clinics: Sequence[Clinic]) -> np.ndarray:
    """(N, 14) uint8: a finding is where its risk is highest, in as many images as it should be.

    Findings go together since they share causes, and stay since most of a risk is the patient's.
    """
    causes = [draws.normal(0, 1).ravel() for _ in range(4)]
    labels = np.zeros((len(clinics), len(FINDINGS)), np.uint8)
    for column, (name, (count, loads)) in enumerate(FINDINGS.items()):
        chance = np.sqrt(1 - np.square(loads).sum())
        risk = np.dot(loads, causes) + chance * draws.normal(0, 1).ravel()
        risk += [SPECIALTY * (name in clinic.specialty) for clinic in clinics]
        images = round(max(count / PUBLISHED, FLOOR) * len(labels))
        labels[np.argsort(-risk)[:images], column] = 1
    return labels


if __name__ == "__main__":
    main("nih", nih_and_lesions)
