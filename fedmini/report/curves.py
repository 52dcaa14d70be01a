"""Learning curves: what a metric gained with every round, and with every byte sent up."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedmini.report.canvas import COLOURS, LINES, note
from fedmini.report.words import byte_unit, metric_words


def learning_curves(figure: Figure, curves: dict[str, list[list[dict]]], metric: str) -> None:
    """Draw `metric` against rounds and against the bytes that hospitals sent up so far.

    `curves` holds the records (lines of metrics.jsonl) of every repeat of every algorithm; several
    repeats are drawn as their mean inside the band from the lowest to the highest. An algorithm
    that sends nothing is a level line at its last value in the panel over bytes.
    """
    tracks = {label: [_track(each, metric) for each in runs] for label, runs in curves.items()}
    sent = [track[-1, 1] for runs in tracks.values() for track in runs if len(track)]
    size, unit = byte_unit(max(sent, default=0))
    figure.set_figheight(3.4)
    by_round, by_bytes = figure.subplots(1, 2, sharey=True)
    for number, (label, runs) in enumerate(tracks.items()):
        length = min(len(track) for track in runs)
        if length == 0:
            continue
        stacked = np.stack([track[:length] for track in runs])
        rounds, traffic = stacked.mean(axis=0)[:, :2].T
        style = {
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": LINES[number % len(LINES)],
            "marker": "o" if length <= 12 else "",
        }
        _band(by_round, rounds, stacked[:, :, 2], style, label)
        if traffic[-1] > 0:
            _band(by_bytes, traffic / size, stacked[:, :, 2], style)
        else:
            by_bytes.axhline(stacked[:, -1, 2].mean(), **{**style, "marker": ""})
            note(by_bytes, "lines across: nothing sent, last round")
    by_round.set(xlabel="Round", ylabel=metric_words(metric))
    by_bytes.set(xlabel=f"Sent up by all hospitals since the start ({unit})")
    by_round.xaxis.get_major_locator().set_params(integer=True)
    for axes in (by_round, by_bytes):
        axes.set_xlim(left=0)
    if len(tracks) > 1:
        figure.legend(loc="outside lower center", ncols=min(4, len(tracks)))


def _track(records: list[dict], metric: str) -> np.ndarray:
    """(evaluated rounds, 3): the round, the bytes sent up so far, the metric."""
    points = [(line["round"], line["bytes_up"], line.get(metric)) for line in records]
    track = np.array(points, dtype=float).reshape(-1, 3)  # NaN for a metric of None
    track[:, 1] = track[:, 1].cumsum()
    return track[~np.isnan(track[:, 2])]


def _band(axes: Axes, x: np.ndarray, values: np.ndarray, style: dict, label: str = "") -> None:
    """Draw the mean over repeats of `values` (repeats, points), and the range around it."""
    axes.plot(x, values.mean(axis=0), label=label or None, **style)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
