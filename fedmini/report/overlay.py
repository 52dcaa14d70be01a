"""Segmentations over the images they belong to: the image, the truth, the prediction.

Each class is a translucent colour with an outline of the same colour; the colours are those of
Okabe and Ito (2008) that stand out on gray.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedmini.report.canvas import INK, WIDTH, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ON_GRAY = ("#F0E442", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
LABEL_SHARE = 0.15  # of the width, for the words on the left


def predictions(
    path: str | Path, images: np.ndarray, truth: np.ndarray | None, predicted: np.ndarray,
    *, classes: list[str], labels: list[str], title: str, synthetic: bool,
) -> Figure:  # fmt: skip
    """Draw one row for each of the n images; returns the figure.

    `images` (n, C, H, W), shown by the channel in which the truth stands out most; `truth` and
    `predicted` (n, H, W) class indices, 0 for the background, `truth` None where it is unknown;
    `classes` names of all classes, the background first; `labels` n texts.
    """
    columns = {"Image": None, "Truth": truth, "Prediction": predicted}
    if truth is None:
        del columns["Truth"]
    side = WIDTH * (1 - LABEL_SHARE) / len(columns)
    height = 0.9 + len(images) * side * images.shape[2] / images.shape[3]
    with sheet(path, title, height=height, synthetic=synthetic) as figure:
        panels = figure.subplots(len(images), len(columns), squeeze=False)
        for row, channels in enumerate(images):
            image = channels[telling_channel(channels, None if truth is None else truth[row])]
            for axes, (name, masks) in zip(panels[row], columns.items(), strict=True):
                low, high = np.percentile(image, (1, 99.5))
                axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
                if masks is not None:
                    _outline(axes, masks[row], len(classes))
                if row == 0:
                    axes.set_title(name, loc="center")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            panels[row, 0].set_ylabel(labels[row], rotation=0, ha="right", va="center", color=INK)
        patches = [_patch(number) for number in range(1, len(classes))]
        figure.legend(patches, classes[1:], loc="outside lower center", ncols=min(4, len(patches)))
        return figure


def telling_channel(image: np.ndarray, mask: np.ndarray | None) -> int:
    """The channel of (C, H, W) in which the masked pixels stand out most, in its own spread."""
    if mask is None or not mask.any() or mask.all():
        return 0
    image = image.astype(np.float64)
    apart = image[:, mask > 0].mean(axis=1) - image[:, mask == 0].mean(axis=1)
    return int(np.abs(apart / (image.std(axis=(1, 2)) + 1e-6)).argmax())


def _colour(number: int) -> str:
    return ON_GRAY[(number - 1) % len(ON_GRAY)]


def _outline(axes: Axes, mask: np.ndarray, classes: int) -> None:
    """Tint every class but the background, and draw the line around it."""
    from matplotlib.colors import to_rgba

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


def _patch(number: int) -> object:
    from matplotlib.patches import Patch

    return Patch(facecolor=(_colour(number), 0.45), edgecolor=_colour(number))
