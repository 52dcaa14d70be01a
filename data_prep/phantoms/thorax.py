"""A slice through a chest as CT shows it in a lung window, seen from the feet, the spine below.

Left out: arms beside the body, contrast agent, the window for soft tissue.
"""

from __future__ import annotations

import numpy as np

from data_prep.phantoms.chest import FLESH
from data_prep.phantoms.clinics import Body, Paint
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.shapes import X, Y, ball, paint, soft

AIR, FAT = 0.2, 0.68  # brightness of lung, and of what lies under the skin


def draw_thorax(draws: Draws) -> Body:
    """Draw slices at random heights `low`: 0 above the heart, 1 through the domes of the liver."""
    low, fat = draws.normal(0.5, 0.25).clip(0, 1), draws.uniform(0, 1)
    size, tilt = draws.normal(1, 0.05), draws.normal(0, 0.05)
    x, y = (X - draws.normal(0, 0.03)) / size, (Y - draws.normal(0, 0.04)) / size
    x, y = x + tilt * y, y - tilt * x
    across = np.abs(x)
    skin = 0.9 * ball((x, y), (0, 0), (1.03, 0.84 + 0.06 * fat)) + 0.02 * draws.waves(3)
    inside = 0.68 + 0.2 * low - 0.05 * fat, 0.6 + 0.12 * low
    wall = 0.7 * ball((x, y), (0, 0.02), inside) + 0.02 * draws.waves(4)
    heart = 0.3 * ball((x, y), (0.13, -0.24), (0.37, 0.36)) - np.maximum(0.35 - low, 0)
    liver = 0.3 * ball((x, y), (-0.45, -0.05), (0.36, 0.42)) - np.maximum(0.85 - low, 0)
    stem = 0.12 + 0.04 * draws.waves(3) - across
    aorta = 0.1 * ball((x, y), (0.14, 0.24), (0.1, 0.1))
    back = 0.2 * ball((x, y), (0, 0.56), (0.2, 0.24))
    solid = np.maximum.reduce([stem, heart, liver, aorta, back])
    lung = soft(wall) * soft(-solid)
    hilum = np.sqrt((across - 0.22) ** 2 + (y + 0.04) ** 2)
    vessels = 0.6 * soft(draws.waves(22, 48) - 0.8 - 1.3 * hilum, 0.3)
    # where the patient lies, blood and half-open lung make the air denser
    air = draws.normal(AIR, 0.03) + draws.uniform(0, 0.1) * soft(y - 0.2, 0.2) + vessels
    muscle = paint(FAT, soft(skin - 0.05 - 0.1 * fat), FLESH)
    tissue = paint(soft(skin) * muscle, lung, air)
    airways = 0.07 * ball((across, y), (0.13 * soft(low - 0.35, 0.1), -0.04), (0.07, 0.07))
    tissue = paint(tissue, soft(airways - 0.06 * low), 0.0)
    rhythm = soft(np.cos(12 * np.arctan2(y, across) + 9 * low), 0.5)
    ribs = rhythm * np.exp(-(((wall + 0.07) / 0.04) ** 2))
    spine = soft(0.13 * ball((x, y), (0, 0.54), (0.15, 0.12)))
    bones = 0.2 * np.maximum(ribs, spine)
    return Body(x, y, tissue, bones, lung, wall)


def covid(body: Body, draws: Draws) -> Paint:
    """Ground glass in both lungs, along the wall and towards the back, consolidated in spots."""
    place = 1.2 * np.exp(-body.wall / 0.15) + soft(body.y - 0.05, 0.25)
    spots = soft(draws.waves(6) + place - draws.uniform(0.8, 1.5), 0.25)
    dense = 1 + draws.uniform(0, 0.5) * soft(draws.waves(9) - 0.8, 0.3)
    return draws.uniform(0.4, 0.65) * spots * dense * body.lung, FLESH
