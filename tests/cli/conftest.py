"""Whole runs in a fraction of a second: fifteen patients at three hospitals, 16x16 pixels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import fedmini.drawing
from data_prep.store import write
from fedmini.cli import main
from tests.data.factory import segmentation_dataset

SIZELESS = "--preset tiny --device cpu --threads 1 --quiet"
TINY = f"{SIZELESS} --width 1 --depth 1"


@dataclass
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


@dataclass
class Run:
    """A run folder, read without fedmini."""

    path: Path

    def json(self, name: str) -> dict:
        return json.loads((self.path / name).read_text())

    @property
    def summary(self) -> dict:
        return self.json("summary.json")

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in (self.path / "metrics.jsonl").open()]

    @property
    def checkpoint(self) -> dict:
        return torch.load(self.path / "checkpoint.pt", weights_only=True)

    def timeless(self) -> tuple[list[dict], dict]:
        """Everything measured, apart from how long it took."""
        lines = [{k: v for k, v in line.items() if k != "seconds"} for line in self.lines]
        summary = self.summary
        del summary["totals"]["seconds"]
        return lines, summary


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A prepared file that names three hospitals."""
    path = tmp_path_factory.mktemp("prepared") / "tiny.h5"
    write(path, segmentation_dataset(patients=15, slices=2, size=16))
    return path


@pytest.fixture
def command(tmp_path, monkeypatch, capsys) -> Callable[..., Done]:
    """Run fedmini in this process, in an empty working directory."""
    place = tmp_path / "cwd"
    place.mkdir()
    monkeypatch.chdir(place)
    threads = torch.get_num_threads()

    def run(arguments: str, *more: object) -> Done:
        capsys.readouterr()
        status = main([*arguments.split(), *map(str, more)])
        return Done(status, *capsys.readouterr())

    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def play(command, data) -> Callable[..., Run]:
    """A tiny run that must succeed: its options and the name of its folder."""

    def run(options: str, out: str = "run") -> Run:
        tiny = SIZELESS if "--model" in options else TINY
        done = command(f"{tiny} --rounds 3", "--data", data, "--out", out, *options.split())
        assert (done.status, done.err) == (0, ""), done.err
        return Run(Path(out).absolute())

    return run


@pytest.fixture
def refused(command) -> Callable[..., str]:
    """The one line of a command that must be refused, having written nothing."""

    def run(arguments: str, *more: object) -> str:
        before = everything()
        done = command(arguments, *more)
        assert done.status == 2, done.err
        assert done.out == ""
        assert done.err.startswith("fedmini: ") and done.err.count("\n") == 1, done.err
        assert everything() == before
        return done.err

    return run


def everything() -> dict[str, bytes]:
    """All files and folders under the working directory."""
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for path in sorted(Path.cwd().rglob("*"))
        if "__pycache__" not in path.parts
    }


@pytest.fixture
def figures():
    """Ask for this to have figures drawn: they take longer than the run."""


@pytest.fixture(autouse=True)
def no_figures(request, monkeypatch):
    if "figures" not in request.fixturenames:
        monkeypatch.setattr(fedmini.drawing, "draw_run", lambda *arguments: {})
        monkeypatch.setattr(fedmini.drawing, "draw_comparison", lambda *arguments: {})
