"""The page of a run and of a comparison: extremes, and the files it is made from and into."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given

from fedmini.cli import exit_status
from fedmini.errors import UserError
from fedmini.files import write_json
from fedmini.report.__main__ import rebuild
from fedmini.folder import RunFolder
from fedmini.report.markup import TEMPLATES, Html, each, fill, table, text
from fedmini.report.page import comparison_page, run_page, write_page
from tests.report.pages import (
    NAMES,
    PICTURES,
    Reader,
    comparison,
    config,
    decoded,
    interval,
    png,
    record,
    seen,
    summary,
)


@pytest.fixture
def finished(tmp_path) -> RunFolder:
    """The folder of a run of two rounds, on real data."""
    folder = RunFolder.create(tmp_path / "run", config())
    (folder.path / "figures").mkdir()
    for name, picture in PICTURES.items():
        (folder.path / "figures" / f"{name}.png").write_bytes(picture)
    records = [record(1, ["north", "south"], ["south"]), record(2, ["north", "south"], [])]
    for line in records:
        folder.append(line)
    folder.save_summary(summary({"north": 0.6, "south": 0.4}, records, synthetic=False))
    return folder


@given(NAMES)
def test_text_shows_every_character_once(value):
    read = Reader(f"<p title='{text(value)}'>{text(value)}</p>")
    assert read.texts == ["".join(read.texts)] and read.shape == [("p", "title")]
    assert "".join(read.texts).isprintable()
    assert seen(value) == read.text


def test_what_a_template_made_is_escaped_only_once():
    once = each("b", ["<1>", Html("<i>2</i>")])
    assert once == "<b>&lt;1&gt;</b>\n<b><i>2</i></b>\n" and text(once) == once
    with pytest.raises(KeyError):
        fill("image.html", alt="no data")


def test_a_long_table_starts_folded():
    for rows, shape in ((25, ("details", "open")), (26, ("details",))):
        column = [str(number) for number in range(rows + 1)]
        assert Reader(table("numbers", [column, column])).shape[0] == shape


def test_every_template_is_part_of_the_package():
    settings = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["fedmini.report"]
    package = TEMPLATES.parent
    files = [each for each in package.rglob("*") if each.is_file() and "__pycache__" not in each.parts]
    for file in files:
        place = str(file.relative_to(package))
        assert file.suffix == ".py" or any(fnmatch.fnmatch(place, each) for each in patterns), place


def test_a_page_says_what_was_run_and_how_to_run_it_again():
    found = config(dropout=0.2, data="my data.h5", settings={"server_lr": 0.5})
    text = Reader(run_page(found, summary({"north": 0.6}), [], PICTURES)).text
    assert "python run.py --algo fedavg --data 'my data.h5' --clients 3 --dropout 0.2" in text
    assert "--server-lr 0.5" in text
    assert "a" * 64 in text and "d" * 64 in text and "fedmini 0.1.0, torch 2" in text


def test_nothing_measured_and_nothing_drawn():
    """No test patient with a metric, no validation, every round aborted, one client."""
    nothing = {"value": None, "low": None, "high": None}
    records = [record(number, ["north"], ["north"]) for number in (1, 2, 3)]
    found = summary({"north": 0.6}, records, worst=None, test={"dice": nothing}, figures={})
    found["hospitals"] = {"north": {"dice": nothing, "patients": 1}}
    read = Reader(run_page(config(data_sha256=None), found, records, {}))
    assert "none could be measured" in read.text and "made by the program" in read.text
    assert "3 answers were missing" in read.text and "aborted for want of answers: 3" in read.text
    assert read.text.count("This figure was left out.") == 4 and not read.images


def test_two_hundred_hospitals_and_a_thousand_rounds_stay_small():
    names = [f"hospital {place}" for place in range(200)]
    records = [record(n, names, names[n % 50 : n % 50 + 40]) for n in range(1, 1001)]
    found = summary({name: 0.3 + place / 400 for place, name in enumerate(names)}, records)
    started = time.perf_counter()
    page = run_page(config(), found, records, PICTURES)
    assert time.perf_counter() - started < 1.0
    assert len(page) < 150_000
    rows = [row for row in Reader(page).rows if len(row) == 7]
    assert len(rows) == 26 and rows[1][0] == "1 to 40" and rows[-1][0] == "961 to 1000"
    assert all(len(cell) <= 100 for row in rows for cell in row)


def test_errors_of_clients_are_told():
    records = [record(1, ["a", "b"], ["a", "b"], {"b": "ValueError: <too bad>"})]
    read = Reader(run_page(config(), summary({"a": 0.3, "b": 0.2}, records), records, {}))
    row = next(row for row in read.rows if len(row) == 7 and row[0] == "1")
    assert row == ["1", "2", "1", "1", "1", "a, b", "b: ValueError: <too bad>"]


def test_a_comparison_shows_levels_differences_verdicts_and_runs():
    found = comparison(["fedavg", "local"])
    found["rows"][1]["differences"]["fedavg"]["dice"] = interval(-0.01)
    pictures = {"comparison": png(1), "learning_curves": png(2)}
    read = Reader(comparison_page(config(algo="fedavg,local"), found, pictures))
    assert ["local - fedavg", "-0.010 [-0.041, +0.007]", "not resolved"] in read.rows
    assert ["fedavg", "0.400 [0.369, 0.417]", "3 bytes", "4 bytes", "2.0", "30.0 min"] in read.rows
    assert ["0 fedavg", "0.400 [0.369, 0.417]", "north"] in read.rows
    assert [link for link in read.links if not link.startswith("data:")] == [
        "0%20fedavg/report.html", "1%20local/report.html",
    ]  # fmt: skip
    assert [decoded(image) for image in read.images] == [png(1), png(2)]
    assert "one run each" in read.text and "SYNTHETIC DATA" in read.text


def test_a_finished_run_gets_its_page_and_gets_it_again(finished, capsys):
    page = write_page(finished.path)
    first = page.read_bytes()
    page.unlink()
    assert exit_status(rebuild, [str(finished.path)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_bytes() == first
    assert exit_status(rebuild, [str(finished.path), "--no-images"]) == 0
    assert "REAL PATIENTS" in page.read_text() and len(page.read_bytes()) < len(first)
    assert (finished.path / "figures" / "predictions.png").exists(), "only the page is made again"


def test_a_finished_comparison_gets_its_page(tmp_path):
    folder = RunFolder.create(tmp_path / "both", config())
    write_json(folder.path / "comparison.json", comparison(["fedavg", "local"]))
    assert "local - fedavg" in Reader(write_page(folder.path).read_text()).text


def damage(folder: RunFolder, name: str, content: str | None) -> None:
    path = folder.path / name
    path.unlink() if content is None else path.write_text(content)


DAMAGE = {
    "has no config.json": ("config.json", None),
    "config.json is not JSON": ("config.json", "{"),
    "holds no finished run: go on with it by --resume": ("summary.json", None),
    "KeyError: 'primary'": ("summary.json", '{"totals": {}}'),
    "metrics.jsonl, line 1": ("metrics.jsonl", '{\n{"round": 2}\n'),
}


@pytest.mark.parametrize("complaint", DAMAGE)
def test_what_is_no_finished_run_is_one_line(finished, capsys, complaint):
    damage(finished, *DAMAGE[complaint])
    assert exit_status(rebuild, [str(finished.path)]) == 2
    line = capsys.readouterr().err
    assert complaint in line and line.startswith("fedmini: ") and line.count("\n") == 1
    assert not (finished.path / "report.html").exists()


def test_bad_options_are_one_line(capsys):
    for options in ([], ["a", "b"], ["a", "--no-image"]):
        assert exit_status(rebuild, options) == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(UserError):
        write_page("nowhere")


def test_the_command_runs(finished):
    done = subprocess.run(
        [sys.executable, "-m", "fedmini.report", str(finished.path)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (finished.path / "report.html").exists()
