"""From tissue to pixels: the signal of four MRI sequences, and the scanner that records it.

The table holds typical relative intensities, not solutions of the Bloch equations. A scanner bends
(gamma), shades (coil), roughens (Rician noise: Gudbjartsson, Patz 1995) and scales (gain).

Left out: motion, ghosts, anisotropic voxels, errors of registration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantoms.brain import Brain
from data_prep.phantoms.shapes import Map, waves
from data_prep.phantoms.tumour import Tumour

CHANNELS = ("FLAIR", "T1", "T1ce", "T2")
SIGNAL = {
    "csf": (0.12, 0.22, 0.22, 1.00),
    "grey": (0.60, 0.55, 0.57, 0.58),
    "white": (0.48, 0.74, 0.76, 0.44),
    "lesion": (0.90, 0.62, 0.64, 0.66),
    "vessel": (0.30, 0.50, 1.20, 0.40),
    "oedema": (0.92, 0.52, 0.52, 0.72),
    "enhancing": (0.80, 0.50, 1.15, 0.62),
    "necrosis": (0.62, 0.32, 0.33, 0.88),
}
SPREAD = 0.1  # how much, relatively, each number of the table differs between patients


@dataclass(frozen=True)
class Scanner:
    """What a hospital's machine and protocol do to the signal of every patient."""

    gain: float  # raw units a unit of signal
    gamma: tuple[float, float, float, float]  # one a channel; 1 is linear
    shading: float  # standard deviation of the logarithm of the coil's sensitivity
    noise: float  # standard deviation in units of signal
    uptake: float  # signal of vessels and enhancing tumour on T1ce, relative to the table


def signal(rng: np.random.Generator, brain: Brain, tumour: Tumour, uptake: float) -> np.ndarray:
    """The ideal image (S, 4, H, W) float32: tissues mixed by their shares in each pixel."""
    table = {
        name: np.array(row) * np.exp(rng.normal(0, SPREAD, len(CHANNELS)))
        for name, row in SIGNAL.items()
    }
    for name in ("vessel", "enhancing"):
        table[name][CHANNELS.index("T1ce")] *= uptake
    row = {name: values.astype(np.float32)[:, None, None] for name, values in table.items()}
    tissues = (("csf", brain.csf), ("grey", brain.grey), ("white", brain.white))
    image = sum(share[:, None] * row[name] for name, share in tissues)
    core = tumour.whole * tumour.core
    for name, share in (
        ("lesion", brain.lesion),
        ("vessel", brain.vessel),
        ("oedema", tumour.whole),
        ("enhancing", core),
        ("necrosis", core * tumour.necrosis),
    ):
        image += share[:, None] * (row[name] - image)
    return image


def scan(rng: np.random.Generator, image: np.ndarray, z: Map, scanner: Scanner) -> np.ndarray:
    """What the scanner records of an ideal image (S, 4, H, W), in its own raw units."""
    raw = np.empty_like(image)
    for channel, gamma in enumerate(scanner.gamma):
        coil = np.exp(scanner.shading * waves(rng, z, 1.2))
        bent = (coil * image[:, channel]) ** gamma
        real, imaginary = rng.normal(0, scanner.noise, (2, *bent.shape))
        # a magnitude image: M = |s + n_1 + i n_2|
        raw[:, channel] = scanner.gain * np.hypot(bent + real, imaginary)
    return raw


def standardise(raw: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 in the brain of a volume, a channel; 0 outside; float16."""
    standard = np.zeros(raw.shape, np.float16)
    for channel in range(raw.shape[1]):
        values = raw[:, channel][inside]
        standard[:, channel][inside] = (values - values.mean()) / values.std()
    return standard
