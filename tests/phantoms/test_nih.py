"""The synthetic radiographs have the findings of the real ones: how often, together, and where."""

from __future__ import annotations

import numpy as np
import pytest

from fedmini.data.schema import validate
from data_prep.phantoms import nih
from data_prep.phantoms.chest import draw_chest
from data_prep.phantoms.draws import Draws
from fedmini.rng import numpy_stream
from tests.phantoms.built import built
from tests.phantoms.paired import check_each_finding_is_where_its_mask_says

NAMES = tuple(nih.FINDINGS)


@pytest.fixture(scope="module")
def made():
    dataset, extras = built("nih")
    return dataset, extras["lesions"]


@pytest.fixture(scope="module")
def phantom(made):
    return made[0]


def together(labels: np.ndarray, one: str, other: str) -> float:
    """How many times more often two findings meet than if they knew nothing of each other."""
    first, second = labels[:, NAMES.index(one)], labels[:, NAMES.index(other)]
    return (first * second).mean() / (first.mean() * second.mean())


def test_it_is_a_valid_data_set_that_says_it_is_synthetic(phantom):
    validate(phantom, "phantom")
    assert phantom.synthetic and "SYNTHETIC" in phantom.source
    assert phantom.images.shape[1:] == (1, 64, 64) and phantom.images.dtype == np.uint8
    assert phantom.task == "multilabel" and phantom.classes == NAMES
    assert 3_500 < len(phantom.images) < 4_500


def test_classes_stand_in_the_official_order(phantom):
    official = (
        "Atelectasis|Cardiomegaly|Effusion|Infiltration|Mass|Nodule|Pneumonia|Pneumothorax|"
        "Consolidation|Edema|Emphysema|Fibrosis|Pleural_Thickening|Hernia"
    )
    assert "|".join(phantom.classes) == official


def test_findings_are_as_frequent_as_published_above_the_floor(phantom):
    for name, share in zip(NAMES, phantom.targets.mean(axis=0), strict=True):
        published = nih.FINDINGS[name][0] / nih.PUBLISHED
        assert abs(share - max(published, nih.FLOOR)) < 0.001, name
    nothing = (phantom.targets.sum(axis=1) == 0).mean()
    assert abs(nothing - 60_361 / nih.PUBLISHED) < 0.03


def test_findings_go_together_as_in_life(phantom):
    for one, other in (
        ("Effusion", "Atelectasis"),
        ("Effusion", "Infiltration"),
        ("Effusion", "Cardiomegaly"),
        ("Edema", "Infiltration"),
        ("Mass", "Nodule"),
        ("Emphysema", "Pneumothorax"),
        ("Pneumonia", "Infiltration"),
    ):
        assert together(phantom.targets, one, other) > 1.4, (one, other)
    assert together(phantom.targets, "Emphysema", "Edema") < 1.4


def test_every_split_has_every_finding_and_no_patient_is_in_two(phantom):
    for split in range(3):
        assert (phantom.targets[phantom.split == split].sum(axis=0) > 0).all()
    test = phantom.split == 2
    for column in range(14):
        positive = test & (phantom.targets[:, column] == 1)
        assert len(np.unique(phantom.patient[positive])) >= 8, NAMES[column]
    pairs = np.unique(np.stack([phantom.patient, phantom.split]), axis=1)
    assert pairs.shape[1] == sum(clinic.patients for clinic in nih.CLINICS)


def test_a_patients_findings_stay_more_often_than_not(phantom):
    """The share of a patient's next images that have what the last one had."""
    same = phantom.patient[1:] == phantom.patient[:-1]
    now, after = phantom.targets[:-1][same], phantom.targets[1:][same]
    stay = after[now == 1].mean()
    assert 0.4 < stay < 0.9 and stay > 3 * after[now == 0].mean()
    images = np.bincount(phantom.patient)
    assert images.min() == 1 and 3 < images.max() <= 8 and 2 < images.mean() < 3


def test_hospitals_are_unequal_and_see_more_of_their_specialty(phantom):
    held = np.bincount(phantom.site)
    assert held.max() > 2.5 * held.min()
    for index, clinic in enumerate(nih.CLINICS):
        for name in clinic.specialty:
            column = phantom.targets[:, NAMES.index(name)]
            here, elsewhere = column[phantom.site == index], column[phantom.site != index]
            assert here.mean() > 1.5 * elsewhere.mean(), (clinic.name, name)


def test_a_mask_is_empty_where_there_is_no_finding_and_nowhere_else(made):
    dataset, lesions = made
    assert lesions.shape == dataset.images[:, 0].shape and lesions.dtype == np.uint16
    for bit, labels in enumerate(dataset.targets.T):
        drawn = (lesions >> bit & 1).any(axis=(1, 2))
        assert np.array_equal(drawn, labels == 1), NAMES[bit]


def test_each_finding_is_where_its_mask_says():
    check_each_finding_is_where_its_mask_says(nih, 10, nih.draw_labels, draw_chest, nih.LOOKS)


def test_findings_have_their_places_and_sizes(made):
    dataset, lesions = made
    rows, columns = np.mgrid[:64, :64]

    def masks(name: str) -> np.ndarray:
        bit = NAMES.index(name)
        return (lesions[dataset.targets[:, bit] == 1] >> bit & 1).astype(bool)

    area = {name: np.median(masks(name).sum(axis=(1, 2))) for name in NAMES}
    assert area["Nodule"] < area["Mass"] / 2 < area["Infiltration"] / 2
    assert area["Emphysema"] == max(area.values())
    low = [np.median(rows[mask].mean()) for mask in masks("Effusion")]
    assert min(low) > 24, "fluid falls"
    assert np.median([columns[mask].mean() for mask in masks("Cardiomegaly")]) > 32
    sides = np.array([[mask[:, :32].any(), mask[:, 32:].any()] for mask in masks("Edema")])
    assert sides.all(), "edema is on both sides"


def test_paint_covers_between_nothing_and_all_of_a_pixel():
    patients = np.arange(40)
    chest = draw_chest(Draws(numpy_stream(0, "chest"), patients))
    for name, look in nih.LOOKS.items():
        share, _ = look(chest, Draws(numpy_stream(0, name), patients))
        assert share.shape == chest.tissue.shape and share.min() >= 0 and share.max() <= 1, name
