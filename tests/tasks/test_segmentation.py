"""The segmentation task end to end: regions, ties, headline, and the direction of its gradient."""

from __future__ import annotations

import numpy as np
import torch

from fedmini.rng import stream
from fedmini.tasks.segmentation import Segmentation

CLASSES = ("background", "core", "oedema")


def test_one_output_a_class_and_one_metric_a_region():
    task = Segmentation(CLASSES, {"whole": (1, 2), "core": (1,)})
    assert task.outputs == 3
    found = task.metrics(np.array([[[1, 2, 2], [0, 0, 0]]]), np.array([7]))
    assert {name: values.tolist() for name, values in found.items()} == {
        "dice": [0.75],
        "dice_whole": [0.5],
        "dice_core": [1.0],
    }


def test_a_patients_slices_are_added_before_dividing():
    task = Segmentation(CLASSES, {"whole": (1, 2)})
    evidence = np.array([[[90, 100, 100]], [[0, 1, 0]], [[0, 0, 0]]])
    found = task.metrics(evidence, np.array([3, 3, 3]))
    assert found["dice_whole"].tolist() == [180 / 201]


def test_evidence_is_exact_for_more_pixels_than_float32_can_count():
    task = Segmentation(CLASSES, {"whole": (1, 2)})
    evidence = np.array([[[2**24 + 1, 2**24 + 1, 2**24 + 1]], [[0, 1, 0]]])
    assert task.metrics(evidence, np.array([0, 0]))["dice"][0] < 1


def test_descending_the_loss_finds_the_tumour():
    task = Segmentation(CLASSES, {"whole": (1, 2)})
    targets = torch.randint(0, 3, (2, 8, 8), generator=stream(0), dtype=torch.uint8)
    logits = torch.zeros(2, 3, 8, 8, requires_grad=True)
    for _ in range(50):
        task.loss(logits, targets).backward()
        with torch.no_grad():
            logits -= 20 * logits.grad
        logits.grad = None
    found = task.metrics(task.evidence(logits, targets).numpy(), np.array([0, 1]))
    assert found["dice"][0] == 1


def test_a_small_tumour_still_pulls():
    task = Segmentation(CLASSES, {"whole": (1, 2)})
    targets = torch.zeros(1, 32, 32, dtype=torch.uint8)
    targets[0, 4, 4] = 1
    logits = torch.zeros(1, 3, 32, 32, requires_grad=True)
    task.loss(logits, targets).backward()
    entropy_alone = (1 - 1 / 3) / 32**2
    assert -logits.grad[0, 1, 4, 4] > entropy_alone


def test_pixels_need_no_threshold_and_no_region_is_left_out():
    task = Segmentation(CLASSES, {"whole": (1, 2)})
    evidence = np.array([[[90, 100, 100]], [[0, 1, 0]]])
    assert task.decide(evidence, task.thresholds(evidence)) is evidence
    assert task.left_out(evidence, np.array([0, 1])) == []
