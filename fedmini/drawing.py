"""Which figures a run gets, and what is on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fedmini import captions
from fedmini.data.dataset import TRAIN, Dataset
from fedmini.federation import Federation, Snapshot
from fedmini.folder import RunFolder
from fedmini.report import curves, figures
from fedmini.report.judgements import judgements
from fedmini.report.overlay import predictions
from fedmini.statistics import Evaluation
from fedmini.tasks import Task

SHOWN = 4  # patients in the figure of predictions


def draw_run(
    federation: Federation, snapshot: Snapshot, tested: dict[str, Evaluation],
    summary: dict, folder: RunFolder,
) -> dict[str, str]:  # fmt: skip
    """Write figures/*.png: curves, hospitals, findings, the partition, predictions and truth.

    Returns what is to be seen in each, in words. With --no-images no patient is drawn.
    """
    path, metric = folder.path / "figures", summary["primary"]
    synthetic, name, pooled = summary["synthetic"], summary["algorithm"], summary["test"][metric]
    title = f"{name}: validation over the rounds"
    words = draw_curves(path, {name: [folder.records()]}, metric, title, synthetic)
    rows = {
        "hospitals": {
            each: values[metric] | {"patients": values["patients"]}
            for each, values in summary["hospitals"].items()
        },
        "findings": found_in(summary, tested),
    }
    for kind, measured in rows.items():
        if measured:
            figures.intervals(
                path / f"{kind}.png", measured, pooled, metric=metric, synthetic=synthetic,
                title=f"{name}: test patients, {kind[:-1]} by {kind[:-1]}",
            )  # fmt: skip
            words[kind] = captions.intervals(kind, measured, pooled, metric)
    draw_partition(federation, path / "partition.png")
    words["partition"] = captions.partition(summary["members"])
    if not federation.config.no_images:
        shown = draw_predictions(federation, snapshot, tested, summary, path / "predictions.png")
        words["predictions"] = captions.predictions(shown)
    return words


def draw_curves(
    path: Path, records: dict[str, list[list[dict]]], metric: str, title: str, synthetic: bool
) -> dict[str, str]:
    """learning_curves.png in the folder `path`, and its words; nothing if nobody validated."""
    if not any(metric in line for runs in records.values() for lines in runs for line in lines):
        return {}
    file = path / "learning_curves.png"
    curves.learning_curves(file, records, metric=metric, title=title, synthetic=synthetic)
    return {"learning_curves": captions.learning_curves(records, metric)}


def found_in(summary: dict, tested: dict[str, Evaluation]) -> dict[str, dict]:
    """The interval and test patients of each finding that the mean counts; {} for a single one."""
    named = [key for key in summary["test"] if key.startswith("auc_")]
    evidence = [(each.evidence[:, :, 1], each.patients) for each in tested.values()]
    return {
        key.removeprefix("auc_"): summary["test"][key]
        | {"patients": sum(len(np.unique(whose[truth[:, k] == 1])) for truth, whose in evidence)}
        for k, key in enumerate(named)
        if key.removeprefix("auc_") not in summary["left_out"]
    }


def draw_partition(federation: Federation, path: Path) -> None:
    """Training patients of every hospital, by stratum, and their images."""
    table, names = federation.table, list(federation.partition.names)
    training = table.split == TRAIN
    client = federation.partition.client[training]
    patients = np.zeros((len(names), len(table.strata)), dtype=int)
    np.add.at(patients, (client, table.stratum[training]), 1)
    images = np.bincount(client, table.images[training], len(names)).astype(int)
    strata, synthetic = list(table.strata), federation.dataset.synthetic
    if federation.plan is not None:  # who has what is what noise is to hide
        patients, strata = patients.sum(axis=1, keepdims=True), ["all"]
    figures.partition(path, patients, images, names, strata, synthetic=synthetic)


def draw_predictions(
    federation: Federation, snapshot: Snapshot, tested: dict[str, Evaluation],
    summary: dict, path: Path,
) -> list[str]:  # fmt: skip
    """Patients from the worst to the best, each by the image in which most is to be found.

    Returns the label of each.
    """
    task, cases = federation.task, []
    held = {each.name: each.test for each in federation.hospitals}
    for hospital, evaluation in tested.items():
        for patient in np.unique(evaluation.patients):
            rows = np.flatnonzero(evaluation.patients == patient)
            cases.append((task.judge(evaluation.evidence[rows]), hospital, int(patient), rows))
    drawn = []
    for score, hospital, patient, rows in worst_to_best(cases):
        amount = (held[hospital].targets[torch.from_numpy(rows)] > 0).flatten(1).sum(1)
        row = int(rows[int(amount.argmax())])
        image, truth = held[hospital].images[row : row + 1], held[hospital].targets[row]
        predicted = federation.answer(snapshot, hospital, image)[0].argmax(0)
        drawn.append((
            f"{hospital}\npatient {patient}\n{task.judged_by} {score:.2f}",
            image[0].float().cpu().numpy(), truth.cpu().numpy(), predicted.cpu().numpy(),
            tested[hospital].evidence[row], list(summary["thresholds"][hospital].values()),
        ))  # fmt: skip
    title = f"{summary['algorithm']}: test patients from the worst to the best"
    draw_images(path, drawn, task, federation.dataset, title)
    return [label for label, *_ in drawn]


def draw_images(path: Path, rows: list[tuple], task: Task, dataset: Dataset, title: str) -> None:
    """A figure of some images and what a model says of them, a row each.

    `rows`: label, image, truth, predicted mask (unused for labels), evidence and thresholds of one.
    """
    labels, images, truths, masks, evidence, cuts = map(list, zip(*rows, strict=True))
    words = {"labels": labels, "title": title, "synthetic": dataset.synthetic}
    if task.findings:
        findings = list(task.findings)
        judgements(path, np.stack(images), np.stack(evidence), cuts, findings=findings, **words)
    else:
        truths, masks = np.stack(truths), np.stack(masks)
        predictions(path, np.stack(images), truths, masks, classes=list(dataset.classes), **words)


def worst_to_best(cases: list[tuple]) -> list[tuple]:
    """A few cases evenly spaced by rank; a case begins with its score, then what names it."""
    cases = sorted(cases, key=lambda case: case[:-1])
    ranks = np.unique(np.linspace(0, len(cases) - 1, SHOWN).round().astype(int))
    return [cases[rank] for rank in ranks]
