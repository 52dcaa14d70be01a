"""Synthetic hospitals: a stand-in for BraTS that needs no download and holds no person's data.

Six hospitals of unequal size, each with its own scanner and its own mix of tumours, in the form
that prepared BraTS has. What is in it depends on its version alone, never on the seed of a run.
`python -m data_prep.phantoms.brats --out brats.h5` writes it to a file.

Left out: any claim about patients. A number measured here says how methods differ, nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmini.data.dataset import Dataset
from data_prep.phantoms.brain import draw_brain
from data_prep.phantoms.hospitals import assemble, key_of, main
from data_prep.phantoms.mri import Scanner, scan, signal, standardise
from data_prep.phantoms.tumour import displace, grow, plan
from fedmini.rng import numpy_stream

CLASSES = ("background", "necrotic core", "oedema", "enhancing")
REGIONS = {"whole": (1, 2, 3), "core": (1, 3), "enhancing": (3,)}
SLICES = 6  # a patient
LOWEST, HIGHEST = -0.45, 0.62  # heights of the outer slices, in half brain lengths


@dataclass(frozen=True)
class Clinic:
    """Whom a hospital sees, and with what it looks at them."""

    name: str
    patients: int
    high_grade: float  # share of patients
    size: float  # median tumour radius in half brain lengths
    scanner: Scanner


HOSPITALS = (
    Clinic("Aspen", 36, 0.8, 0.40, Scanner(900, (1.0, 1.0, 1.0, 1.0), 0.10, 0.02, 1.0)),
    Clinic("Birch", 28, 0.6, 0.36, Scanner(240, (1.3, 0.8, 0.8, 1.2), 0.16, 0.03, 0.9)),
    Clinic("Cedar", 22, 0.9, 0.44, Scanner(4000, (0.7, 1.2, 1.1, 0.8), 0.18, 0.025, 1.1)),
    Clinic("Elm", 16, 0.3, 0.34, Scanner(120, (1.0, 1.4, 1.3, 0.7), 0.14, 0.045, 0.8)),
    Clinic("Hazel", 11, 0.7, 0.38, Scanner(600, (1.5, 0.9, 0.9, 1.4), 0.2, 0.035, 1.0)),
    Clinic("Oak", 7, 0.4, 0.32, Scanner(60, (0.8, 1.1, 1.2, 1.0), 0.18, 0.055, 0.7)),
)


def brats() -> Dataset:
    """Build the synthetic hospitals: 720 slices of 120 patients, 4 x 64 x 64, in seconds."""
    key = key_of("brats")
    patients = [
        _patient(numpy_stream(key, index, number), hospital)
        for index, hospital in enumerate(HOSPITALS)
        for number in range(hospital.patients)
    ]
    images, masks = (np.concatenate(parts) for parts in zip(*patients, strict=True))
    patient = np.repeat(np.arange(len(patients)), SLICES)
    content = {"task": "segmentation", "classes": CLASSES, "regions": REGIONS}
    return assemble("brats", HOSPITALS, patient, images, targets=masks, **content)


def _patient(rng: np.random.Generator, hospital: Clinic) -> tuple[np.ndarray, np.ndarray]:
    """One patient's images (SLICES, 4, H, W) float16 and masks (SLICES, H, W) uint8."""
    z = np.linspace(LOWEST, HIGHEST, SLICES, dtype=np.float32)[:, None, None]
    z = z + np.float32(rng.uniform(-0.05, 0.05))
    size = hospital.size * np.exp(rng.normal(0, 0.3))
    lesion = plan(rng, size, rng.random() < hospital.high_grade)
    x, y = displace(rng, z, lesion)
    brain = draw_brain(rng, x, y, z, age=rng.random())
    tumour = grow(rng, z, lesion, brain)
    image = signal(rng, brain, tumour, hospital.scanner.uptake)
    raw = scan(rng, image, z, hospital.scanner)
    return standardise(raw, brain.inside), tumour.labels


if __name__ == "__main__":
    main("brats", lambda: (brats(), {}))
