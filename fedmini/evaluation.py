"""Measuring a model on patients: the experimenter's eye, which no real server has.

Nothing here travels through the network or is counted as traffic. In a deployment each hospital
would measure its own part and report numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from fedmini.data.examples import Examples
from fedmini.data.normalise import Normalise
from fedmini.rng import numpy_stream
from fedmini.statistics import DRAWS, Estimate, Evaluation, interval, resamples
from fedmini.tasks.segmentation import Segmentation
from fedmini.vector import FlatModel

BATCH = 64


@torch.no_grad()
def evaluate(
    model: FlatModel, state: Tensor, examples: Examples, task: Segmentation, normalise: Normalise
) -> Evaluation:
    """The evidence that the model `state`, (P,), gives for every example."""
    model.load(state)
    model.module.eval()
    parts = []
    for start in range(0, len(examples), BATCH):
        rows = slice(start, start + BATCH)
        logits = model.module(normalise(examples.images[rows]))
        parts.append(task.evidence(logits, examples.targets[rows]))
    evidence = torch.cat(parts).cpu().numpy() if parts else np.zeros((0,))
    return Evaluation(evidence, examples.patients)


def pool(evaluations: Iterable[Evaluation]) -> Evaluation:
    """All hospitals' evidence as one; hospitals without examples add nothing."""
    filled = [each for each in evaluations if len(each.patients)]
    return Evaluation(
        np.concatenate([each.evidence for each in filled]),
        np.concatenate([each.patients for each in filled]),
    )


def estimates(task: Segmentation, evaluation: Evaluation) -> dict[str, Estimate]:
    """Every metric of the task with its 95% interval from a bootstrap over patients."""
    patients = len(np.unique(evaluation.patients))
    draws = resamples(patients, DRAWS, numpy_stream("bootstrap", patients))
    values = task.metrics(evaluation.evidence, evaluation.patients)
    spread = task.metrics(evaluation.evidence, evaluation.patients, draws)
    return {name: Estimate(float(values[name][0]), *interval(spread[name])) for name in values}


def scores(task: Segmentation, evaluations: Mapping[str, Evaluation]) -> dict[str, float]:
    """Every metric of the task over all hospitals' patients; empty where there is no patient."""
    if not any(len(each.patients) for each in evaluations.values()):
        return {}
    pooled = pool(evaluations.values())
    metrics = task.metrics(pooled.evidence, pooled.patients)
    return {name: float(value[0]) for name, value in metrics.items()}
