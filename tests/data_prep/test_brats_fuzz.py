"""Downloads damaged at random: a whole file without the broken cases, or one line and no file."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

import data_prep.prepare
from data_prep.brats import main
from fedmini.data.store import read
from fedmini.rng import numpy_stream
from tests.data_prep.brats_source import download, volumes, write_slices
from tests.data_prep.nifti_files import packed

MAPPING = "BraTS_2019_subject_ID,BraTS_2020_subject_ID\nBraTS19_CBICA_A_1,BraTS20_Training_001\n"


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """Three patients as NIfTI, packed and not, and three as slices of Kaggle."""
    folder = tmp_path_factory.mktemp("fuzz")
    download(folder / "packed", patients=3)
    download(folder / "plain", patients=3)
    for path in (folder / "plain").rglob("*.gz"):
        path.with_suffix("").write_bytes(unpacked(path))
        path.unlink()
    for number in (1, 2, 3):
        write_slices(folder / "slices", number, volumes((6, 7, 4), number))
    for each in list(folder.iterdir()):
        (each / "names.csv").write_text(MAPPING)
    return folder


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def harmed(content: bytes, draw: np.random.Generator) -> bytes:
    """Some bytes changed, lost, doubled or added; likely near the beginning."""
    content = bytearray(content)
    for _ in range(draw.integers(1, 5)):
        start = int(draw.choice([draw.random() ** 4, draw.random()]) * len(content))
        length = int(draw.choice([1, 2, 4, 40, len(content) // 3]))
        piece = content[start : start + length]
        content[start : start + length] = [
            draw.bytes(len(piece)), b"", bytes(len(piece)), piece * 2, draw.bytes(length)
        ][draw.integers(5)]  # fmt: skip
    return bytes(content)


def damage(folder: Path, draw: np.random.Generator) -> None:
    """One to three files harmed, inside their gzip or as they are, swapped, or gone."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in draw.choice(files, draw.integers(1, 4), replace=False):
        kind = draw.integers(6)
        if kind == 0:
            path.unlink()
        elif kind == 1:
            other = Path(draw.choice(files))
            path.write_bytes(other.read_bytes() if other.exists() else b"")
        elif kind < 4 and path.suffix == ".gz":
            path.write_bytes(packed(harmed(unpacked(path), draw), 1))
        else:
            path.write_bytes(harmed(path.read_bytes(), draw))


def attempt(sources: Path, folder: Path, capfd, number: int) -> str:
    """One damaged download; "whole", "fewer" or "refused"."""
    draw = numpy_stream("fuzz", number)
    source = folder / f"in-{number}"
    shutil.copytree(sources / draw.choice(["packed", "plain", "slices"]), source)
    damage(source, draw)
    out, names = folder / f"{number}.h5", source / "names.csv"
    chosen = ["--slices", draw.choice(["tumour", "all"]), "--size", draw.choice(["5", "14", "20"])]
    mapping = ["--name-mapping", str(names)] if draw.random() < 0.5 else []
    status = main([str(source), "--out", str(out), *chosen, *mapping])
    written, lines = capfd.readouterr()
    assert "Traceback" not in lines and "Warning" not in lines, lines
    beside = sorted(path.name for path in folder.glob(f"{number}.h5*"))
    if status == 0:
        assert all(line.startswith("left out: ") for line in lines.splitlines()), lines
        assert beside == [out.name] and not read(out).synthetic
        return "fewer" if lines else "whole"
    assert status == 2 and written == "" and not out.exists(), lines
    assert lines.splitlines()[-1].startswith("fedmini: ") and beside == []
    return "refused"


def test_damaged_downloads(sources, tmp_path, capfd):
    found = [attempt(sources, tmp_path, capfd, number) for number in range(60)]
    assert set(found) == {"whole", "fewer", "refused"}


@pytest.mark.slow
def test_many_damaged_downloads(sources, tmp_path, capfd):
    for number in range(1000, 1300):
        attempt(sources, tmp_path, capfd, number)


@pytest.mark.slow
def test_damage_to_what_an_interrupted_command_left(sources, tmp_path, monkeypatch, capfd):
    """The partial file and the journal, cut and changed at random."""
    source = sources / "packed"
    whole = tmp_path / "whole.h5"
    assert main([str(source), "--out", str(whole)]) == 0
    for number in range(150):
        draw = numpy_stream("fuzz of what was left", number)
        out = tmp_path / f"{number}.h5"
        with monkeypatch.context() as patch:
            patch.setattr(data_prep.prepare.os, "replace", interrupt)
            assert main([str(source), "--out", str(out)]) == 130
        for left in draw.choice([".partial", ".journal"], draw.integers(1, 3), replace=False):
            path = Path(f"{out}{left}")
            path.write_bytes(harmed(path.read_bytes(), draw))
        status = main([str(source), "--out", str(out)])
        assert (status == 0 and out.read_bytes() == whole.read_bytes()) or (
            status == 2 and "was begun with" in capfd.readouterr().err
        )


def interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt
