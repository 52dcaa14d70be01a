"""Wrong ways to measure a model."""

from __future__ import annotations

import dataclasses

import numpy as np
from tests.contracts.framework import mutant

from fedmini.evaluation import evaluate
from fedmini.data.examples import Examples


@mutant(
    "evaluate",
    law="law_evidence_is_that_of_eval_mode_in_order",
    harm="Without eval() a patient's score depends on who else is in the batch.",
)
def in_training_mode(model, state, examples, task, normalise):
    model.module.eval = model.module.train
    return evaluate(model, state, examples, task, normalise)


@mutant(
    "evaluate",
    law="law_evidence_is_that_of_eval_mode_in_order",
    harm="Images after the last full batch are never tested: the score is that of other patients.",
)
def whole_batches_only(model, state, examples, task, normalise):
    count = max(len(examples) // 64 * 64, min(len(examples), 64))
    cut = Examples(examples.images[:count], examples.targets[:count], examples.patients[:count])
    return evaluate(model, state, cut, task, normalise)


@mutant(
    "evaluate",
    law="law_evidence_is_that_of_eval_mode_in_order",
    harm="The model that happens to be loaded is measured, not the one that is reported.",
)
def whatever_is_loaded(model, state, examples, task, normalise):
    return evaluate(model, model.state.clone(), examples, task, normalise)


@mutant(
    "evaluate",
    law="law_evidence_is_that_of_eval_mode_in_order",
    harm="Scores are booked to other patients: each patient's Dice and the intervals are wrong.",
)
def patients_in_another_order(model, state, examples, task, normalise):
    found = evaluate(model, state, examples, task, normalise)
    return dataclasses.replace(found, patients=found.patients[::-1])


@mutant(
    "evaluate",
    law="law_evaluation_leaves_the_state_alone",
    harm="Looking at test patients moves the running statistics: they are in the model then.",
)
def learns_statistics_while_looking(model, state, examples, task, normalise):
    found = evaluate(model, state, examples, task, normalise)
    model.module.train()
    model.module(normalise(examples.images))
    return found


@mutant(
    "evaluate",
    law="law_evaluation_leaves_the_state_alone",
    harm="A gradient of test patients waits in the model for the next step.",
)
def leaves_a_gradient(model, state, examples, task, normalise):
    found = evaluate(model, state, examples, task, normalise)
    task.loss(model.module(normalise(examples.images)), examples.targets).backward()
    return found


@mutant(
    "scores",
    law="law_headline_is_over_all_patients",
    harm="A mean of the hospitals' means: one patient of a tiny hospital outweighs fifty others.",
)
def mean_of_hospitals(task, evaluations):
    filled = [each for each in evaluations.values() if len(each.patients)]
    scores = [task.metrics(each.evidence, each.patients)[task.primary][0] for each in filled]
    return {task.primary: float(np.mean(scores))} if scores else {}
