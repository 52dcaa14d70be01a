"""Which figures a run gets, and what is on them."""

from __future__ import annotations

import numpy as np
import torch

from fedmini import captions
from fedmini.data.dataset import TRAIN
from fedmini.federation import Federation, Snapshot
from fedmini.report import curves, figures, overlay
from fedmini.report.folder import RunFolder
from fedmini.statistics import Evaluation

SHOWN = 4  # patients in the figure of predictions


def draw_run(
    federation: Federation,
    snapshot: Snapshot,
    tested: dict[str, Evaluation],
    summary: dict,
    folder: RunFolder,
) -> dict[str, str]:
    """Write figures/*.png: learning curves, hospitals, the partition, predictions beside truth.

    Returns what is to be seen in each, in words. With --no-images no patient is drawn.
    """
    path, task = folder.path / "figures", federation.task
    synthetic, name = federation.dataset.synthetic, summary["algorithm"]
    records, words = folder.records(), {}
    if any(task.primary in line for line in records):
        curves.learning_curves(
            path / "learning_curves.png",
            {name: [records]},
            metric=task.primary,
            title=f"{name}: validation over the rounds",
            synthetic=synthetic,
        )
        words["learning_curves"] = captions.learning_curves({name: [records]}, task.primary)
    figures.hospitals(
        path / "hospitals.png",
        {
            each: values[task.primary] | {"patients": values["patients"]}
            for each, values in summary["hospitals"].items()
        },
        summary["test"][task.primary],
        metric=task.primary,
        title=f"{name}: test patients of every hospital",
        synthetic=synthetic,
    )
    words["hospitals"] = captions.hospitals(summary)
    draw_partition(federation, folder)
    words["partition"] = captions.partition(summary["members"])
    if not federation.config.no_images:
        shown = draw_predictions(federation, snapshot, tested, folder, name)
        words["predictions"] = captions.predictions(shown)
    return words


def draw_partition(federation: Federation, folder: RunFolder) -> None:
    """Training patients and images of every hospital, by stratum."""
    table, names = federation.table, list(federation.partition.names)
    shape = (len(names), len(table.strata))
    patients, images = np.zeros(shape, dtype=int), np.zeros(shape, dtype=int)
    training = table.split == TRAIN
    place = federation.partition.client[training], table.stratum[training]
    np.add.at(patients, place, 1)
    np.add.at(images, place, table.images[training])
    figures.partition(
        folder.path / "figures" / "partition.png",
        {"patients": patients, "images": images},
        names,
        list(table.strata),
        synthetic=federation.dataset.synthetic,
    )


@torch.no_grad()
def draw_predictions(
    federation: Federation,
    snapshot: Snapshot,
    tested: dict[str, Evaluation],
    folder: RunFolder,
    name: str,
) -> list[str]:
    """Patients from the worst to the best by Dice, each by the slice that shows most tumour.

    Returns the label of each.
    """
    task, cases = federation.task, []
    held = {each.name: each.test for each in federation.hospitals}
    for hospital, evaluation in tested.items():
        for patient in np.unique(evaluation.patients):
            rows = np.flatnonzero(evaluation.patients == patient)
            score = task.metrics(evaluation.evidence[rows], evaluation.patients[rows])[task.primary]
            cases.append((float(score[0]), hospital, int(patient), rows))
    images, truths, predicted, labels = [], [], [], []
    for score, hospital, patient, rows in worst_to_best(cases):
        area = (held[hospital].targets[torch.from_numpy(rows)] > 0).sum((1, 2))
        row = int(rows[int(area.argmax())])
        image, truth = held[hospital].images[row], held[hospital].targets[row]
        federation.model.load(federation.personal(snapshot, hospital))
        federation.model.module.eval()
        logits = federation.model.module(federation.normalise(image[None]))
        images.append(image.float().cpu().numpy())
        truths.append(truth.cpu().numpy())
        predicted.append(logits[0].argmax(0).cpu().numpy())
        labels.append(f"{hospital}\npatient {patient}\nDice {score:.2f}")
    overlay.predictions(
        folder.path / "figures" / "predictions.png",
        np.stack(images),
        np.stack(truths),
        np.stack(predicted),
        classes=list(federation.dataset.classes),
        labels=labels,
        title=f"{name}: test patients from the worst to the best",
        synthetic=federation.dataset.synthetic,
    )
    return labels


def worst_to_best(cases: list[tuple]) -> list[tuple]:
    """A few cases evenly spaced by rank; a case begins with its score, then what names it."""
    cases = sorted(cases, key=lambda case: case[:-1])
    ranks = np.unique(np.linspace(0, len(cases) - 1, SHOWN).round().astype(int))
    return [cases[rank] for rank in ranks]
