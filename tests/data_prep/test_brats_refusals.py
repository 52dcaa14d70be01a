"""Options and folders that make no sense: one line, and nothing is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.brats import main
from tests.data_prep.brats_source import download, volumes, write_volume

ROOT = Path(__file__).parents[2]


def refused(capfd, *arguments: object) -> str:
    """The line with which the command refuses; nothing is written."""
    before = sorted(Path.cwd().rglob("*"))
    assert main([*map(str, arguments)]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("fedmini: "), err
    assert sorted(Path.cwd().rglob("*")) == before
    return err


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return download(tmp_path / "in", patients=2)


OPTIONS = {
    "SOURCE nowhere: there is no such folder": "nowhere --out a.h5",
    "--out old.h5: exists already": "in --out old.h5",
    "--out in: exists already": "in --out in",
    "--out no/where.h5: must be a new file in a folder": "in --out no/where.h5",
    "--out": "in",
    "argument --slices: found 'every:0'": "in --out a.h5 --slices every:0",
    "argument --slices: found 'tumor'": "in --out a.h5 --slices tumor",
    "argument --modalities: found 'T1'": "in --out a.h5 --modalities T1",
    "argument --modalities: found ''": "in --out a.h5 --modalities t1,",
    "argument --size: takes a whole number from 1 to 2048, not '0'": "in --out a.h5 --size 0",
    "from 1 to 2048, not '4096'": "in --out a.h5 --size 4096",
    "argument --workers: takes a whole number from 1": "in --out a.h5 --workers 0",
    "argument --split-seed: takes a whole number": "in --out a.h5 --split-seed -1",
    "argument --test: takes a number from 0 to below 1, not 'nan'": "in --out a.h5 --test nan",
    "--validation 0.5 and --test 0.5": "in --out a.h5 --validation 0.5 --test 0.5",
    "--name-mapping no.csv: is no table": "in --out a.h5 --name-mapping no.csv",
    "found the columns a, b; BraTS_2019_subject_ID": "in --out a.h5 --name-mapping wrong.csv",
    "unrecognized arguments: --slice": "in --out a.h5 --slice all",
}


@pytest.mark.parametrize("complaint", OPTIONS)
def test_options_that_are_refused(source, capfd, complaint):
    Path("old.h5").write_text("precious")
    Path("wrong.csv").write_text("a,b\n1,2\n")
    assert complaint in refused(capfd, *OPTIONS[complaint].split())
    assert Path("old.h5").read_text() == "precious"


def test_a_folder_without_cases(source, capfd):
    Path("empty/deep").mkdir(parents=True)
    Path("empty/deep/other_flair.nii.gz").write_bytes(b"")
    line = refused(capfd, "empty", "--out", "a.h5")
    assert "SOURCE empty: found no case" in line and "CASE_flair.nii.gz" in line


def test_two_cases_of_one_name(source, capfd):
    download(source / "again", patients=1)
    line = refused(capfd, "in", "--out", "a.h5")
    assert "two cases are called BraTS20_Training_001: in/BraTS20_Training_001 and in/" in line
    assert line.endswith("/again/BraTS20_Training_001\n")


def test_no_case_is_left(source, capfd):
    for path in source.rglob("*_t1.nii.gz"):
        path.write_bytes(b"nothing")
    for path in source.rglob("*001_t1.nii.gz"):
        path.unlink()
    assert main(["in", "--out", "a.h5"]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[2].startswith("fedmini: none of 2 cases can be used")
    for path in source.rglob("*_seg.nii.gz"):
        write_volume(path, volumes()["seg"] * 0)
    download(Path("whole"), patients=2)
    for path in Path("whole").rglob("*_seg.nii.gz"):
        write_volume(path, volumes()["seg"] * 0)
    assert main(["whole", "--out", "a.h5"]) == 2
    assert "none of 2 cases can be used" in capfd.readouterr().err
    assert not list(Path().glob("a.h5*"))


def test_help_needs_no_torch():
    script = (
        "import sys\nfrom data_prep.brats import main\ntry:\n    main(['--help'])\n"
        "finally:\n    assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for words in ("--name-mapping FILE.csv", "[tumour]", "[0.2]", "[flair,t1,t1ce,t2]", "[0]"):
        assert words in done.stdout
