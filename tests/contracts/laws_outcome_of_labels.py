"""The law of thresholds: chosen on validation patients, used on the test."""

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


@law("thresholds", key=st.integers(0, 10**6), images=st.integers(4, 12), personal=st.booleans())
def law_thresholds_come_from_validation_alone(impl, key, images, personal):
    """Of all hospitals for a model that they share, of its own for each that has its own."""
    places, task = ("north", "south"), Multilabel(("Mass", "Edema"), {})
    federation = SimpleNamespace(
        task=task,
        evaluate=lambda _, split: {name: evidence(key, split, name, images) for name in places},
    )
    private = dict.fromkeys(places) if personal else {}
    outcome = impl(federation, SimpleNamespace(private=private), 1, None)
    known = {name: evidence(key, "validation", name, images).evidence for name in places}
    for name, each in outcome.tested.items():
        seen = known[name] if personal else np.concatenate(list(known.values()))
        expected = task.thresholds(seen)
        np.testing.assert_array_equal(outcome.thresholds[name], expected)
        probability = evidence(key, "test", name, images).evidence[..., 0]
        np.testing.assert_array_equal(each.evidence[..., 2], probability >= expected)
