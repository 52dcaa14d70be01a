"""A scanner of one's own for every hospital: the feature shift of `--scanner-shift`.

Gain, contrast, a smooth bias field and noise, as in the artefact models of MRI (Sled et al. 1998
for the field). Intensities are measured in standard deviations of the data set, so one strength
means the same in any stored unit. Left out: resolution, and artefacts of motion.
"""

import numpy as np
from numpy.random import Generator

from fedmini.data.dataset import stored
from fedmini.data.on_disk import Array, DiskArray, blocks
from fedmini.errors import UserError

GAIN, CONTRAST, FIELD, NOISE = 0.2, 0.2, 0.2, 0.1  # spreads at strength 1


def shift(
    images: Array, mean: np.ndarray, std: np.ndarray, strength: float, generator: Generator
) -> Array:
    """Images (n, C, H, W), uint8 or float16, as another scanner would have stored them.

    `mean` and `std` (C,) are the data set's, in stored units. One scanner is drawn for all images,
    its noise for each. Pixels that are exactly zero, a background without signal, stay zero; at
    strength 0 nothing changes. Raises UserError for images on disk.
    """
    if strength == 0 or len(images) == 0:
        return images
    if isinstance(images, DiskArray):
        line = "needs the images in memory: give --in-memory yes, or a smaller --size"
        raise UserError(f"--scanner-shift {strength} {line}")
    channels, height, width = images.shape[1:]
    spread = generator.standard_normal((2, channels, 1, 1))
    gain = np.exp(GAIN * strength * spread[0])
    gamma = np.exp(CONTRAST * strength * spread[1])
    field = np.exp(FIELD * strength * _smooth(height, width, generator))
    scale = std.reshape(-1, 1, 1).astype(np.float64)
    bright = np.abs(mean).reshape(-1, 1, 1) / scale + 1
    shifted = []
    for block in blocks(images):
        signal = block / scale  # float64
        with np.errstate(over="ignore"):  # infinity is held at the limit of the stored type
            # b lies one deviation above the mean, and the contrast leaves it alone
            # y = gain · field · sign(x) b (|x| / b)^gamma + noise (Eq. 2.3)
            curve = np.sign(signal) * bright * (np.abs(signal) / bright) ** gamma
            noise = NOISE * strength * generator.standard_normal(signal.shape)
            seen = np.where(signal == 0, 0, gain * field * curve + noise) * scale
        shifted.append(stored(seen, images.dtype))
    return np.concatenate(shifted)


def _smooth(height: int, width: int, generator: Generator) -> np.ndarray:
    """(H, W): a random quadratic over the image, of about unit size at its edges."""
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    a, b, c, d, e = generator.standard_normal(5) / 2
    return a * rows + b * columns + c * rows**2 + d * columns**2 + e * rows * columns
