"""Images, lists and tables that are damaged or make no sense: named in one line each."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.covidx import main
from fedmini.data.store import read
from tests.data_prep.covidx_source import download, lines_of, write_image, write_list

ROOT = Path(__file__).parents[2]
VICTIM = "NCP_8_1301_0001.png"


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return download(Path("in"))


def image(change):
    """A damage to the victim's file."""
    return lambda source: change(source / "2A_images" / VICTIM)


def box(text: str):
    """A damage to the victim's line in the list."""

    def damage(source: Path) -> None:
        lines = [f"{VICTIM} 2 {text}" if VICTIM in line else line for line in lines_of("train")]
        write_list(source, "train", lines)

    return damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def animated(path: Path) -> None:
    frames = [Image.fromarray(np.full((40, 48), value, np.uint8)) for value in (1, 2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


LEFT_OUT = {
    "breaks off, or is damaged": image(cut),
    "is no PNG or JPEG image": image(lambda path: path.write_bytes(b"nothing")),
    "has 2 frames; right would be a single image": image(animated),
    "the box 48 0 60 40 has no pixel of an image of 48 x 40": box("48 0 60 40"),
    "the box -9 -9 0 40 has no pixel of an image of 48 x 40": box("-9 -9 0 40"),
    "the box 7 0 7 40 has no pixel": box("7 0 7 40"),
    "the box 30 40 4 0 has no pixel": box("30 40 4 0"),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_a_broken_image_is_named_and_left_out(source, capfd, reason):
    LEFT_OUT[reason](source)
    assert main(["in", "--out", "a.h5"]) == 0
    out, err = capfd.readouterr()
    assert re.fullmatch(f"left out: {VICTIM}: .*{reason}.*\n", err), err
    assert "\n23 slices of" in out and len(read("a.h5").images) == 23
    assert main(["in", "--out", "b.h5", "--strict"]) == 2
    assert re.fullmatch(f"fedmini: {VICTIM}: .*{reason}.*\n", capfd.readouterr().err)


def test_images_that_are_not_there(source, capfd):
    for path in source.rglob("NCP_*.png"):
        path.unlink()
    assert main(["in", "--out", "a.h5"]) == 0
    named = "listed images that are not there (6): NCP_96_1328_0000.png, NCP_96_1328_0001.png, "
    out, err = capfd.readouterr()
    assert err == f"left out: {named}NCP_96_1328_0002.png and 3 more\n"
    assert "lists 24 images of 8 patients\n18 slices of" in out
    assert main(["in", "--out", "b.h5", "--strict"]) == 2
    assert capfd.readouterr().err == f"fedmini: {named}NCP_96_1328_0002.png and 3 more\n"


def listed(split: str, change):
    """A damage to a list, given its lines."""
    return lambda source: write_list(source, split, change(lines_of(split)))


def text(name: str, content: bytes):
    return lambda source: (source / name).write_bytes(content)


def twice(source: Path) -> None:
    write_image(source / "more", VICTIM)


def deeper(name: str):
    def damage(source: Path) -> None:
        (source / "deep").mkdir()
        (source / "deep" / name).write_bytes((source / name).read_bytes())

    return damage


def all_gone(source: Path) -> None:
    for path in source.rglob("*.png"):
        path.unlink()


TRAIN, TABLE = "in/train_COVIDx_CT-2A.txt", "in/metadata.csv"
NAME = "train_COVIDx_CT-2A.txt"
REFUSED = {
    f"{TRAIN}: line 2: found 5 fields; right would be six": listed(
        "train", lambda lines: [lines[0], lines[1].rsplit(" ", 1)[0]]
    ),
    f"{TRAIN}: line 13: found 7 fields": listed("train", lambda x: [*x, "a b.png 1 2 3 4 5"]),
    f"{TRAIN}: line 1: found the class '3'; right would be one of 0 Normal, 1 Pneumonia": listed(
        "train", lambda lines: ["a.png 3 0 0 9 9", *lines]
    ),
    f"{TRAIN}: line 1: found the box '0 0 9.5 9'": listed("train", lambda x: ["a.png 0 0 0 9.5 9"]),
    f"{TRAIN}: line 1: found the box '0 nan 9 9'": listed("train", lambda x: ["a.png 0 0 nan 9 9"]),
    "line 1: the file's name 'a\\x00.png'": listed("val", lambda x: ["a\0.png 0 0 0 9 9"]),
    f"{TRAIN}: {VICTIM} is listed twice": listed("train", lambda x: [*x, f"{VICTIM} 2 0 0 9 9"]),
    f"in/test_COVIDx_CT-2A.txt: {VICTIM} is listed for train as well": listed(
        "test", lambda lines: [*lines, f"{VICTIM} 2 0 0 9 9"]
    ),
    f"{TRAIN}: the list is empty": listed("train", lambda lines: [""]),
    f"{TRAIN}: is no list that can be read: it is no text": text(NAME, b"\xff\xfe\x00"),
    "version 2A has no list for train; right would be three lists, or --split patient": (
        lambda source: (source / NAME).unlink()
    ),
    "found no list of images; right would be train_COVIDx_CT-2A.txt": lambda source: [
        path.unlink() for path in source.glob("*.txt")
    ],
    "found the lists of 2A, 3A; --version says which": lambda source: write_list(
        source, "val", lines_of("val"), "3A"
    ),
    "two lists of one split, ": deeper(NAME),
    "found in/metadata.csv and in/deep/metadata.csv": deeper("metadata.csv"),
    f"'{VICTIM}' is in in/2A_images and in in/more": twice,
    "none of 24 listed images is there, such as NCP_96": all_gone,
    f"{TABLE}: found the columns 'a, b'; 'patient id' is needed": text("metadata.csv", b"a,b\n1,2"),
    f"{TABLE}: found the columns 'nothing'": text("metadata.csv", b""),
    f"{TABLE}: is no table that can be read: ": text("metadata.csv", b'patient id\n"a\n'),
    f"{TABLE}: NCP_8 comes from A and B; right would be one source": text(
        "metadata.csv", b"patient id,source\nNCP_8,A\nNCP_8,B\n"
    ),
    f"{TABLE}: found the patient 'NCP_8\\x07', which cannot be": text(
        "metadata.csv", b"patient id,source\nNCP_8\x07,A\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("complaint", REFUSED)
def test_a_download_that_is_refused(source, capfd, complaint):
    REFUSED[complaint](source)
    before = sorted(Path().rglob("*"))
    assert main(["in", "--out", "a.h5"]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("fedmini: ") and err.count("\n") == 1, err
    assert complaint in err and sorted(Path().rglob("*")) == before


OPTIONS = {
    "argument --size: takes a whole number from 1 to 2048, not '0'": "--size 0",
    "argument --classes: invalid choice: 4": "--classes 4",
    "argument --version: invalid choice: '4A'": "--version 4A",
    "--version 3A: found the lists of 2A": "--version 3A",
    "--test 0.3: --split published keeps": "--test 0.3",
    "--validation 0.3: --split published keeps": "--validation 0.3",
    "--fix-splits: found --split patient": "--split patient --fix-splits",
    "unrecognized arguments: --fix": "--fix",
}


@pytest.mark.parametrize("complaint", OPTIONS)
def test_options_that_are_refused(source, capfd, complaint):
    assert main(["in", "--out", "a.h5", *OPTIONS[complaint].split()]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("fedmini: ") and complaint in err, err
    assert not list(Path().glob("a.h5*"))


def test_nobody_is_left_to_train_on(source, capfd):
    for line in lines_of("train"):
        cut(source / "2A_images" / line.split()[0])
    assert main(["in", "--out", "a.h5"]) == 2
    assert "found no image to train on" in capfd.readouterr().err.splitlines()[-1]
    assert not Path("a.h5").exists()
    download(source)  # mended
    assert main(["in", "--out", "a.h5"]) == 0
    assert len(read("a.h5").images) == 24 and not list(Path().glob("a.h5.*"))


def test_a_list_that_changed_begins_anew(source, capfd):
    cut(source / "2A_images" / VICTIM)
    assert main(["in", "--out", "a.h5", "--strict"]) == 2
    write_list(source, "train", lines_of("train")[::-1])
    assert main(["in", "--out", "a.h5"]) == 2
    assert "train_COVIDx_CT-2A.txt: found " in capfd.readouterr().err.splitlines()[-1]


def test_help_needs_no_torch():
    script = (
        "import sys\nfrom data_prep.covidx import main\ntry:\n    main(['--help'])\n"
        "finally:\n    assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for words in ("--version {1,2A,2B,3A,3B}", "--fix-splits", "[published]", "[128]", "[2]"):
        assert words in done.stdout
