"""Phantoms drawn patient by patient: a body, findings planted in it, what a detector records of it.

Every finding has draws of its own, so that it can be left out and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.phantoms.draws import Draws
from data_prep.phantoms.hospitals import key_of
from data_prep.phantoms.shapes import SIZE, Map, paint
from fedmini.rng import numpy_stream

MOST = 8  # images of a patient
VISIBLE = 0.02  # a finding is where it changes the brightness by more; the belly's is about 1


@dataclass(frozen=True)
class Clinic:
    """Whom a hospital sees, and its detector."""

    name: str
    patients: int
    specialty: tuple[str, ...]  # what it sees more often than other hospitals
    gamma: float  # of the tone curve; 1 is linear
    noise: float  # standard deviation in the brightest parts, which the fewest rays pass
    fog: float  # what scattered rays add to black; white is 1
    stray: float = 1.0  # how far its exposures differ; CT is calibrated, films are not


@dataclass(frozen=True)
class Body:
    """Maps (n, H, W) float32 of n images; half the field of view is about one unit of length."""

    x: Map  # coordinates in the body
    y: Map
    tissue: Map  # brightness of everything but bones, 0 to about 1
    bones: Map  # what bones add to it
    lung: Map  # share of a pixel that is lung with nothing but chest wall before it
    wall: Map  # distance from the chest wall, inward


Paint = tuple[Map, Map | float]  # the share of each pixel that is covered, and how bright it gets
Finding = Callable[[Body, Draws], Paint]


def draw(
    name: str,
    clinics: Sequence[Clinic],
    plan: Callable[[Draws, Sequence[Clinic]], np.ndarray],
    anatomy: Callable[[Draws], Body],
    findings: Mapping[str, Finding],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Patient (N,), images (N, 1, H, W) uint8, present (N, F) uint8, lesions (N, H, W) uint16.

    `plan` says which of the N images has which of the F findings, given the clinic of each. Bit f
    of `lesions` is set where finding f changes a pixel; where it changes none, behind the heart
    say, it is not present.
    """
    key = key_of(name)
    home = [clinic for clinic in clinics for _ in range(clinic.patients)]
    visits = numpy_stream(key, "visits").geometric(0.38, len(home)).clip(max=MOST)
    patient = np.repeat(np.arange(len(home)), visits)
    present = plan(Draws(numpy_stream(key, "labels"), patient), [home[each] for each in patient])
    images = np.empty((len(patient), 1, SIZE, SIZE), np.uint8)
    lesions = np.zeros((len(patient), SIZE, SIZE), np.uint16)
    for number, clinic in enumerate(home):
        own = patient == number
        draws = Draws(numpy_stream(key, "body", number), patient[own])
        body = anatomy(draws)
        tissue = body.tissue
        # from the last to the first, so that fluid covers clouds and not the other way round
        for bit, finding in reversed(list(enumerate(findings))):
            has = present[own, bit, None, None]
            if has.any():
                apart = Draws(numpy_stream(key, finding, number), patient[own])
                share, tone = findings[finding](body, apart)
                before, tissue = tissue, paint(tissue, has * share, tone)
                changed = np.abs(tissue - before) > VISIBLE
                lesions[own] |= changed.astype(np.uint16) << np.uint16(bit)
                present[own, bit] = changed.any(axis=(1, 2))
        images[own, 0] = expose(draws, tissue + body.bones, clinic)
    return patient, images, present, lesions


def expose(draws: Draws, brightness: Map, clinic: Clinic) -> np.ndarray:
    """What the detector records, (n, H, W) uint8: too dark or too bright, foggy and grainy."""
    curve = (brightness / 1.1) ** (clinic.gamma * np.exp(clinic.stray * draws.normal(0, 0.08)))
    fog = clinic.fog + clinic.stray * draws.uniform(0, 0.1)
    seen = fog + (1 - fog) * np.exp(clinic.stray * draws.normal(0, 0.06)) * curve
    grain = draws.rng.standard_normal(brightness.shape, np.float32)
    seen = seen + clinic.noise * (0.4 + 0.6 * brightness) * grain
    return np.rint(255 * seen.clip(0, 1)).astype(np.uint8)
