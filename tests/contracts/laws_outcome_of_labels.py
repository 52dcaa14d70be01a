"""The laws of thresholds: chosen on the validation patients of all hospitals, used on the test."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from fedmini.rng import numpy_stream
from fedmini.statistics import Evaluation
from fedmini.tasks.classification import Multilabel
from tests.contracts.framework import law, real

real("thresholds", "fedmini.outcome:Outcome")


def evidence(key: int, split: str, hospital: str, images: int) -> Evaluation:
    """Two findings, scores that run higher at one hospital and in one split than in another."""
    draw = numpy_stream(key, split, hospital)
    truth = draw.integers(0, 2, (images, 2))
    probability = 0.1 * draw.random() + 0.5 * truth * draw.random() + 0.3 * draw.random((images, 2))
    return Evaluation(
        np.stack([probability, truth, np.zeros((images, 2))], axis=2), np.arange(images)
    )


@law("thresholds", key=st.integers(0, 10**6), images=st.integers(4, 12))
def law_thresholds_come_from_validation_alone(impl, key, images):
    places, task = ("north", "south"), Multilabel(("Mass", "Edema"), {})
    federation = SimpleNamespace(
        task=task,
        evaluate=lambda _, split: {name: evidence(key, split, name, images) for name in places},
    )
    outcome = impl(federation, None, 1, None)
    known = np.concatenate([evidence(key, "validation", n, images).evidence for n in places])
    expected = task.thresholds(known)
    np.testing.assert_array_equal(outcome.thresholds, expected)
    for name, each in outcome.tested.items():
        probability = evidence(key, "test", name, images).evidence[..., 0]
        np.testing.assert_array_equal(each.evidence[..., 2], probability >= expected)
