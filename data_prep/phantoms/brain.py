"""Healthy tissue of a brain-like phantom, slice by slice, as soft level sets in space.

A head is centred at the origin: x runs from left to right, y from front to back, z upward, half the
length of the brain being 1. Everything irregular comes from `waves`, a smooth random field in three
dimensions, so that neighbouring slices of a patient belong together.

Left out: eyes, cerebellum, brain stem. The slices lie above them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantoms.shapes import Map, ball, soft, waves


@dataclass(frozen=True)
class Brain:
    """Maps (S, H, W) float32 of S slices. The three tissues are fractions that sum to 1."""

    inside: Map  # bool: brain, or the black around it
    csf: Map  # cerebrospinal fluid
    grey: Map
    white: Map
    lesion: Map  # white-matter hyperintensity, 0 to 1: bright on FLAIR, but no tumour
    vessel: Map  # blood that takes up contrast agent, 0 to 1: bright on T1ce, but no tumour


def draw_brain(rng: np.random.Generator, x: Map, y: Map, z: Map, age: float) -> Brain:
    """Draw a patient's brain at coordinates x, y (S, H, W) and z (S, 1, 1).

    age: 0 to 1; fluid spaces widen and white-matter lesions appear with it.
    """
    x = x + 0.03 * waves(rng, z, 3)
    y = y + 0.03 * waves(rng, z, 3)
    long, wide = rng.uniform(0.95, 1.02), rng.uniform(0.74, 0.82)
    depth = ball((x, y, z), (0, 0, -0.1), (wide * (1 + 0.1 * y), long, 1))
    fold = waves(rng, z, 13, 48)
    ventricle = _ventricles(x, y, z, age)
    midline = np.maximum(soft(np.abs(y) - 0.5, 0.1), soft(z - 0.42, 0.05))
    fissure = soft(0.018 + 0.015 * age - np.abs(x)) * midline
    sulcus = np.exp(-((fold / 0.3) ** 2)) * soft(0.2 + 0.05 * age - depth, 0.06)
    rim = soft(0.02 + 0.02 * age - depth)
    csf = np.maximum.reduce([soft(ventricle), fissure, 0.9 * sulcus, rim])
    ribbon = np.exp(-(fold**2)) * soft(0.32 - depth, 0.05)
    cortex = np.maximum(soft(0.12 - depth), ribbon)
    nuclei = soft(0.2 * ball((np.abs(x), y, z), (0.27, 0.02, 0), (0.14, 0.28, 0.25)))
    grey = (1 - csf) * np.maximum(cortex, nuclei)
    white = 1 - csf - grey
    lesion = white * _lesions(rng, ventricle, y, z, age)
    vessel = _vessels(rng, depth, fissure, x, y, z)
    return Brain(depth > 0, csf, grey, white, lesion, vessel)


def _ventricles(x: Map, y: Map, z: Map, age: float) -> Map:
    """The level set, in units of length, of the two lateral ventricles: a curved pair of horns."""
    across = (np.abs(x) - 0.07 - 0.05 * age - 0.28 * y**2) / (0.06 + 0.06 * age)
    along = (y + 0.02) / (0.42 + 0.1 * age)
    dome = np.sqrt(np.clip(1 - ((z - 0.12) / 0.42) ** 2, 0, None))
    return 0.12 * (dome - np.sqrt(across**2 + along**2))


def _lesions(rng: np.random.Generator, ventricle: Map, y: Map, z: Map, age: float) -> Map:
    """Caps on the horns of the ventricles, and spots in the white matter of older patients."""
    caps = np.exp(-((ventricle / 0.05) ** 2)) * soft(np.abs(y) - 0.28, 0.06)
    spots = soft(waves(rng, z, 14, 48) - rng.uniform(1.7, 2.7), 0.2)
    return np.maximum(age * caps, spots * soft(age - 0.3, 0.2))


def _vessels(rng: np.random.Generator, depth: Map, fissure: Map, x: Map, y: Map, z: Map) -> Map:
    """Veins on the surface, the sagittal sinus at the back, arteries in the fissure."""
    veins = soft(waves(rng, z, 16, 48) - 2, 0.15) * soft(0.25 - depth, 0.04)
    sinus = soft(0.05 * ball((x, y), (0, 0.93), (0.05, 0.06)))
    arteries = 0.7 * fissure * soft(waves(rng, z, 8) - 0.8, 0.2)
    return np.maximum.reduce([veins, sinus, arteries])
