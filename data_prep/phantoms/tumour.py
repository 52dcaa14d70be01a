"""A glioma for a brain-like phantom: oedema around a core, in the core a rim around necrosis.

High-grade tumours have an enhancing rim, broken in places, around a necrotic centre; low-grade ones
a core that takes up no contrast agent and carries the same label as necrosis, as in BraTS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantoms.brain import Brain
from data_prep.phantoms.shapes import PIXEL, Map, X, Y, ball, soft, waves

BACKGROUND, NECROTIC, OEDEMA, ENHANCING = range(4)


@dataclass(frozen=True)
class Plan:
    """Where a tumour will grow: centre (3,), radii (3,) in half brain lengths, and its grade."""

    centre: np.ndarray
    radii: np.ndarray
    high_grade: bool


@dataclass(frozen=True)
class Tumour:
    """Maps (S, H, W): shares 0 to 1 of the signal, nested, and class indices uint8."""

    whole: np.ndarray
    core: np.ndarray
    necrosis: np.ndarray
    labels: np.ndarray


def plan(rng: np.random.Generator, size: float, high_grade: bool) -> Plan:
    """Choose a place in one hemisphere for a tumour of mean radius `size`."""
    side = rng.choice([-1, 1])
    centre = rng.uniform((0.2, -0.6, -0.25), (0.52, 0.6, 0.4)) * (side, 1, 1)
    return Plan(centre, size * np.exp(rng.normal(0, 0.15, 3)), high_grade)


def displace(rng: np.random.Generator, z: Map, tumour: Plan) -> tuple[Map, Map]:
    """Mass effect: the coordinates x, y (S, H, W) at which healthy tissue is now found."""
    size = float(tumour.radii.mean())
    dx, dy, dz = (axis - c for axis, c in zip((X, Y, z), tumour.centre, strict=True))
    distance = (dx**2 + dy**2 + dz**2) / (1.2 * size) ** 2
    push = rng.uniform(0.1, 0.35) * np.exp(-distance / 2)
    return X - push * dx, Y - push * dy


def grow(rng: np.random.Generator, z: Map, tumour: Plan, brain: Brain) -> Tumour:
    """Draw the tumour: oedema follows the white matter and spares the fluid spaces."""
    rough = 0.16 * waves(rng, z, 5) + 0.08 * waves(rng, z, 12, 48)
    along = 0.35 * (brain.white - 0.6) - 0.6 * brain.csf
    whole = ball((X, Y, z), tumour.centre, tumour.radii) + rough + along

    shift = rng.normal(0, 0.12, 3) * tumour.radii
    share = rng.uniform(0.45, 0.8)
    core = ball((X, Y, z), tumour.centre + shift, share * tumour.radii)
    core = np.minimum(core + 0.15 * waves(rng, z, 7), 0.8 * whole + 0.1)
    if tumour.high_grade:
        rim = rng.uniform(0.2, 0.7)
        necrosis = np.minimum(core - rim + 0.12 * waves(rng, z, 9, 32), core - 0.08)
    else:
        necrosis = core + 1

    labels = np.where(core > 0, np.where(necrosis > 0, NECROTIC, ENHANCING), OEDEMA)
    labels = np.where((whole > 0) & brain.inside, labels, BACKGROUND).astype(np.uint8)
    width = 1.2 * PIXEL / float(tumour.radii.mean())
    return Tumour(soft(whole, 1.4 * width), soft(core, width), soft(necrosis, width), labels)
