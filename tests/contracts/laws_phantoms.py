"""Laws about phantoms with planted findings: masks tell the truth, patients stay together.

They are drawn with a toy: a grey square, a finding in its left half and one in its right half.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fedmini.data.dataset import TEST, TRAIN, VALIDATION
from data_prep.phantoms.clinics import Body, Clinic
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.nih import CLINICS, FINDINGS, FLOOR, PUBLISHED
from data_prep.phantoms.shapes import X, ball, soft
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real

real("draw", "data_prep.phantoms.clinics:draw")
real("assemble", "data_prep.phantoms.hospitals:assemble")
real("draw_labels", "data_prep.phantoms.nih:draw_labels")

NAMES = st.text("abcdef", min_size=1, max_size=4)
COUNTS = st.lists(st.integers(4, 12), min_size=1, max_size=3)


def clinics(counts: list[int]) -> list[Clinic]:
    return [Clinic(f"clinic {n}", count, (), 1.0, 0.02, 0.05) for n, count in enumerate(counts)]


def square(draws: Draws) -> Body:
    x = X - draws.normal(0, 0.02)
    grey = np.full_like(x, 0.5)
    return Body(x, x, grey, 0.1 * soft(draws.waves(8)), grey, grey)


def disc(side: int):
    """A bright disc at a random height, on one side."""

    def look(body: Body, draws: Draws):
        height = draws.uniform(-0.5, 0.5)
        y = np.swapaxes(X, -1, -2) - height
        return soft(0.3 * ball((body.x - 0.5 * side, y), (0, 0), (0.3, 0.3))), 0.9

    return look


def hidden(body: Body, draws: Draws):
    """Paint too thin to be seen."""
    return 0.1 * body.lung, body.tissue + 0.2


LOOKS = {"left": disc(-1), "right": disc(1)}


def plan(draws: Draws, where: list[Clinic]) -> np.ndarray:
    return np.stack([draws.normal(0, 1).ravel() > 0 for _ in LOOKS], axis=1).astype(np.uint8)


def only(finding: int):
    """The plan in which nobody has the other finding."""
    return lambda draws, where: plan(draws, where) * (np.arange(len(LOOKS)) == finding)


@law("draw", name=NAMES, counts=COUNTS)
def law_a_lesion_is_where_its_label_says(impl, name, counts):
    patient, images, present, lesions = impl(name, clinics(counts), plan, square, LOOKS)
    assert len(patient) == len(images) == len(present) == len(lesions)
    left, right = np.split(lesions, 2, axis=2)
    for bit, (own, other) in enumerate([(left, right), (right, left)]):
        assert np.array_equal((own >> bit & 1).any(axis=(1, 2)), present[:, bit] == 1)
        assert not (other >> bit & 1).any()


@law("draw", name=NAMES, counts=COUNTS)
def law_a_finding_that_nobody_can_see_is_not_there(impl, name, counts):
    looks = {"hidden": hidden, **LOOKS}

    def all_have_it(draws, where):
        return np.insert(plan(draws, where), 0, 1, axis=1)

    _, _, present, lesions = impl(name, clinics(counts), all_have_it, square, looks)
    for bit in range(len(looks)):
        assert np.array_equal((lesions >> bit & 1).any(axis=(1, 2)), present[:, bit] == 1)


@law("draw", name=NAMES, counts=COUNTS, kept=st.integers(0, 1))
def law_a_finding_left_out_changes_nothing_else(impl, name, counts, kept):
    _, images, _, lesions = impl(name, clinics(counts), plan, square, LOOKS)
    _, fewer, _, others = impl(name, clinics(counts), only(kept), square, LOOKS)
    assert np.array_equal(others, lesions & (1 << kept))
    far = slice(0, 24) if kept == 0 else slice(40, 64)  # from the finding that is left out
    assert np.array_equal(images[..., far], fewer[..., far])


@law("draw", name=NAMES, counts=COUNTS)
def law_phantoms_are_the_same_every_time(impl, name, counts):
    first, second = (impl(name, clinics(counts), plan, square, LOOKS) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@law("draw", name=NAMES, counts=COUNTS)
def law_a_patient_looks_alike_every_day(impl, name, counts):
    """A little is the day's, but the body is nobody else's."""
    patient, images, *_ = impl(name, clinics(counts), only(2), square, LOOKS)
    patterns = images.reshape(len(images), -1).astype(float)
    alike = np.corrcoef(patterns)
    same = patient[:, None] == patient
    assert alike[same].min() > 0.4 and np.abs(alike[~same]).mean() < 0.3


@law("assemble", counts=COUNTS, images=st.integers(1, 5))
def law_each_hospital_splits_its_patients(impl, counts, images):
    patient = np.repeat(np.arange(sum(counts)), images)
    pixels = numpy_stream("pixels", images).integers(0, 255, (len(patient), 1, 2, 2), np.uint8)
    content = {"task": "binary", "classes": ("no", "yes"), "regions": {}}
    made = impl("toy", clinics(counts), patient, pixels, targets=pixels[:, 0, 0, :1], **content)
    assert len(np.unique(np.stack([patient, made.split]), axis=1)[0]) == sum(counts)
    for site, count in enumerate(counts):
        split = np.bincount(made.split[made.site == site], minlength=3) / images
        assert split.sum() == count
        assert split[TEST] == round(0.3 * count) and split[VALIDATION] == max(1, round(count / 10))
    training = pixels[made.split == TRAIN].astype(float)
    assert np.isclose(made.mean, training.mean(), rtol=1e-5)
    assert np.isclose(made.std, training.std(), rtol=1e-4)


@law("draw_labels", key=st.integers(0, 2**70), images=st.integers(100, 400))
def law_findings_are_as_frequent_as_published_above_the_floor(impl, key, images):
    patient = np.arange(images) // 3
    labels = impl(Draws(numpy_stream(key), patient), [CLINICS[each % 6] for each in patient])
    for column, (count, _) in zip(labels.T, FINDINGS.values(), strict=True):
        assert column.sum() == round(max(count / PUBLISHED, FLOOR) * images)
    same = patient[1:] == patient[:-1]
    now, after = labels[:-1][same] == 1, labels[1:][same] == 1
    assert (now & after).sum() > 0.25 * now.sum(), "most of a patient's findings stay"
