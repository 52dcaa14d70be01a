"""Chapters run and point at real lines of fedmini; exercises can be failed and solved."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contracts.framework import CATALOGUE, collect, load

collect("contracts", "laws")

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "tutorials"
CHAPTERS = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
STARTERS = sorted((TUTORIALS / "exercises").glob("[0-9][0-9]_*.py"))
SOLUTIONS = sorted((TUTORIALS / "exercises" / "solutions").glob("[0-9][0-9]_*.py"))
ALONE = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
SECONDS = 20  # 10 on a machine of its own, which one in use may take twice as long for

TAG = re.compile(r"Eq\. \d+\.\d+")
COMMAND = re.compile(r"pytest tests/contracts --impl (\w+)=(\S+\.py):(\w+)$", re.MULTILINE)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env={**os.environ, **ALONE, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def tags_in_source() -> list[str]:
    """Every tag in a comment of fedmini's source or the student's file, as often as it is there."""
    files = [*(ROOT / "fedmini").rglob("*.py"), TUTORIALS / "scaffold.py"]
    comments = re.findall(r"^\s*#.*$", "\n".join(path.read_text("utf-8") for path in files), re.M)
    return [tag for comment in comments for tag in re.findall(r"\((Eq\. \d+\.\d+)\)", comment)]


def exercise(path: Path) -> tuple[str, str, str]:
    """Component, file and class of the command that stands in a file."""
    (found,) = COMMAND.findall(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs_and_draws_its_one_figure(path, tmp_path):
    files = {each for each in ROOT.glob("*")} | {each for each in TUTORIALS.rglob("*")}
    before = os.times()
    done = run(path, FEDMINI_FIGURES=str(tmp_path), MPLCONFIGDIR=str(tmp_path / "fonts"))
    after = os.times()
    assert done.returncode == 0, done.stderr
    used = sum(after[2:4]) - sum(before[2:4])
    assert used < SECONDS, f"{used:.1f} s of processor time"
    assert [each.name for each in tmp_path.glob("*.png")] == [f"{path.stem}.png"]
    assert {each for each in ROOT.glob("*")} | {each for each in TUTORIALS.rglob("*")} == files


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_points_at_lines_of_the_source(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# %% [markdown]\n# # {path.name[:2]} · ")
    tags = set(TAG.findall(text))
    own = f"Eq. {int(path.name[:2])}."
    assert any(tag.startswith(own) for tag in tags), "no equation of its own"
    assert tags <= set(tags_in_source()), "an equation without its line"


def test_every_tag_of_the_source_is_one_line_that_a_chapter_explains():
    tags = tags_in_source()
    explained = {tag for path in CHAPTERS for tag in TAG.findall(path.read_text(encoding="utf-8"))}
    assert sorted(tags) == sorted(explained)


def test_every_chapter_has_its_exercise():
    for path, starter, solution in zip(CHAPTERS, STARTERS, SOLUTIONS, strict=True):
        component, place, name = exercise(starter)
        assert starter.name[:2] == path.name[:2] and ROOT / place == starter
        assert exercise(path) == (component, place, name)
        assert exercise(solution) == (component, str(solution.relative_to(ROOT)), name)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_starter_breaks_a_law_and_does_not_crash(path):
    component, _, name = exercise(path)
    impl, broken = load(f"{path}:{name}"), False
    for law in CATALOGUE.laws:
        if law.component == component and not broken:
            try:
                law.test(impl)
            except* AssertionError:  # hypothesis groups them where one law breaks in two ways
                broken = True
    assert broken, "this exercise is solved before it begins"


@pytest.mark.parametrize(
    ("paths", "status"), [(STARTERS[:1], 1), (SOLUTIONS, 0)], ids=["starter", "solutions"]
)
def test_the_command_of_the_exercises_fails_and_passes(paths, status):
    options = ["{}={}:{}".format(*exercise(path)) for path in paths]
    chosen = [part for option in options for part in ("--impl", option)]
    done = run("-m", "pytest", "-q", "--tb=no", "tests/contracts", *chosen)
    assert done.returncode == status, done.stdout
    assert ("failed" in done.stdout) == bool(status)


def test_the_index_knows_every_chapter():
    index = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", index)
    assert all((TUTORIALS / link).is_file() for link in links)
    assert {path.name for path in CHAPTERS} <= set(links)
    assert {f"exercises/{path.name}" for path in STARTERS} <= set(links)
