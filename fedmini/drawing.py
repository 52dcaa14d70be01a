"""Which figures a run gets, and what is on them."""

from __future__ import annotations

import numpy as np
import torch

from fedmini.data.dataset import TRAIN
from fedmini.federation import Federation, Snapshot
from fedmini.report import curves, figures, overlay
from fedmini.report.folder import RunFolder

SHOWN = 4  # patients in the figure of predictions


def draw_run(federation: Federation, snapshot: Snapshot, summary: dict, folder: RunFolder) -> None:
    """Write figures/*.png: learning curves, hospitals, the partition, predictions beside truth."""
    path, task = folder.path / "figures", federation.task
    synthetic, name = federation.dataset.synthetic, summary["algorithm"]
    records = folder.records()
    if any(task.primary in line for line in records):
        curves.learning_curves(
            path / "learning_curves.png",
            {name: [records]},
            metric=task.primary,
            title=f"{name}: validation over the rounds",
            synthetic=synthetic,
        )
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
    draw_partition(federation, folder)
    draw_predictions(federation, snapshot, folder, name)


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
    federation: Federation, snapshot: Snapshot, folder: RunFolder, name: str
) -> None:
    """Patients from the worst to the best by Dice, each by the slice that shows most tumour."""
    task, cases = federation.task, []
    for hospital in federation.hospitals:
        if not len(hospital.test):
            continue
        federation.model.load(federation.personal(snapshot, hospital.name))
        federation.model.module.eval()
        for patient in np.unique(hospital.test.patients):
            rows = torch.from_numpy(np.flatnonzero(hospital.test.patients == patient))
            images, truth = hospital.test.images[rows], hospital.test.targets[rows]
            logits = federation.model.module(federation.normalise(images))
            evidence = task.evidence(logits, truth).cpu().numpy()
            score = task.metrics(evidence, np.zeros(len(rows)))[task.primary][0]
            slice_ = int((truth > 0).sum((1, 2)).argmax())
            shown = (images[slice_].float(), truth[slice_], logits[slice_].argmax(0))
            label = f"{hospital.name}\npatient {patient}\nDice {score:.2f}"
            cases.append((score, label, *(each.cpu().numpy() for each in shown)))
    cases.sort(key=lambda case: case[:2])
    ranks = np.unique(np.linspace(0, len(cases) - 1, SHOWN).round().astype(int))
    _, labels, images, truth, predicted = zip(*(cases[rank] for rank in ranks), strict=True)
    overlay.predictions(
        folder.path / "figures" / "predictions.png",
        np.stack([image[telling_channel(image, mask)] for image, mask in zip(images, truth)]),
        np.stack(truth),
        np.stack(predicted),
        classes=list(federation.dataset.classes),
        labels=list(labels),
        title=f"{name}: test patients from the worst to the best",
        synthetic=federation.dataset.synthetic,
    )


def telling_channel(image: np.ndarray, mask: np.ndarray) -> int:
    """The channel of (C, H, W) in which the masked pixels stand out most, in its own spread."""
    if not mask.any() or mask.all():
        return 0
    apart = image[:, mask > 0].mean(axis=1) - image[:, mask == 0].mean(axis=1)
    return int(np.abs(apart / (image.std(axis=(1, 2)) + 1e-6)).argmax())
