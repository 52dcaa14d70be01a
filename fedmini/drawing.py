"""Which figures a run and a comparison get, and what is on them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from fedmini import captions
from fedmini.data.dataset import TRAIN, Dataset
from fedmini.federation import Federation
from fedmini.folder import RunFolder
from fedmini.outcome import Outcome
from fedmini.report import figures
from fedmini.report.canvas import sheet
from fedmini.report.cases import Case, judgements, predictions
from fedmini.report.curves import learning_curves
from fedmini.report.words import metric_words
from fedmini.statistics import Evaluation
from fedmini.tasks import Task


def draw_run(outcome: Outcome, summary: dict) -> dict[str, str]:
    """Write figures/*.png: curves, hospitals, findings, the partition, predictions and truth.

    Returns what is to be seen in each, in words. With --no-images no patient is drawn.
    """
    federation, metric, task = outcome.federation, summary["primary"], outcome.federation.task
    synthetic, name, pooled = summary["synthetic"], summary["algorithm"], summary["test"][metric]
    path, records = outcome.folder.path / "figures", {name: [outcome.folder.records()]}
    words = draw_curves(path, records, metric, f"{name}: validation over the rounds", synthetic)
    hospitals = {
        each: values[metric] | {"patients": values["patients"]}
        for each, values in summary["hospitals"].items()
    }
    findings = found_in(summary, outcome.tested, task)
    for kind, rows in (("hospitals", hospitals), ("findings", findings)):
        if rows:
            title = f"{name}: test patients, {kind[:-1]} by {kind[:-1]}"
            with sheet(path / f"{kind}.png", title, synthetic=synthetic) as figure:
                figures.intervals(figure, rows, pooled, metric)
            words[kind] = captions.intervals(kind, rows, pooled, metric)
    draw_partition(federation, path / "partition.png")
    words["partition"] = captions.partition(summary["members"])
    if not federation.config.no_images:
        cases = tested_cases(outcome)
        title = f"{name}: test patients from the worst to the best"
        draw_cases(path / "predictions.png", cases, task, federation.dataset, title)
        words["predictions"] = captions.predictions([case.label for case in cases])
    return words


def draw_comparison(content: dict, runs: dict[str, list[RunFolder]], path: Path) -> dict[str, str]:
    """figures/comparison.png and, where rounds were validated, figures/learning_curves.png.

    Returns what is to be seen in each, in words.
    """
    metric, synthetic = content["primary"], content["synthetic"]
    title = f"{metric_words(metric)}: the same hospitals, the same patients"
    with sheet(path / "comparison.png", title, synthetic=synthetic) as figure:
        figures.comparison(figure, content["rows"], metric)
    records = {name: [each.records() for each in repeats] for name, repeats in runs.items()}
    title = f"Validation over the rounds: {content['repeats']} x each algorithm"
    words = draw_curves(path, records, metric, title, synthetic)
    return words | {"comparison": captions.comparison(content)}


def draw_curves(
    path: Path, records: dict[str, list[list[dict]]], metric: str, title: str, synthetic: bool
) -> dict[str, str]:
    """learning_curves.png in the folder `path`, and its words; nothing if nobody validated."""
    if not any(metric in line for runs in records.values() for lines in runs for line in lines):
        return {}
    with sheet(path / "learning_curves.png", title, synthetic=synthetic) as figure:
        learning_curves(figure, records, metric)
    return {"learning_curves": captions.learning_curves(records, metric)}


def found_in(summary: dict, tested: dict[str, Evaluation], task: Task) -> dict[str, dict]:
    """The interval and test patients of each finding that the mean counts; {} for a single one."""
    evidence = [(each.evidence[:, :, 1], each.patients) for each in tested.values()]
    return {
        name: summary["test"][f"auc_{name}"]
        | {"patients": sum(len(np.unique(whose[truth[:, k] == 1])) for truth, whose in evidence)}
        for k, name in enumerate(task.findings)
        if f"auc_{name}" in summary["test"] and name not in summary["left_out"]
    }


def draw_partition(federation: Federation, path: Path) -> None:
    """Training patients of every hospital, by stratum, and their images."""
    table, names = federation.table, list(federation.partition.names)
    training = table.split == TRAIN
    client = federation.partition.client[training]
    patients = np.zeros((len(names), len(table.strata)), dtype=int)
    np.add.at(patients, (client, table.stratum[training]), 1)
    images = np.bincount(client, table.images[training], len(names)).astype(int)
    strata = list(table.strata)
    if federation.plan is not None:  # who has what is what noise is to hide
        patients, strata = patients.sum(axis=1, keepdims=True), ["all"]
    many = "one hospital" if len(names) == 1 else f"{len(names)} hospitals"
    title = f"Training patients of {many}, by stratum"
    with sheet(path, title, synthetic=federation.dataset.synthetic) as figure:
        figures.partition(figure, patients, images, names, strata)


def tested_cases(outcome: Outcome) -> list[Case]:
    """Test patients from the worst to the best, each answered by its hospital's model."""
    federation, cases = outcome.federation, []
    held = {each.name: each.test for each in federation.hospitals}
    for label, hospital, rows in worst_to_best(federation.task, outcome.tested):
        row = fullest(rows, held[hospital].targets[torch.from_numpy(rows)].cpu().numpy())
        image, truth = held[hospital].images[row : row + 1], held[hospital].targets[row]
        mask = federation.answer(outcome.snapshot, hospital, image)[0].argmax(0)
        image, truth, mask = (each.cpu().numpy() for each in (image[0].float(), truth, mask))
        evidence = outcome.tested[hospital].evidence[row]
        cases.append(Case(label, image, truth, mask, evidence, outcome.thresholds[hospital]))
    return cases


def worst_to_best(
    task: Task, evaluations: Mapping[str, Evaluation]
) -> list[tuple[str, str, np.ndarray]]:
    """Four patients evenly spaced by rank: a label, the hospital, the rows of their evidence."""
    ranked = sorted(
        (task.judge(each.evidence[each.patients == patient]), hospital, int(patient))
        for hospital, each in evaluations.items()
        for patient in np.unique(each.patients)
    )
    chosen = []
    for rank in np.unique(np.linspace(0, len(ranked) - 1, num=4).round().astype(int)):
        score, hospital, patient = ranked[rank]
        label = f"{hospital}\npatient {patient}\n{task.judged_by} {score:.2f}".strip()
        rows = np.flatnonzero(evaluations[hospital].patients == patient)
        chosen.append((label, hospital, rows))
    return chosen


def fullest(rows: np.ndarray, targets: np.ndarray) -> int:
    """Of some images the row in which most is to be found."""
    return int(rows[(targets > 0).reshape(len(rows), -1).sum(axis=1).argmax()])


def draw_cases(path: Path, cases: list[Case], task: Task, dataset: Dataset, title: str) -> None:
    """A figure of some images and what a model says of them, a row each."""
    with sheet(path, title, synthetic=dataset.synthetic) as figure:
        if task.findings:
            judgements(figure, cases, task.findings)
        else:
            predictions(figure, cases, dataset.classes)
