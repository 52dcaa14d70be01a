"""The sheet on which every figure is drawn: its type, its colours, its stamp and its file.

Colours are those of Okabe and Ito (2008), which readers with any common colour blindness can tell
apart. Figures are made through matplotlib's objects: no global state of pyplot, and no window.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedmini.files import atomic_path, disk_errors

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")
LINES = ("-", "--", "-.", ":")
INK = "#333333"
MUTED = "#808080"
WARNING = "#D55E00"
WIDTH = 7.0  # inches: the text width of a page


@contextmanager
def sheet(path: Path, title: str, *, synthetic: bool, height: float = WIDTH) -> Iterator[Figure]:
    """Yield an empty figure, `height` inches high; write it to `path` as a PNG at the end.

    The title stands top left; SYNTHETIC DATA stands top right where the data are. What draws on the
    figure may set another height. Raises RunFailed if the disk refuses the file.
    """
    with matplotlib.rc_context(fname=Path(__file__).with_name("figures.mplstyle")):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure
        figure.suptitle(
            textwrap.fill(title, 58 if synthetic else 80),
            x=0.012, ha="left", fontsize=11, fontweight="bold",
        )  # fmt: skip
        if synthetic:
            figure.text(
                0.985, 1 - 0.09 / figure.get_figheight(), "SYNTHETIC DATA",
                ha="right", va="top", fontsize=8.5, fontweight="bold", color=WARNING,
                bbox={"boxstyle": "square,pad=0.3", "facecolor": "white", "edgecolor": WARNING},
            )  # fmt: skip
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as partial:
                figure.savefig(partial, format="png", dpi=180)


def note(axes: Axes, words: str) -> None:
    """Write a remark above a panel, to the right."""
    axes.set_title(words, color=MUTED, fontsize=8, loc="right")
