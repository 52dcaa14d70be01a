"""Options, tables and lists of ChestX-ray14 that make no sense: one line, nothing written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.nih import main
from tests.data_prep.nih_source import download, rows_of, write_images, write_table

ROOT = Path(__file__).parents[2]
TABLE, TRAINING, TESTING = "Data_Entry_2017_v2020.csv", "train_val_list.txt", "test_list.txt"


def refused(capfd, *arguments: str) -> str:
    """The line with which the command refuses; nothing is written."""
    before = sorted(Path.cwd().rglob("*"))
    assert main([*arguments]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("fedmini: "), err
    assert sorted(Path.cwd().rglob("*")) == before
    return err


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return download(Path("in"), patients=6)


OPTIONS = {
    "SOURCE nowhere: there is no such folder": "nowhere --out a.h5",
    "--out in: exists already": "in --out in",
    "argument --split: invalid choice: 'random'": "in --out a.h5 --split random",
    "from 1 to 2048, not '0'": "in --out a.h5 --size 0",
    "--test 0.3: --split official takes all of test_list.txt": "in --out a.h5 --test 0.3",
    "--validation 0.9 and --test 0.2": "in --out a.h5 --validation 0.9",
    "none.csv: is no table that can be read: No such file": "in --out a.h5 --table none.csv",
    "in: is no table that can be read: Is a directory": "in --out a.h5 --table in",
    "unrecognized arguments: --slices": "in --out a.h5 --slices all",
}


@pytest.mark.parametrize("complaint", OPTIONS)
def test_options_that_are_refused(source, capfd, complaint):
    assert complaint in refused(capfd, *OPTIONS[complaint].split())


def written(name: str, content: bytes):
    return lambda source: (source / name).write_bytes(content)


def renamed(column: str, name: str):
    def damage(source: Path) -> None:
        text = (source / TABLE).read_text()
        (source / TABLE).write_text(text.replace(column, name, 1))

    return damage


def in_both(source: Path) -> None:
    (source / TESTING).write_text(f"{rows_of(6)[0][0]}\n{rows_of(6)[1][0]}\n")


def patient_in_both(source: Path) -> None:
    """Patient 2 has three images; the last is tested."""
    last = rows_of(6)[4][0]
    for name, old, new in ((TRAINING, f"{last}\n", ""), (TESTING, "", f"{last}\n")):
        text = (source / name).read_text()
        (source / name).write_text(text.replace(old, new, 1))


SOURCES = {
    "found no Data_Entry_2017_v2020.csv or Data_Entry": lambda source: (source / TABLE).unlink(),
    "found in/Data_Entry_2017_v2020.csv and in/sample_labels.csv; right would be one, or --table":
        lambda source: write_table(source, rows_of(6), "sample_labels.csv"),
    f"{TABLE}: found the columns nothing; Image Index is needed": written(TABLE, b""),
    "found the columns 'a,b, c'; Image": written(TABLE, b'"a,b",c\n'),
    "Patient ID is needed, and needed once": renamed("Patient ID", "Patient"),
    "Patient Gender is needed, and needed once": renamed("Patient Sex", "Sex"),
    "Finding Labels is needed, and needed once": renamed("Follow-up #", "Finding Labels"),
    f"{TABLE}: is no table that can be read: 'utf-8' codec": written(TABLE, b"\xff\xfe\x00"),
    f"{TABLE}: is no table that can be read: unexpected end": written(TABLE, b'Image Index,"\n'),
    "found no test_list.txt; right would be one, or --split patient":
        lambda source: (source / TESTING).unlink(),
    "found no train_val_list.txt; right": lambda source: (source / TRAINING).unlink(),
    "found in/test_list.txt and in/more/test_list.txt": lambda source: [
        (source / "more").mkdir(), shutil.copy(source / TESTING, source / "more")
    ],
    "in/test_list.txt: the list is empty": written(TESTING, b"\r\n \n"),
    "in/train_val_list.txt: is no list that can be read": written(TRAINING, b"\x80\x81"),
    "train_val_list.txt and test_list.txt share 2 images, the first of them '00000001_000.png'":
        in_both,
    "share 1 patients, the first of them 2; right would be none": patient_in_both,
    "'00000001_000.png' is in in/again and in in/images; keep one":
        lambda source: write_images(source / "again", rows_of(6)[:1]),
}  # fmt: skip


@pytest.mark.parametrize("complaint", SOURCES)
def test_folders_that_are_refused(source, capfd, complaint):
    SOURCES[complaint](source)
    assert complaint in refused(capfd, "in", "--out", "a.h5")


def nothing_left(capfd) -> list[str]:
    """The lines of a command that finds nothing to prepare."""
    assert main(["in", "--out", "a.h5"]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert "can be used; the lines above say why" in lines[-1] and not list(Path().glob("a.h5*"))
    return lines


def test_a_table_of_nothing(source, capfd):
    write_table(source, [])
    assert nothing_left(capfd)[-1].startswith("fedmini: none of 0 rows")


def test_lists_of_absent_images(source, capfd):
    (source / TRAINING).write_text("a.png\nb.png")
    (source / TESTING).write_text("c.png")
    lines = nothing_left(capfd)
    assert lines[0].startswith("left out: rows in no list (12): 00000001_000.png, ")
    assert lines[1] == "left out: listed images without a row (3): a.png, b.png, c.png"


def test_a_folder_without_images(source, capfd):
    shutil.rmtree(source / "images")
    lines = nothing_left(capfd)
    assert lines[0].startswith("left out: rows without an image (12): 00000001_000.png, ")


def test_other_options_are_refused_where_it_goes_on(source, capfd):
    (source / "images" / rows_of(6)[0][0]).write_bytes(b"nothing")
    assert main(["in", "--out", "a.h5", "--strict"]) == 2
    capfd.readouterr()
    for option in ("--size 9", "--split patient", "--split-seed 1", "--validation 0.3"):
        assert main(["in", "--out", "a.h5", *option.split()]) == 2
        line = capfd.readouterr().err.splitlines()[-1]
        assert line.startswith(f"fedmini: {option.split()[0]}: found ") and "begun with" in line
    (source / TESTING).write_text((source / TESTING).read_text() + "\n")
    assert main(["in", "--out", "a.h5"]) == 2
    assert "fedmini: test_list.txt: found test_list.txt (" in capfd.readouterr().err


def test_help_needs_no_torch():
    script = (
        "import sys\nfrom data_prep.nih import main\ntry:\n    main(['--help'])\n"
        "finally:\n    assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for words in ("--table FILE.csv", "[official]", "[224; published are 1024]", "--strict"):
        assert words in done.stdout
