"""A prepared ChestX-ray14 promises: every finding under its name, no patient on two sides."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from data_prep.raster_case import Batch
from fedmini.errors import UserError
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real

real("findings", "data_prep.nih_table:findings")
real("split_rows", "data_prep.nih_split:split_rows")
real("squares", "data_prep.raster_case:Squares")

SEEDS = st.integers(0, 2**70)
OFFICIAL = (
    "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax "
    "Consolidation Edema Emphysema Fibrosis Pleural_Thickening Hernia"
).split()
PATIENTS = st.lists(st.integers(1, 12), min_size=1, max_size=40)
SHARES = st.sampled_from([(0.1, 0.2), (0.0, 0.0), (0.0, 0.5), (0.3, 0.0), (0.4, 0.5)])


@law("findings", columns=st.lists(st.integers(0, 13), unique=True, min_size=1, max_size=5))
def law_a_finding_keeps_its_name(impl, columns):
    text = "|".join(OFFICIAL[column] for column in columns)
    assert sorted(impl(text)) == sorted(columns), text


@law("findings", finding=st.sampled_from(OFFICIAL))
def law_no_finding_is_no_finding(impl, finding):
    assert len(impl("No Finding")) == 0
    for text in (f"No Finding|{finding}", f"{finding}|No Finding"):
        try:
            impl(text)
        except UserError:
            continue
        raise AssertionError(f"{text} was believed")


@law(
    "findings",
    finding=st.sampled_from(OFFICIAL),
    change=st.sampled_from([str.lower, "".format, "{}|".format, "Mass|{}s".format]),
)
def law_what_is_no_finding_is_refused(impl, finding, change):
    try:
        impl(change(finding))
    except UserError:
        return
    raise AssertionError(f"{change(finding)!r} was taken for findings")


@law("split_rows", patients=PATIENTS, share=SHARES, seed=SEEDS, testing=st.integers(0, 12))
def law_a_patient_is_in_one_split(impl, patients, share, seed, testing):
    """All patients up to `testing` are listed as such by the publisher."""
    patient = np.array(patients)
    split = impl(patient, patient <= testing, *share, seed)
    assert split.shape == patient.shape and split.dtype == np.uint8
    pairs = set(zip(patients, split.tolist(), strict=True))
    assert len(pairs) == len(set(patients)), "a patient is on two sides"
    if (patient > testing).any():
        assert 0 in split, "nobody to train on"


@law("split_rows", patients=PATIENTS, validation=st.sampled_from([0.0, 0.2, 0.5]), seed=SEEDS)
def law_the_published_test_split_is_kept(impl, patients, validation, seed):
    patient = np.array(patients)
    listed = patient % 3 == 0
    split = impl(patient, listed, validation, 0.0, seed)
    assert ((split == 2) == listed).all(), "not the publisher's test split"
    others = len(set(patient[~listed].tolist()))
    found = len(set(patient[split == 1].tolist()))
    assert abs(found - validation * others) <= 0.5, "not the share of patients asked for"


class Gray(NamedTuple):
    """A picture that needs no file; none is a broken one."""

    name: str
    path: Path
    pixels: np.ndarray | None


def gray(picture: Gray) -> np.ndarray:
    if picture.pixels is None:
        raise UserError(f"{picture.path.name}: is torn")
    return picture.pixels


@law("squares", torn=st.lists(st.booleans(), min_size=1, max_size=9), seed=SEEDS)
def law_a_broken_image_takes_no_row(impl, torn, seed):
    draw = numpy_stream(seed)
    pixels = [None if each else draw.integers(0, 256, (6, 6), np.uint8) for each in torn]
    pictures = [Gray(f"{n}", Path(f"{n}.png"), each) for n, each in enumerate(pixels)]
    rows = impl(6, gray)(Batch(pictures))
    whole = [each for each in pixels if each is not None]
    images = rows.arrays["images"]
    assert images.dtype == np.uint8 and images.shape == (len(whole), 1, 6, 6)
    assert all((image[0] == each).all() for image, each in zip(images, whole)), "rows have moved"
    assert rows.broken == {f"{n}": "is torn" for n, each in enumerate(torn) if each}


@law("squares", count=st.integers(1, 5), size=st.sampled_from([2, 17]), seed=SEEDS)
def law_sums_are_exact(impl, count, size, seed):
    """Of images as bright as can be, too."""
    draw = numpy_stream(seed)
    pixels = draw.integers(draw.choice([0, 250]), 256, (count, size, size), np.uint8)
    pictures = [Gray(f"{n}", Path(f"{n}.png"), each) for n, each in enumerate(pixels)]
    rows = impl(size, gray)(Batch(pictures))
    exact = pixels.astype(object)
    totals, squares = rows.facts["sums"]
    assert totals == exact.sum(axis=(1, 2)).tolist()
    assert squares == (exact**2).sum(axis=(1, 2)).tolist(), "squares do not fit their type"
