"""Random numbers for many images at once, in which patients differ and their days do a little."""

from __future__ import annotations

import numpy as np

from data_prep.phantoms.shapes import waves

PATIENT, DAY = 0.8, 0.6  # parts of a normal draw's spread; their squares sum to 1


class Draws:
    """Each draw is (n, 1, 1) float32 for n images, whose patients are `patient` (n,)."""

    def __init__(self, rng: np.random.Generator, patient: np.ndarray) -> None:
        self.rng = rng
        self.row = np.unique(patient, return_inverse=True)[1]
        self.patients = int(self.row.max()) + 1

    def uniform(self, low: float, high: float) -> np.ndarray:
        """The same in all images of a patient."""
        own = self.rng.uniform(low, high, self.patients)[self.row]
        return own.astype(np.float32)[:, None, None]

    def normal(self, mean: float, spread: float) -> np.ndarray:
        """Mostly the patient's, partly the day's."""
        own = self.rng.standard_normal(self.patients)[self.row]
        day = self.rng.standard_normal(len(self.row))
        drawn = mean + spread * (PATIENT * own + DAY * day)
        return drawn.astype(np.float32)[:, None, None]

    def chance(self, share: float) -> np.ndarray:
        """1 for this share of the patients, 0 for the others."""
        return (self.uniform(0, 1) < share).astype(np.float32)

    def side(self) -> np.ndarray:
        """-1 or 1, left or right in the image: the same in all images of a patient."""
        return 2 * self.chance(0.5) - 1

    def waves(self, frequency: float, count: int = 24) -> np.ndarray:
        """A smooth random field (n, H, W), the same in all images of a patient."""
        own = [waves(self.rng, 0, frequency, count) for _ in range(self.patients)]
        return np.stack(own).astype(np.float32)[self.row]
