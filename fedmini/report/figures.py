"""Intervals side by side, hospital by hospital, and who holds what.

Each function draws plain numbers on an empty figure and sets its height. An interval is the dict of
`fedmini.report.words`.
"""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedmini.report.canvas import COLOURS, INK, MUTED, WARNING, note
from fedmini.report.words import defined, metric_words, pairs, spread, unresolved, written

TALL = 9.0  # inches
NAMED = 35  # rows; of more, every n-th has its name, and only the worst its value


def comparison(figure: Figure, rows: list[dict], metric: str) -> None:
    """Draw a metric of every algorithm, and its paired differences from those before it.

    Each row: {"algorithm": name, "metrics": {metric: interval}, "differences": {an earlier
    algorithm: {metric: interval}}}.
    """
    names = [row["algorithm"] for row in rows]
    differences = {f"{a} − {b}": found for a, b, found in pairs(rows, metric)}
    figure.set_figheight(1.4 + 0.4 * max(len(names), len(differences), 2))
    level, paired = figure.subplots(1, 2)
    for place, row in enumerate(rows):
        _dot(level, place, row["metrics"].get(metric), COLOURS[0], "{:.3f}")
    for place, difference in enumerate(differences.values()):
        muted = defined(difference) and unresolved(difference)
        if muted:
            note(paired, "hollow and gray: not resolved")
        _dot(paired, place, difference, MUTED if muted else COLOURS[1], "{:+.3f}", hollow=muted)
    paired.axvline(0, color="black", linewidth=1, zorder=1)
    level.set(xlabel=f"{metric_words(metric)} (95% interval)")
    paired.set(xlabel="Paired difference (95% interval)")
    _lay_out(level, names)
    _lay_out(paired, list(differences))


def intervals(figure: Figure, rows: dict[str, dict], pooled: dict, metric: str) -> None:
    """Draw a metric of every hospital, or finding, beside that of all; the worst one is marked.

    `rows`: name -> interval, with "patients" (how many it was measured on) beside it.
    """
    measured = {name: each["value"] for name, each in rows.items() if defined(each)}
    worst = min(measured, key=measured.get, default=None)
    plain = "{:.3f}" if len(rows) <= NAMED else ""
    figure.set_figheight(min(TALL, 1.5 + 0.28 * len(rows)))
    axes = figure.subplots()
    if defined(pooled):
        low, high = spread(pooled)
        axes.axvspan(low, high, color=COLOURS[0], alpha=0.12, linewidth=0)
        axes.axvline(pooled["value"], color=COLOURS[0], linestyle="--", linewidth=1.2)
        note(axes, f"dashed, shaded: all together, {written(pooled)}")
    labels = []
    for place, (name, each) in enumerate(rows.items()):
        marked = name == worst and len(measured) > 1
        colour, words = (WARNING, "{:.3f} worst") if marked else (COLOURS[0], plain)
        _dot(axes, place, each, colour, words)
        count = each["patients"]
        labels.append(f"{name.replace('_', ' ')} ({count} patient{'s' * (count != 1)})")
    axes.set(xlabel=f"{metric_words(metric)} (95% interval)")
    _lay_out(axes, labels)


def partition(
    figure: Figure, patients: np.ndarray, images: np.ndarray, names: list[str], strata: list[str]
) -> None:
    """Draw who holds what: a row for each hospital, a column for each stratum of patients.

    `patients` (hospitals, strata): how many each trains on; `images` (hospitals,): their images.
    """
    totals = patients.sum(axis=1)
    held = zip(names, totals, images, strict=True)
    rows = [f"{name}: {of} patients, {seen} images" for name, of, seen in held]
    share = patients / np.maximum(totals, 1)[:, None]
    figure.set_figheight(min(TALL, 2.2 + 0.24 * len(names)))
    axes = figure.subplots()
    shades = axes.imshow(share, cmap="Blues", vmin=0, vmax=share.max(), aspect="auto")
    if len(names) <= NAMED:
        for (row, column), count in np.ndenumerate(patients):
            ink = "white" if share[row, column] > 0.6 * share.max() else INK
            axes.text(column, row, count, ha="center", va="center", fontsize=7.5, color=ink)
    _name_rows(axes, rows)
    words = [stratum.replace("_", " ") for stratum in strata]
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(strata)), words, **(slanted if len(strata) > 4 else {}))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(shades, format="{x:.0%}", label="Share of the hospital's patients")


def _dot(
    axes: Axes, place: int, interval: dict | None, colour: str, words: str, hollow: bool = False
) -> None:
    """Draw one interval in row `place`, with its value in `words` above the dot."""
    if not defined(interval):
        axes.text(
            0.01, place, "not measured", transform=axes.get_yaxis_transform(),
            va="center", fontsize=8, color=MUTED,
        )  # fmt: skip
        return
    value, face = interval["value"], "white" if hollow else colour
    axes.plot(spread(interval), [place, place], color=colour, linewidth=2)
    axes.plot(value, place, "o", color=colour, markerfacecolor=face, markersize=6)
    axes.annotate(
        words.format(value), (value, place), xytext=(0, 6), textcoords="offset points",
        ha="center", va="bottom", fontsize=7.5, color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )  # fmt: skip


def _name_rows(axes: Axes, rows: list[str]) -> None:
    """Name the rows, every n-th of many."""
    every = math.ceil(len(rows) / NAMED) or 1
    axes.set_yticks(range(0, len(rows), every), rows[::every])


def _lay_out(axes: Axes, rows: list[str]) -> None:
    """Name the rows from the top down, and make room for what stands over them."""
    _name_rows(axes, rows)
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.75)
    axes.margins(x=0.1)
    axes.locator_params(axis="x", nbins=5, min_n_ticks=3)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
