"""Laws about Dice and about the segmentation task; the oracles count pixels one by one."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

from fedmini.metrics import dice
from fedmini.rng import numpy_stream, stream

real("dice", "fedmini.metrics:dice")
real("segmentation", "fedmini.tasks.segmentation:Segmentation")

KEYS = st.integers(0, 2**40)
CLASSES = ("background", "necrotic core", "oedema", "enhancing")
REGIONS = {"whole": (1, 2, 3), "core": (1, 3), "enhancing": (3,)}


def masks(key: int, images: int, side: int = 4, empty: float = 0.3) -> np.ndarray:
    """(images, side, side) class indices; each class is missing from some images."""
    draw = numpy_stream(key, "masks")
    found = draw.integers(0, 4, (images, side, side))
    missing = draw.random((images, 4)) < empty
    return np.where(missing[np.arange(images)[:, None, None], found], 0, found).astype(np.uint8)


def counted(pred: np.ndarray, target: np.ndarray, labels: tuple[int, ...]) -> float:
    """Dice from sets of pixel positions."""
    inside = {place for place, label in np.ndenumerate(pred) if label in labels}
    truth = {place for place, label in np.ndenumerate(target) if label in labels}
    if not inside and not truth:
        return 1.0
    return 2 * len(inside & truth) / (len(inside) + len(truth))


def sure(prediction: np.ndarray) -> torch.Tensor:
    """Logits (B, 4, H, W) whose largest is the predicted class."""
    return torch.nn.functional.one_hot(torch.tensor(prediction).long(), 4).movedim(3, 1) * 5.0


def evidence(task, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return task.evidence(sure(prediction), torch.tensor(target)).numpy()


@law("dice", key=KEYS, labels=st.sampled_from([1, 3, (1,), (1, 3), [2, 3], {1, 2, 3}]))
def law_dice_counts_pixels(impl, key, labels):
    pred, target = masks(key, 3), masks(key + 1, 3)
    expected = counted(pred, target, (labels,) if isinstance(labels, int) else tuple(labels))
    assert math.isclose(impl(pred, target, labels), expected)
    assert math.isclose(impl(torch.tensor(target), torch.tensor(pred), labels), expected)


@law("dice", sides=st.tuples(st.booleans(), st.booleans()))
def law_dice_of_the_empty(impl, sides):
    pred, target = (np.full((2, 2), 3 if full else 0, np.uint8) for full in sides)
    assert impl(pred, target, (1, 3)) == (1.0 if sides[0] == sides[1] else 0.0)


@law("dice", rows=st.integers(2, 4))
def law_dice_refuses_other_shapes(impl, rows):
    try:
        impl(np.ones((rows, rows)), np.ones((1, rows)), 1)
    except ValueError:
        return
    raise AssertionError("arrays of different shapes were compared")


@law("segmentation", key=KEYS)
def law_evidence_counts_each_image(impl, key):
    pred, target = masks(key, 3), masks(key + 1, 3)
    found = evidence(impl(CLASSES, REGIONS), pred, target)
    assert found.shape == (3, 3, 3)
    for image, region in np.ndindex(3, 3):
        inside, truth = (
            np.isin(each[image], tuple(REGIONS.values())[region]) for each in (pred, target)
        )
        expected = [(inside & truth).sum(), inside.sum(), truth.sum()]
        assert found[image, region].tolist() == expected


@law("segmentation", key=KEYS, owners=st.lists(st.integers(0, 3), min_size=1, max_size=8))
def law_dice_is_a_patients_and_then_a_mean(impl, key, owners):
    task = impl(CLASSES, REGIONS)
    pred, target = masks(key, len(owners)), masks(key + 1, len(owners))
    patients = np.array(owners) * 7 + 100
    found = task.metrics(evidence(task, pred, target), patients)
    expected = {
        f"dice_{name}": np.mean(
            [dice(pred[patients == p], target[patients == p], labels) for p in set(patients)]
        )
        for name, labels in REGIONS.items()
    }
    expected["dice"] = np.mean(list(expected.values()))
    assert found.keys() == expected.keys() and task.primary in found
    for name, value in found.items():
        assert value.shape == (1,) and math.isclose(value[0], expected[name])


@law(
    "segmentation",
    key=KEYS,
    owners=st.permutations([0, 0, 1, 2, 2, 2]),
    times=st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=4),
)
def law_a_patient_drawn_twice_is_two_patients(impl, key, owners, times):
    task = impl(CLASSES, REGIONS)
    owners = np.array(owners)
    rows = evidence(task, masks(key, 6), masks(key + 1, 6))
    found = task.metrics(rows, owners, np.array(times))
    for draw, row in enumerate(times):
        copies = [patient for patient, count in enumerate(row) for _ in range(count)]
        if not copies:
            assert all(np.isnan(values[draw]) for values in found.values())
            continue
        copied = np.concatenate([rows[owners == patient] for patient in copies])
        names = np.repeat(range(len(copies)), [(owners == patient).sum() for patient in copies])
        for name, values in task.metrics(copied, names).items():
            assert math.isclose(found[name][draw], values[0])


@law("segmentation", key=KEYS, images=st.integers(1, 3))
def law_loss_is_cross_entropy_plus_soft_dice(impl, key, images):
    target = masks(key, images)
    logits = torch.randn(images, 4, 4, 4, generator=stream(key, "logits"))
    loss = impl(CLASSES, REGIONS).loss(logits, torch.tensor(target))
    exponential = np.exp(logits.double().numpy())
    probability = exponential / exponential.sum(axis=1, keepdims=True)
    true = np.take_along_axis(probability, target[:, None].astype(int), axis=1)
    overlap = []
    for label in (1, 2, 3):
        p, g = probability[:, label], (target == label) * 1.0
        overlap.append((2 * (p * g).sum() + 1) / ((p * p).sum() + (g * g).sum() + 1))
    expected = -np.log(true).mean() + sum(1 - each for each in overlap)
    assert math.isclose(loss.item(), expected, rel_tol=1e-5)


@law("segmentation", right=st.integers(0, 3))
def law_a_perfect_answer_costs_nothing(impl, right):
    target = torch.full((2, 4, 4), right, dtype=torch.uint8)
    logits = (sure(target.numpy()) * 20).requires_grad_()
    loss = impl(CLASSES, REGIONS).loss(logits, target)
    loss.backward()
    assert loss.item() < 1e-6
    assert logits.grad.isfinite().all()
