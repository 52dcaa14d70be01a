"""What all phantoms are drawn with: a square field of pixels, smooth random fields, soft borders.

The field is centred at the origin, x running from left to right and y from top to bottom. Shapes
are level sets, positive inside and negative outside; `soft` turns them into shares of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIZE = 64  # pixels
FIELD = 1.12  # half the field of view
LINE = np.linspace(-FIELD, FIELD, SIZE, dtype=np.float32)
PIXEL = float(LINE[1] - LINE[0])
Y, X = np.meshgrid(LINE, LINE, indexing="ij")

Map = np.ndarray  # one number a pixel, for several slices (S, H, W) or images (n, H, W)
Point = Sequence[Map | float]  # coordinates: two or three


def waves(rng: np.random.Generator, z: Map | float, frequency: float, count: int = 24) -> Map:
    """A smooth random field (S, H, W) at heights z (S, 1, 1): zero mean, unit variance.

    The sum of `count` plane waves in random directions (Shinozuka 1971), `frequency` in radians a
    unit of length: f(p) = sqrt(2 / count) * sum_j cos(k_j p + phase_j).
    """
    kx, ky, kz = rng.normal(0, frequency, (3, count)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    rows = LINE[:, None] * ky + z * kz + phase
    columns = kx[:, None] * LINE
    # cos(a + b) = cos a cos b - sin a sin b turns the sum over waves into a matrix product
    product = np.cos(rows) @ np.cos(columns) - np.sin(rows) @ np.sin(columns)
    return np.sqrt(2 / count) * product


def soft(level: Map, width: float = PIXEL) -> Map:
    """0 far below the level 0, 1 far above it, one half on it: a border with partial volume."""
    return 0.5 + 0.5 * np.tanh(level / width)


def ball(point: Point, centre: Point, radii: Point) -> Map:
    """The level set of an ellipsoid: 1 at its centre, 0 on its surface, negative outside."""
    parts = [((p - c) / r) ** 2 for p, c, r in zip(point, centre, radii, strict=True)]
    return 1 - np.sqrt(sum(parts))


def paint(image: Map, share: Map, tone: Map | float) -> Map:
    """The image, covered by a share 0 to 1 of brightness `tone`."""
    return image + share * (tone - image)
