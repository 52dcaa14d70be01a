"""Laws about the three classification tasks: losses, evidence, decisions."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

from fedmini.rng import numpy_stream, stream

real("multilabel", "fedmini.tasks.classification:Multilabel")
real("binary", "fedmini.tasks.classification:Binary")
real("multiclass", "fedmini.tasks.classification:Multiclass")

KEYS = st.integers(0, 2**40)
FINDINGS = ("Mass", "Edema", "Hernia")
BOTH = ("normal", "pneumonia")


def outputs(key: int, count: int, wide: int = 3) -> torch.Tensor:
    """(count, wide) float32 logits."""
    return torch.randn(count, wide, generator=stream(key, "logits")) * 2


def classes(key: int, count: int, number: int = 3) -> torch.Tensor:
    """(count, 1) uint8."""
    return torch.randint(0, number, (count, 1), generator=stream(key, "class")).byte()


def labels(key: int, count: int) -> torch.Tensor:
    """(count, 3) uint8."""
    return torch.randint(0, 2, (count, 3), generator=stream(key, "labels")).byte()


def judged(key: int, findings: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence (28, findings, 3) full of ties, two images a patient in any order, and the owners.

    Every second patient has all findings in both images, so that all of them are counted.
    """
    draw = numpy_stream(key, "judged")
    owners = draw.permutation(np.repeat(np.arange(14), 2))
    truth = np.repeat(owners[:, None] % 2, findings, axis=1)
    truth = np.where(draw.random(truth.shape) < 0.1, 1 - truth, truth)
    probability = draw.choice([0.05, 0.3, 0.31, 0.6, 1.0], truth.shape)
    decision = draw.integers(0, 2, truth.shape)
    return np.stack([probability, truth, decision], axis=2).astype(float), owners * 3 + 50


@law("multilabel", key=KEYS, count=st.integers(1, 5))
def law_loss_is_the_mean_binary_cross_entropy(impl, key, count):
    logits, targets = outputs(key, count), labels(key, count)
    probability = 1 / (1 + np.exp(-logits.double().numpy()))
    right = np.where(targets.numpy() == 1, probability, 1 - probability)
    loss = impl(FINDINGS, {}).loss(logits, targets)
    assert loss.shape == () and math.isclose(loss.item(), -np.log(right).mean(), rel_tol=1e-5)


@law("multiclass", key=KEYS, count=st.integers(1, 5))
def law_loss_is_the_mean_cross_entropy(impl, key, count):
    logits, targets = outputs(key, count), classes(key, count)
    exponential = np.exp(logits.double().numpy())
    right = exponential[np.arange(count), targets[:, 0].numpy()] / exponential.sum(axis=1)
    loss = impl(FINDINGS, {}).loss(logits, targets)
    assert loss.shape == () and math.isclose(loss.item(), -np.log(right).mean(), rel_tol=1e-5)


@law("multilabel", key=KEYS, count=st.integers(1, 6))
def law_evidence_is_probability_truth_and_decision(impl, key, count):
    logits, targets = outputs(key, count), labels(key, count)
    found = impl(FINDINGS, {}).evidence(logits, targets).numpy()
    probability = 1 / (1 + np.exp(-logits.double().numpy()))
    assert found.shape == (count, 3, 3)
    assert np.allclose(found[..., 0], probability)
    assert np.array_equal(found[..., 1], targets.numpy())
    assert np.array_equal(found[..., 2], probability >= 0.5)


@law("multilabel", place=st.integers(0, 10))
def law_the_sure_are_still_ranked(impl, place):
    logits = torch.tensor([[18.0 + place, 19 + place, -18 - place], [20 + place, 0, -19 - place]])
    found = impl(FINDINGS, {}).evidence(logits, torch.ones(2, 3)).numpy()[..., 0]
    assert found[1, 0] > found[0, 1] > found[0, 0] and found[0, 2] > found[1, 2] > 0


@law("multiclass", key=KEYS, count=st.integers(1, 6))
def law_evidence_is_each_class_against_the_rest(impl, key, count):
    logits, targets = outputs(key, count) / 4, classes(key, count)
    task = impl(FINDINGS, {})
    found = task.evidence(logits, targets).numpy()
    exponential = np.exp(logits.double().numpy())
    assert np.allclose(found[..., 0], exponential / exponential.sum(axis=1, keepdims=True))
    assert np.array_equal(found[..., 1], np.eye(3)[targets[:, 0].numpy()])
    assert np.array_equal(found[..., 2], np.eye(3)[logits.argmax(dim=1).numpy()])
    decided = task.decide(found, task.thresholds(found))
    assert np.array_equal(decided, found), "the likeliest class needs no threshold"


@law("binary", key=KEYS, count=st.integers(1, 6))
def law_the_second_class_is_the_finding(impl, key, count):
    task = impl(BOTH, {})
    assert task.findings == ("pneumonia",) and task.outputs == 1
    logits, targets = outputs(key, count, 1), classes(key, count, 2)
    found = task.evidence(logits, targets).numpy()
    assert found.shape == (count, 1, 3)
    assert np.allclose(found[:, 0, 0], 1 / (1 + np.exp(-logits[:, 0].double().numpy())))
    assert np.array_equal(found[:, 0, 1], targets[:, 0].numpy())
    right = np.where(found[:, 0, 1] == 1, found[:, 0, 0], 1 - found[:, 0, 0])
    assert math.isclose(task.loss(logits, targets).item(), -np.log(right).mean(), rel_tol=1e-5)


@law("multilabel", key=KEYS, cuts=st.tuples(*[st.sampled_from([0.3, 0.6, 1.0])] * 3))
def law_decisions_fall_at_the_given_thresholds(impl, key, cuts):
    evidence, _ = judged(key, 3)
    before = evidence.copy()
    found = impl(FINDINGS, {}).decide(evidence, np.array(cuts))
    assert np.array_equal(evidence, before), "the evidence that was given has changed"
    assert np.array_equal(found[..., :2], evidence[..., :2])
    for k, cut in enumerate(cuts):
        assert np.array_equal(found[:, k, 2], [p >= cut for p in evidence[:, k, 0]])


@law("multilabel", key=KEYS, absent=st.integers(0, 1))
def law_each_finding_has_its_own_threshold(impl, key, absent):
    task = impl(FINDINGS, {})
    evidence, _ = judged(key, 3)
    evidence[:, 1, 1] = absent
    cuts = task.thresholds(evidence)
    assert cuts.shape == (3,) and cuts[1] == 0.5
    for k in (0, 2):
        probability, truth, _ = evidence[:, k].T
        called = {cut: probability >= cut for cut in probability}
        # J = sensitivity + specificity - 1
        gains = {cut: c[truth == 1].mean() - c[truth == 0].mean() for cut, c in called.items()}
        assert math.isclose(gains[cuts[k]], max(gains.values()))
    assert task.thresholds(np.zeros((0,))).tolist() == [0.5] * 3
