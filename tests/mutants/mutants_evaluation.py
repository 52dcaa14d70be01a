"""Wrong ways to measure a model."""

from __future__ import annotations

import dataclasses

import numpy as np
from tests.contracts.framework import mutant

from fedmini.data.examples import Examples
from fedmini.evaluation import evaluate, pool


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
    "evaluate",
    law="law_a_model_that_answers_nan_fails_the_run",
    harm="The largest of NaN is the first class: a diverged model calls everybody healthy.",
)
def nan_is_an_answer(model, state, examples, task, normalise):
    known = dataclasses.replace(examples, images=examples.images.nan_to_num())
    return evaluate(model, state, known, task, normalise)


@mutant(
    "pool",
    law="law_hospitals_without_examples_add_nothing",
    harm="A hospital with a single image is taken for an empty one: its patient is never tested.",
)
def single_images_are_nothing(evaluations):
    return pool(each for each in evaluations if len(each.patients) > 1)


@mutant(
    "scores",
    law="law_undefined_metrics_are_left_out",
    harm="NaN stands in metrics.jsonl: readers of JSON refuse the file, or draw a line to nowhere.",
)
def nan_is_a_score(task, evaluations):
    pooled = pool(evaluations.values())
    metrics = task.metrics(pooled.evidence, pooled.patients)
    return {name: float(value[0]) for name, value in metrics.items()}


@mutant(
    "scores",
    law="law_headline_is_over_all_patients",
    harm="A mean of the hospitals' means: one patient of a tiny hospital outweighs fifty others.",
)
def mean_of_hospitals(task, evaluations):
    filled = [each for each in evaluations.values() if len(each.patients)]
    scores = [task.metrics(each.evidence, each.patients)[task.primary][0] for each in filled]
    return {task.primary: float(np.mean(scores))} if scores else {}
