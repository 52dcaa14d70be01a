"""The classification tasks end to end: learning, chunks of resamples, time, words, odd sizes."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
import torch

from fedmini.evaluation import estimates
from fedmini.registry import resolve
from fedmini.report.words import METRICS
from fedmini.rng import numpy_stream, stream
from fedmini.statistics import Evaluation, resamples
from fedmini.tasks import classification
from fedmini.tasks.classification import Binary, Multiclass, Multilabel

NAMES = {"multilabel": ("a", "b", "c"), "binary": ("no", "yes"), "multiclass": ("a", "b", "c")}


def evidence(patients: int, images: int, findings: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that know a little, and whose each image is."""
    draw = numpy_stream("evidence", patients, images)
    truth = draw.random((patients * images, findings)) < 0.2
    probability = 1 / (1 + np.exp(-draw.standard_normal(truth.shape) - truth))
    found = np.stack([probability, truth, probability >= 0.5], axis=2)
    return found, np.repeat(np.arange(patients), images)


@pytest.mark.parametrize("name", NAMES)
def test_descending_the_loss_finds_everything(name):
    task = resolve("task", name)(NAMES[name], {})
    highest, columns = (1, task.outputs) if name != "multiclass" else (2, 1)
    targets = torch.randint(0, highest + 1, (40, columns), generator=stream(name)).byte()
    logits = torch.zeros(40, task.outputs, requires_grad=True)
    for _ in range(40):
        task.loss(logits, targets).backward()
        with torch.no_grad():
            logits -= 20 * logits.grad
        logits.grad = None
    found = task.metrics(task.evidence(logits, targets).detach().numpy(), np.arange(40))
    assert all(found[key][0] == 1 for key in found if key != "ece") and found["ece"][0] < 0.2


@pytest.mark.parametrize(
    ("name", "logits", "target"),
    [
        ("multilabel", [-200.0, 200, -200], [1, 0, 1]),
        ("binary", [-200.0], [1]),
        ("multiclass", [-100.0, 100, -200], [0]),
    ],
)
def test_the_surest_error_costs_a_finite_loss(name, logits, target):
    task = resolve("task", name)(NAMES[name], {})
    logits = torch.tensor([logits], requires_grad=True)
    loss = task.loss(logits, torch.tensor([target]).byte())
    loss.backward()
    assert loss == 200 and logits.grad.isfinite().all()


def test_half_precision_logits_are_welcome():
    task = Multilabel("ab", {})
    logits, targets = torch.tensor([[3.0, -3.0]]).bfloat16(), torch.tensor([[1, 0]]).byte()
    assert task.loss(logits, targets) < 0.1
    assert task.evidence(logits, targets)[0, :, 2].tolist() == [1, 0]


def test_equally_likely_classes_are_decided_for_the_first():
    found = Multiclass("abc", {}).evidence(torch.zeros(1, 3), torch.tensor([[2]]).byte())
    assert found[0, :, 2].tolist() == [1, 0, 0]


@pytest.mark.parametrize("cells", [1, 100, 250])
def test_chunks_of_resamples_change_nothing(monkeypatch, cells):
    task, (found, patients) = Multilabel("abc", {}), evidence(20, 3, 3)
    draws = resamples(20, 30, numpy_stream("draws"))
    whole = task.metrics(found, patients, draws)
    monkeypatch.setattr(classification, "CELLS", cells)
    parts = task.metrics(found, patients, draws)
    assert parts.keys() == whole.keys()
    for name, values in whole.items():
        assert values.shape == (30,) and np.allclose(parts[name], values, rtol=1e-12)


def test_fourteen_findings_of_six_hundred_images_take_no_time():
    task, (found, patients) = Multilabel("abcdefghijklmn", {}), evidence(200, 3, 14)
    started = time.perf_counter()
    estimates(task, Evaluation(found, patients))
    assert time.perf_counter() - started < 3


def test_no_finding_of_enough_patients_is_no_headline_and_no_warning():
    task, (found, patients) = Multilabel("abc", {}), evidence(4, 2, 3)
    with warnings.catch_warnings(action="error"):
        metrics = task.metrics(found, patients)
    assert task.left_out(found, patients) == ["a", "b", "c"]
    assert np.isnan(metrics["auc"]).all() and 0 <= metrics["accuracy"][0] <= 1


def test_every_metric_has_words():
    found, patients = evidence(6, 1, 1)
    assert Binary(("no", "yes"), {}).metrics(found, patients).keys() <= METRICS.keys()


def test_thresholds_of_validation_decide_the_test():
    task, (found, _) = Multilabel("abc", {}), evidence(40, 2, 3)
    decided = task.decide(found, np.array(task.thresholds(found).tolist()))
    plain, better = (
        task.metrics(each, np.arange(80))["sensitivity"][0] for each in (found, decided)
    )
    assert better != plain and np.array_equal(decided[..., :2], found[..., :2])
