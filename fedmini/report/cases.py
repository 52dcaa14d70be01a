"""Patients' images beside what a model says of them: masks over the image, or bars.

A class of a segmentation is a translucent colour with an outline of the same colour; the colours
are those of Okabe and Ito (2008) that stand out on gray. A finding is a bar, its probability, with
a tick at the threshold from which it counts as there; the bar is filled if it is truly there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fedmini.report.canvas import COLOURS, INK, MUTED, WIDTH

ON_GRAY = ("#F0E442", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
LABEL = {"rotation": 0, "ha": "right", "va": "center", "color": INK}


@dataclass(frozen=True)
class Case:
    """An image of a patient, the truth, and what a model says: a mask, or evidence on findings."""

    label: str
    image: np.ndarray  # (C, H, W)
    truth: np.ndarray  # (H, W) class indices, or labels
    mask: np.ndarray | None  # (H, W) class indices, 0 for the background
    evidence: np.ndarray  # of K findings, (K, 3): probability, truth, decision
    thresholds: Sequence[float]  # (K,), or none


def predictions(figure: Figure, cases: list[Case], classes: Sequence[str]) -> None:
    """Draw a row for each case: image, true mask, predicted mask; `classes`: background first.

    The image is shown by the channel in which the truth stands out most.
    """
    columns = ("Image", "Truth", "Prediction")
    side = 0.85 * WIDTH / len(columns)  # the rest is for the words on the left
    high, wide = cases[0].truth.shape
    figure.set_figheight(0.9 + len(cases) * side * high / wide)
    panels = figure.subplots(len(cases), len(columns), squeeze=False)
    for row, case in zip(panels, cases, strict=True):
        image = case.image[telling_channel(case.image, case.truth)]
        dark, bright = np.percentile(image, (1, 99.5))
        for axes in row:
            axes.imshow(image, cmap="gray", vmin=dark, vmax=max(bright, dark + 1e-6))
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        _outline(row[1], case.truth, len(classes))
        _outline(row[2], case.mask, len(classes))
        row[0].set_ylabel(case.label, **LABEL)
    for axes, name in zip(panels[0], columns, strict=True):
        axes.set_title(name, loc="center")
    colours = [_colour(number) for number in range(1, len(classes))]
    patches = [Patch(facecolor=(each, 0.45), edgecolor=each) for each in colours]
    figure.legend(patches, classes[1:], loc="outside lower center", ncols=min(4, len(patches)))


def telling_channel(image: np.ndarray, mask: np.ndarray) -> int:
    """The channel of (C, H, W) in which the masked pixels stand out most, in its own spread."""
    if not mask.any() or mask.all():
        return 0
    image = image.astype(np.float64)
    apart = image[:, mask > 0].mean(axis=1) - image[:, mask == 0].mean(axis=1)
    return int(np.abs(apart / (image.std(axis=(1, 2)) + 1e-6)).argmax())


def judgements(figure: Figure, cases: list[Case], findings: Sequence[str]) -> None:
    """Draw a row for each case: the first channel of the image, and bars of the `findings`."""
    figure.set_figheight(0.9 + len(cases) * 0.26 * WIDTH)
    drawn = [[*case.evidence[:, 0], *case.thresholds] for case in cases]
    panels = figure.subplots(len(cases), 2, squeeze=False, width_ratios=(1, 1.4))
    for (picture, bars), case in zip(panels, cases, strict=True):
        picture.imshow(case.image[0], cmap="gray")
        picture.set(xticks=[], yticks=[])
        picture.set_ylabel(case.label, **LABEL)
        _bars(bars, case, findings)
        bars.set(xlim=(0, 1.05 * max(map(max, drawn))))
    panels[-1, 1].set_xlabel("Probability")
    marks = [
        bars.bar(0, 0, 0, color=COLOURS[1], edgecolor=COLOURS[1], label="truly there"),
        bars.bar(0, 0, 0, color="white", edgecolor=MUTED, label="not there"),
        *bars.plot([], [], "|", color=INK, markersize=9, label="threshold"),
    ]
    marks = marks if len(cases[0].thresholds) else marks[:2]
    figure.legend(handles=marks, loc="outside lower center", ncols=3)


def _bars(axes: Axes, case: Case, findings: Sequence[str]) -> None:
    """Up to six findings of an image: on top those that are there, then the likeliest."""
    order = np.lexsort((-case.evidence[:, 0], -case.evidence[:, 1]))[:6]
    for place, finding in enumerate(order):
        probability, truth = case.evidence[finding, :2]
        colour, face = (COLOURS[1], COLOURS[1]) if truth else (MUTED, "white")
        axes.barh(place, probability, height=0.62, color=face, edgecolor=colour)
        if len(case.thresholds):
            tick = case.thresholds[finding]
            axes.plot(tick, place, "|", color=INK, markersize=11, markeredgewidth=2)
    axes.set_yticks(range(len(order)), [findings[each].replace("_", " ") for each in order])
    axes.set(ylim=(max(len(order), 3) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.grid(axis="y", visible=False)


def _outline(axes: Axes, mask: np.ndarray, classes: int) -> None:
    """Tint every class but the background, and draw the line around it."""
    for number in range(1, classes):
        inside = mask == number
        if not inside.any():
            continue
        tint = np.zeros((*mask.shape, 4))
        tint[inside] = to_rgba(_colour(number), alpha=0.35)
        axes.imshow(tint, interpolation="nearest")
        framed = np.pad(inside.astype(float), 1)
        places = [np.arange(-1, size + 1) for size in mask.shape]
        axes.contour(places[1], places[0], framed, [0.5], colors=_colour(number), linewidths=1.0)
        axes.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5))


def _colour(number: int) -> str:
    return ON_GRAY[(number - 1) % len(ON_GRAY)]

