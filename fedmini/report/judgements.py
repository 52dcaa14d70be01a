"""Classified images beside what a model says of them: a bar for each finding.

A bar is the probability, a tick across it the threshold from which the finding counts as there, and
a filled bar a finding that is truly there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedmini.report.canvas import COLOURS, INK, MUTED, WIDTH, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 6  # findings an image: those that are there, then the likeliest


def judgements(
    path: str | Path, images: np.ndarray, evidence: np.ndarray, thresholds: Sequence[np.ndarray],
    *, findings: list[str], labels: list[str], title: str, synthetic: bool,
) -> Figure:  # fmt: skip
    """Draw one row for each of the n images; returns the figure.

    `images` (n, C, H, W), shown by their first channel; `evidence` (n, K, 3): the probability of
    each of the K `findings`, the truth and the decision; `thresholds` n times (K,), or none, (0,).
    """
    height = 0.9 + len(images) * 0.26 * WIDTH
    longest = max(evidence[..., 0].max(), max(map(max, filter(len, thresholds)), default=0))
    with sheet(path, title, height=height, synthetic=synthetic) as figure:
        panels = figure.subplots(len(images), 2, squeeze=False, width_ratios=(1, 1.4))
        for row, (picture, bars) in enumerate(panels):
            picture.imshow(images[row, 0], cmap="gray")
            picture.set(xticks=[], yticks=[])
            picture.set_ylabel(labels[row], rotation=0, ha="right", va="center", color=INK)
            _bars(bars, evidence[row], thresholds[row], findings)
            bars.set(xlim=(0, 1.05 * longest))
        panels[-1, 1].set_xlabel("Probability")
        marks = [
            bars.bar(0, 0, 0, color=COLOURS[1], edgecolor=COLOURS[1], label="truly there"),
            bars.bar(0, 0, 0, color="white", edgecolor=MUTED, label="not there"),
            *bars.plot([], [], "|", color=INK, markersize=9, label="threshold"),
        ]
        marks = marks if len(thresholds[0]) else marks[:2]
        figure.legend(handles=marks, loc="outside lower center", ncols=3)
        return figure


def _bars(axes: Axes, evidence: np.ndarray, thresholds: np.ndarray, findings: list[str]) -> None:
    """The findings of one image, (K, 3), the most telling on top."""
    order = np.lexsort((-evidence[:, 0], -evidence[:, 1]))[:SHOWN]
    for place, finding in enumerate(order):
        probability, truth = evidence[finding, :2]
        colour, face = (COLOURS[1], COLOURS[1]) if truth else (MUTED, "white")
        axes.barh(place, probability, height=0.62, color=face, edgecolor=colour)
        if len(thresholds):
            axes.plot(thresholds[finding], place, "|", color=INK, markersize=11, markeredgewidth=2)
    axes.set_yticks(range(len(order)), [findings[each].replace("_", " ") for each in order])
    axes.set(ylim=(max(len(order), 3) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.grid(axis="y", visible=False)
