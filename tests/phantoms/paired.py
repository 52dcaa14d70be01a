"""The same phantoms with a finding and without it: what changes, and where it is said to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType

import numpy as np

from data_prep.phantoms.clinics import draw

LARGEST = 9  # grey levels: what a change of VISIBLE becomes on the steepest tone curve


def without(finding: int, plan: Callable) -> Callable:
    """The plan in which nobody has a finding, all else being equal."""

    def bare(draws, clinics):
        present = plan(draws, clinics).copy()
        present[:, finding] = 0
        return present

    return bare


def check_each_finding_is_where_its_mask_says(
    module: ModuleType, patients: int, plan: Callable, anatomy: Callable, looks: dict
) -> None:
    """With a finding and without it images differ in its mask and, visibly, nowhere else.

    Drawn with this many patients at each of the module's clinics.
    """
    clinics = [dataclasses.replace(clinic, patients=patients) for clinic in module.CLINICS]
    _, images, present, lesions = draw("paired", clinics, plan, anatomy, looks)
    for bit, name in enumerate(looks):
        _, bare, _, others = draw("paired", clinics, without(bit, plan), anatomy, looks)
        change = np.abs(images.astype(int) - bare)[:, 0]
        mask = (lesions >> bit & 1).astype(bool)
        assert not (others >> bit & 1).any()
        has = present[:, bit] == 1
        assert has.any() and not change[~has].any(), f"{name} changes images that are without it"
        assert change[~mask].max() <= LARGEST, f"{name} changes pixels outside its mask"
        inside = np.array([image[own].mean() for image, own in zip(change[has], mask[has])])
        assert np.median(inside) > LARGEST, f"{name} can hardly be seen"
