"""Figures: written, stamped where the data are synthetic, and true to their numbers."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fedmini.errors import RunFailed
from fedmini.report.canvas import sheet
from fedmini.report.cases import Case, judgements, predictions
from fedmini.report.curves import learning_curves
from fedmini.report.figures import comparison, intervals, partition


def interval(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def run(rounds=6, sent=500, every=2):
    """A metrics.jsonl whose metric is the round / 10, evaluated every second round."""
    dice = {n: n / 10 if n % every == 0 else None for n in range(1, rounds + 1)}
    return [
        {"round": n, "bytes_up": sent, "bytes_down": sent, "dice": dice[n]} for n in dice
    ]


ROWS = [
    {"algorithm": "fedavg", "metrics": {"dice": interval(0.8, 0.7, 0.9)}, "differences": {}},
    {
        "algorithm": "fedprox",
        "metrics": {"dice": interval(0.9, 0.8, 0.95)},
        "differences": {"fedavg": {"dice": interval(0.1, -0.1, 0.2)}},
    },
    {
        "algorithm": "local",
        "metrics": {},
        "differences": {"fedavg": {"dice": interval(-0.3, -0.4, -0.2)}, "fedprox": {}},
    },
]
HOSPITALS = {
    "north": interval(0.8, 0.7, 0.9) | {"patients": 5},
    "south": interval(0.6) | {"patients": 1},
    "west": interval(None) | {"patients": 0},
}
MASKS = np.zeros((2, 16, 24), dtype=int)
MASKS[0, 4:12, 4:12], MASKS[0, 6:9, 6:9] = 1, 2
CLASSES = ["background", "oedema", "core"]
EVIDENCE = np.array(  # probability, truth and decision of three findings, in two images
    [[[0.9, 0, 1], [0.1, 1, 0], [0.3, 0, 0]], [[0.2, 0, 0], [0.4, 0, 0], [0.8, 1, 1]]]
)

def cases(masks):
    """Two patients: with masks, or with judgements of three findings."""
    pictures = np.random.default_rng(0).random((2, 3, 16, 24))
    guesses = np.roll(MASKS, 1, axis=1)
    return [
        Case(f"patient {n + 1}", pictures[n], MASKS[n] if masks else EVIDENCE[n, :, 1],
             guesses[n] if masks else None, EVIDENCE[n], [0.2, 0.5, 0.7])
        for n in (0, 1)
    ]  # fmt: skip


DRAW = {
    "curves": lambda figure: learning_curves(
        figure, {"fedavg": [run(), run(8)], "local": [run(sent=0)]}, "dice"
    ),
    "comparison": lambda figure: comparison(figure, ROWS, "dice"),
    "hospitals": lambda figure: intervals(figure, HOSPITALS, interval(0.7, 0.6, 0.8), "dice"),
    "partition": lambda figure: partition(
        figure, np.array([[1, 2], [3, 0]]), np.array([13, 8]), ["north", "south"], ["small", "large"]
    ),
    "predictions": lambda figure: predictions(figure, cases(masks=True), CLASSES),
    "judgements": lambda figure: judgements(
        figure, cases(masks=False), ["Mass", "Edema", "Pleural_Thickening"]
    ),
}


def drawn(path, draw, synthetic=False):
    """The figure that `draw` leaves on a sheet."""
    with sheet(path, "Test patients", synthetic=synthetic) as figure:
        draw(figure)
    return figure


def texts(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("name", DRAW)
def test_a_figure_is_written_and_stamped_only_where_data_are_synthetic(tmp_path, name):
    stamped = drawn(tmp_path / "figures" / "a.png", DRAW[name], synthetic=True)
    plain = drawn(tmp_path / "figures" / "b.png", DRAW[name])
    assert any("SYNTHETIC" in text for text in texts(stamped))
    assert not any("SYNTHETIC" in text for text in texts(plain))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["a.png", "b.png"]
    with Image.open(tmp_path / "figures" / "a.png") as image:
        assert image.width == 1260 and image.height > 300
        assert len(np.unique(np.asarray(image.convert("L")))) > 50


@pytest.mark.parametrize("name", DRAW)
def test_the_stamp_touches_no_other_text(tmp_path, name):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure = drawn(tmp_path / "a.png", DRAW[name], synthetic=True)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    words = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    stamp = next(text for text in words if "SYNTHETIC" in text.get_text())
    frame = stamp.get_window_extent(renderer)
    touching = [w.get_text() for w in words if frame.overlaps(w.get_window_extent(renderer))]
    assert touching == [stamp.get_text()]


def test_curves_skip_rounds_without_a_metric_and_count_bytes_sent_up(tmp_path):
    figure = drawn(tmp_path / "a.png", DRAW["curves"])
    by_round, by_bytes = figure.axes
    assert by_round.lines[0].get_xdata().tolist() == [2, 4, 6]
    np.testing.assert_allclose(by_round.lines[0].get_ydata(), [0.2, 0.4, 0.6])
    np.testing.assert_allclose(by_bytes.lines[0].get_xdata(), [1, 2, 3])
    assert "kB" in by_bytes.get_xlabel()
    assert "lines across: nothing sent, last round" in texts(figure)


def test_curves_survive_runs_without_any_metric(tmp_path):
    figure = drawn(
        tmp_path / "a.png", lambda figure: learning_curves(figure, {"fedavg": [[]]}, "dice")
    )
    assert not figure.axes[0].lines


def test_comparison_mutes_what_is_not_resolved(tmp_path):
    figure = drawn(tmp_path / "a.png", DRAW["comparison"])
    words = texts(figure)
    assert "hollow and gray: not resolved" in words
    assert "fedprox − fedavg" in words
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    faces = [dot.get_markerfacecolor() for dot in dots]
    assert faces[0] == "white" and faces[1] != "white"
    assert words.count("not measured") == 2


def test_hospitals_marks_the_worst_of_those_that_were_measured(tmp_path):
    words = texts(drawn(tmp_path / "a.png", DRAW["hospitals"]))
    assert "0.600 worst" in words and "0.800" in words and "not measured" in words
    assert "south (1 patient)" in words


def test_many_hospitals_get_every_nth_name(tmp_path):
    patients, images = np.ones((100, 1), dtype=int), np.full(100, 7)
    names = [f"hospital {n}" for n in range(100)]
    figure = drawn(
        tmp_path / "a.png", lambda figure: partition(figure, patients, images, names, ["all"])
    )
    rows = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert rows == [f"{name}: 1 patients, 7 images" for name in names[::3]]


def test_a_partition_shows_numbers_of_patients_and_shades_of_each_hospitals_share(tmp_path):
    figure = drawn(tmp_path / "a.png", DRAW["partition"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3", "0"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[1 / 3, 2 / 3], [1, 0]])
    rows = [text.get_text() for text in axes.get_yticklabels()]
    assert rows == ["north: 3 patients, 13 images", "south: 3 patients, 8 images"]


def test_judgements_show_what_is_there_first_and_then_the_likeliest(tmp_path):
    figure = drawn(tmp_path / "a.png", DRAW["judgements"])
    first, second = figure.axes[1], figure.axes[3]
    named = [[text.get_text() for text in axes.get_yticklabels()] for axes in (first, second)]
    assert named == [["Edema", "Mass", "Pleural Thickening"], ["Pleural Thickening", "Edema", "Mass"]]
    np.testing.assert_allclose([bar.get_width() for bar in first.patches], [0.1, 0.9, 0.3])
    np.testing.assert_allclose([line.get_xdata()[0] for line in first.lines], [0.5, 0.2, 0.7])
    faces = [bar.get_facecolor() for bar in first.patches]
    assert faces[0] != faces[1] == faces[2]


def test_predictions_stand_beside_the_truth(tmp_path):
    figure = drawn(tmp_path / "a.png", DRAW["predictions"])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["Image", "Truth", "Prediction"]
    tints = [[image.get_array().shape for image in axes.images[1:]] for axes in figure.axes]
    assert list(map(len, tints)) == [0, 2, 2, 0, 0, 0], "two classes in one image, none in the other"


def test_a_disk_that_refuses_a_figure_is_a_failed_run(tmp_path):
    (tmp_path / "figures").write_text("a file where the folder should be")
    with pytest.raises(RunFailed, match=r"a\.png could not be written"):
        drawn(tmp_path / "figures" / "a.png", DRAW["partition"])


def test_figures_leave_matplotlib_as_it_was_and_cost_nothing_before_the_first():
    code = (
        "import sys; from fedmini import launch;"
        "assert 'matplotlib' not in sys.modules; import matplotlib;"
        "names = matplotlib.rcParams.keys() - {'backend'};"
        "before = [matplotlib.rcParams[name] for name in names];"
        "import pathlib, tempfile; path = pathlib.Path(tempfile.mkdtemp(), 'a.png');"
        "import numpy; from fedmini.report import canvas, figures;\n"
        "with canvas.sheet(path, 'A', synthetic=True) as figure:\n"
        "    figures.partition(figure, numpy.ones((1, 1)), [2], ['a'], ['b'])\n"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert before == [matplotlib.rcParams[name] for name in names]"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
