"""Measuring a model on patients: the experimenter's eye, which no real server has.

Nothing here travels through the network or is counted as traffic. In a deployment each hospital
would measure its own part and report numbers only.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from fedmini.data.examples import Examples
from fedmini.data.normalise import Normalise
from fedmini.errors import RunFailed
from fedmini.rng import numpy_stream
from fedmini.statistics import Estimate, Evaluation, paired
from fedmini.tasks import Task
from fedmini.vector import FlatModel

BATCH = 64


@torch.no_grad()
def evaluate(
    model: FlatModel, state: Tensor, examples: Examples, task: Task, normalise: Normalise
) -> Evaluation:
    """The evidence that the model `state`, (P,), gives for every example.

    Raises RunFailed if the model answers NaN, as one does whose training diverged.
    """
    model.load(state)
    model.module.eval()
    parts = []
    for start in range(0, len(examples), BATCH):
        rows = slice(start, start + BATCH)
        logits = model.module(normalise(examples.images[rows]))
        if logits.isnan().any():
            raise RunFailed("the model answers NaN: training diverged; try a lower --lr")
        parts.append(task.evidence(logits, examples.targets[rows]))
    evidence = torch.cat(parts).cpu().numpy() if parts else np.zeros((0,))
    return Evaluation(evidence, examples.patients)


def pool(evaluations: Iterable[Evaluation]) -> Evaluation:
    """All hospitals' evidence as one, of no rows where none has examples."""
    nobody = Evaluation(np.zeros((0,)), np.zeros((0,), np.int64))
    filled = [each for each in evaluations if len(each.patients)] or [nobody]
    return Evaluation(
        np.concatenate([each.evidence for each in filled]),
        np.concatenate([each.patients for each in filled]),
    )


def estimates(task: Task, evaluation: Evaluation) -> dict[str, Estimate]:
    """Every metric of the task with its 95% interval from a bootstrap over patients."""
    patients = len(np.unique(evaluation.patients))
    draw = numpy_stream("bootstrap", patients)
    return paired(task.metrics, {"model": [evaluation]}, draw).algorithms["model"]


def scores(task: Task, evaluations: Mapping[str, Evaluation]) -> dict[str, float]:
    """The task's metrics over all hospitals' patients, less those that are not defined for them."""
    pooled = pool(evaluations.values())
    if not len(pooled.patients):
        return {}
    metrics = task.metrics(pooled.evidence, pooled.patients)
    return {name: float(value[0]) for name, value in metrics.items() if not np.isnan(value[0])}
