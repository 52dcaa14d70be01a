"""The fourteen findings of ChestX-ray14, each with its place and its look in a phantom chest.

A finding is the paint that it puts over the tissue: `name(chest, draws)` gives the share 0 to 1 of
each pixel that it covers, and the brightness with which it does.

Left out: old and healed forms, and what several findings do to one another.
"""

from __future__ import annotations

import numpy as np

from data_prep.phantoms.chest import AIR, FLESH, Chest, heart_level
from data_prep.phantoms.clinics import Body, Finding, Paint
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.shapes import ball, soft

Range = tuple[float, float]  # lowest and highest, one draw a patient


def cloud(
    radius: Range, share: Range, rough: float, border: float,
    bronchi: float = 0.0, tone: float = FLESH,
) -> Finding:  # fmt: skip
    """A finding that is a spot in a lung, anywhere in it; a rough one may reach the other lung.

    rough: how far its outline strays from an ellipse; border: the width over which it fades;
    bronchi: how much of the air in them shows through it.
    """

    def spot(body: Body, draws: Draws) -> Paint:
        size = draws.uniform(*radius)
        # somewhat to the right of the image, where the heart takes half of the lung
        centre = 0.08 + draws.side() * draws.uniform(0.3, 0.5), draws.uniform(-0.4, 0.3)
        level = ball((body.x, body.y), centre, (size, 1.15 * size)) + rough * draws.waves(7)
        spared = bronchi * soft(np.abs(draws.waves(12)) - 1.2, 0.3)
        return draws.uniform(*share) * soft(size * level, border) * (1 - spared) * body.lung, tone

    return spot


# Faint and without outline; denser, in a segment; as dense as the heart, with air in the bronchi;
# a lump; a small spot, often with lime in it. The first three are hard to tell apart, as in life.
infiltration = cloud((0.24, 0.4), (0.3, 0.5), rough=0.5, border=0.25)
pneumonia = cloud((0.22, 0.34), (0.4, 0.7), rough=0.4, border=0.16)
consolidation = cloud((0.22, 0.34), (0.6, 0.9), rough=0.3, border=0.06, bronchi=0.35)
mass = cloud((0.15, 0.23), (0.8, 1.0), rough=0.1, border=0.04)
nodule = cloud((0.09, 0.12), (0.8, 1.0), rough=0.0, border=0.03, tone=FLESH + 0.25)


def atelectasis(chest: Chest, draws: Draws) -> Paint:
    """A collapsed base: a plate of dense lung, and the diaphragm drawn up."""
    beside, slope = chest.x * draws.side(), draws.uniform(-0.3, 0.3)
    line = chest.y - chest.angle + draws.uniform(0.22, 0.4) + slope * (beside - 0.4)
    plate = soft(draws.normal(0.045, 0.006) - np.abs(line)) * soft(beside - 0.12, 0.06)
    raised = soft(draws.normal(0.1, 0.04) - chest.height) * soft(beside)
    return draws.uniform(0.7, 1) * np.maximum(plate, raised) * chest.lung, FLESH


def cardiomegaly(chest: Chest, draws: Draws) -> Paint:
    """A heart wider than half the chest."""
    level = heart_level(chest.x, chest.y, chest.angle, chest.heart * draws.normal(1.45, 0.08))
    return soft(level, 0.05) * soft(chest.height), FLESH


def effusion(chest: Chest, draws: Draws) -> Paint:
    """Fluid on one side or both: it fills the costophrenic angle and climbs the wall."""
    meniscus = np.exp(draws.normal(-1.3, 0.4)) * (0.5 + 1.2 * np.exp(-chest.wall / 0.12))
    sides = np.maximum(draws.chance(0.4), soft(chest.x * draws.side()))
    return 0.9 * soft(chest.y - chest.angle + meniscus) * sides * chest.lung, FLESH


def pneumothorax(chest: Chest, draws: Draws) -> Paint:
    """Air around one lung, widest at the top: dark, without vessels, behind a thin white line."""
    edge = draws.normal(0.2, 0.04) * soft(0.3 - chest.y, 0.4) - chest.wall
    share = 0.95 * soft(edge + 0.03) * soft(chest.x * draws.side()) * chest.lung
    return share, AIR - 0.18 + 0.4 * np.exp(-((edge / 0.03) ** 2))


def edema(chest: Chest, draws: Draws) -> Paint:
    """Water around both roots of the lungs: the wings of a bat."""
    wings = np.exp(-((chest.hilum / draws.normal(0.36, 0.04)) ** 2))
    fluffy = 0.7 + 0.6 * soft(draws.waves(12), 1)
    return draws.uniform(0.4, 0.7) * wings * fluffy * chest.lung, FLESH


def emphysema(chest: Chest, draws: Draws) -> Paint:
    """Too much air: dark lungs with few vessels, down to a flattened diaphragm."""
    flat = draws.uniform(0.3, 0.9)
    floor = flat * (chest.angle - draws.normal(0.02, 0.02) - chest.y) + (1 - flat) * chest.height
    below = 0.9 * soft(floor) * soft(0.04 - chest.height) * soft(chest.wall)
    behind = soft(np.abs(chest.x) - 0.2)
    return np.maximum(below * behind, draws.uniform(0.3, 0.6) * chest.lung), AIR - 0.14


def fibrosis(chest: Chest, draws: Draws) -> Paint:
    """A net of scars in a veil, towards the base and the wall."""
    net = 0.35 + 0.65 * np.exp(-((draws.waves(14, 48) / 0.45) ** 2))
    where = np.minimum(soft(0.22 - chest.wall, 0.15) + soft(0.3 - chest.height, 0.15), 1)
    return draws.uniform(0.7, 1) * net * where * chest.lung, FLESH


def pleural_thickening(chest: Chest, draws: Draws) -> Paint:
    """A white band along a stretch of the wall, on one side."""
    along = (chest.y - draws.uniform(-0.2, 0.3)) / draws.uniform(0.4, 0.6)
    band = soft(draws.normal(0.16, 0.02) * np.exp(-(along**4)) - chest.wall)
    return draws.uniform(0.8, 1) * band * soft(chest.x * draws.side()) * chest.lung, FLESH


def hernia(chest: Chest, draws: Draws) -> Paint:
    """Stomach behind the heart: a round wall, mostly a bubble of air above a level of fluid."""
    size, low = draws.normal(0.21, 0.03), chest.y - chest.angle + 0.2
    level = size * ball((chest.x, low), (draws.uniform(-0.05, 0.15), 0), (size, size))
    bubble = draws.chance(0.85) * soft(level - 0.045) * soft(draws.uniform(-0.03, 0.04) - low)
    return soft(level), FLESH + 0.12 - 0.55 * bubble
