"""A healthy chest as a radiograph shows it: what is thick or dense is bright, air is dark.

The patient's right is on the left of the image, as on a light box. Half the chest is about 0.7 wide
inside. Left out: arms, tubes and wires, pacemakers, the side view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantoms.clinics import Body
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.shapes import Map, X, Y, ball, paint, soft

AIR, FLESH, BELLY = 0.26, 0.84, 0.97  # brightness of lung, heart and abdomen


@dataclass(frozen=True)
class Chest(Body):
    """What findings need to know besides: maps (n, H, W) float32, and two numbers (n, 1, 1)."""

    height: Map  # above the diaphragm
    hilum: Map  # distance from the nearer root of the lungs
    angle: Map  # number: y of the costophrenic angles, where diaphragm and wall meet
    heart: Map  # number: half the width of the heart


def draw_chest(draws: Draws) -> Chest:
    """Draw the chests of the images.

    A third of the patients lie in bed: the heart is nearer to the tube and so wider, the diaphragm
    is high, and the shoulder blades lie over the lungs.
    """
    bed, fat = draws.chance(0.35), draws.uniform(0, 1)
    tilt, size = draws.normal(0, 0.04), draws.normal(1.17, 0.06)
    x = (X - draws.normal(0, 0.04)) / size
    y = (Y - draws.normal(0.1, 0.05)) / size + tilt * x
    x = x - tilt * y
    across = np.abs(x)
    wide, tall = draws.normal(0.71, 0.03), draws.normal(1.08, 0.03)
    wall = wide * ball((x, y), (0, 0.3), (wide, tall))
    angle = draws.normal(0.6, 0.06) - 0.13 * bed
    dome = draws.normal(0.19, 0.03) * (1 - ((across - 0.33) / 0.38) ** 2)
    height = angle - dome + 0.025 * np.sign(x) - y
    hilum = np.sqrt(((across - 0.17) / 0.8) ** 2 + (y + 0.07 - 0.03 * np.sign(x)) ** 2)

    breast = soft(draws.normal(0, 0.06) + 0.3 * ball((across, y), (0.42, 0.36), (0.3, 0.3)), 0.1)
    air = draws.normal(AIR, 0.03) + 0.1 * fat + 0.1 * breast + 0.04 * draws.waves(4)
    tissue = paint(_trunk(draws, across, y, fat), soft(wall), air + _vessels(draws, x, y, hilum))
    tissue = paint(tissue, soft(wall + 0.12, 0.08) * soft(-height), BELLY)
    stomach = 0.3 * ball((x, height), (0.34, -0.1), (0.16, 0.05)) - draws.uniform(0, 0.3)
    tissue = paint(tissue, 0.6 * soft(stomach) * soft(-height - 0.02), AIR)
    heart = draws.normal(0.31, 0.02) * (1 + 0.1 * bed)
    stem = draws.normal(0.12, 0.015) - np.abs(x - 0.01) + 0.12 * soft(-0.55 - y, 0.2)
    arch = 0.1 * ball((x, y), (0.1, -0.32), (0.11, 0.12))
    level = np.maximum.reduce([heart_level(x, y, angle, heart), stem, arch])
    tissue = paint(tissue, soft(level, 0.05), np.maximum(tissue, FLESH))
    trachea = soft(0.035 - np.abs(x + 0.01)) * soft(-0.28 - y, 0.05)
    tissue = paint(tissue, 0.45 * trachea, AIR)
    lung = soft(wall) * soft(height) * soft(-level, 0.05)
    bones = _bones(draws, across, y, wall, bed)
    return Chest(x, y, tissue, bones, lung, wall, height, hilum, angle, heart)


def heart_level(x: Map, y: Map, angle: Map, width: Map) -> Map:
    """The level set of a heart of half-width `width`, which leans on the diaphragm."""
    lean = x - 0.25 * (y - angle + 0.35)
    return width * ball((lean, y), (0.04 + 0.3 * width, angle - 0.3), (width, 0.2 + 0.38 * width))


def _trunk(draws: Draws, across: Map, y: Map, fat: Map) -> Map:
    """Neck, shoulders and sides: thin at the border, thick within."""
    shoulder = draws.normal(-0.8, 0.04) + 0.3 * (across - 0.4) ** 2
    edge = 0.24 + 0.9 * soft(y - shoulder, 0.1) - (0.3 - 0.15 * fat) * soft(y - 0.1, 0.25)
    return soft(edge - across) * (0.5 + 0.27 * soft(edge - across - 0.1, 0.15))


def _vessels(draws: Draws, x: Map, y: Map, hilum: Map) -> Map:
    """What vessels add to the lungs: they radiate from the roots and fade towards the wall."""
    around = np.arctan2(y + 0.07, np.abs(x) - 0.12)
    branches = np.cos(8 * around + 3 * draws.waves(5)) * np.exp(-hilum / 0.3)
    root = np.exp(-((hilum / 0.13) ** 2))
    return draws.normal(0.09, 0.02) * branches + 0.22 * root + 0.03 * draws.waves(14)


def _bones(draws: Draws, across: Map, y: Map, wall: Map, bed: Map) -> Map:
    """Ribs, back and front, collarbones, shoulder blades and spine."""
    rhythm, start = 2 * np.pi / draws.normal(0.18, 0.01), draws.uniform(0, 2 * np.pi)
    back = soft(np.cos(rhythm * (y - 0.6 * (across - 0.2) ** 2) + start) - 0.35, 0.5)
    front = soft(np.cos(rhythm * (y + 0.8 * across) + start) - 0.5, 0.5)
    cage = soft(wall + 0.06, 0.04) * soft(across - 0.08) * soft(0.55 - y, 0.1)
    ribs = cage * (0.09 * back + 0.05 * front * soft(across - 0.25, 0.1))
    line = np.abs(y + 0.5 + 0.2 * across - 0.06 * np.sin(7 * across))
    collar = 0.12 * soft(0.035 - line) * soft(across - 0.1) * soft(0.8 - across)
    edge = across - 0.74 + 0.16 * bed - 0.25 * (y + 0.1)
    blade = 0.08 * soft(edge) * soft(y + 0.6) * soft(0.1 - y)
    spine = 0.07 * soft(0.085 - across) * (0.8 + 0.2 * np.cos(42 * y + start))
    return ribs + collar + blade + spine
