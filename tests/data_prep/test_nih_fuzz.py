"""Downloads of ChestX-ray14 damaged at random: a whole file without what is broken, or one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.nih import main
from fedmini.data.store import read
from fedmini.rng import numpy_stream
from tests.data_prep.nih_source import HEADERS, download, rows_of, write_images, write_table
from tests.data_prep.test_brats_fuzz import harmed

NOBODY = "fedmini: split: found no image to train on; the lines above may say why"
TEXTS = ["No Finding", "Mass", "-1", "9" * 30, "٣", "é", "\udcff", *"|,\n\r\"\0"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """One download a table, the images of one in two folders."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in HEADERS:
        source = download(folder / name, patients=6)
        (source / "Data_Entry_2017_v2020.csv").unlink()
        write_table(source, rows_of(6), name)
    split = folder / "sample_labels.csv" / "images"
    write_images(split / "images_002" / "images", rows_of(6)[6:])
    for row in rows_of(6)[6:]:
        (split / row[0]).unlink()
    return folder


def rewritten(content: bytes, draw: np.random.Generator) -> bytes:
    """A text in which some fields are others: more is still a table than after `harmed`."""
    text = content.decode("utf-8", "surrogateescape")
    for _ in range(draw.integers(1, 4)):
        start = int(draw.integers(0, len(text) + 1))
        end = start + int(draw.choice([0, 1, 5, 20]))
        text = text[:start] + TEXTS[draw.integers(len(TEXTS))] + text[end:]
    return text.encode("utf-8", "surrogateescape")


def damage(folder: Path, draw: np.random.Generator) -> None:
    """One to three files harmed, rewritten, exchanged, or gone; texts as often as images."""
    texts = sorted(path for path in folder.iterdir() if path.is_file())
    images = sorted(folder.rglob("*.png"))
    for _ in range(draw.integers(1, 4)):
        path = Path(draw.choice(texts if draw.random() < 0.5 else images))
        content = path.read_bytes() if path.exists() else b""
        kind = draw.integers(8)
        if kind == 0:
            path.unlink(missing_ok=True)
        elif kind == 1:
            shutil.copy(draw.choice([each for each in images if each.exists()]), f"{path}.copy")
            Path(f"{path}.copy").replace(path)
        elif kind < 5 and path in texts:
            path.write_bytes(rewritten(content, draw))
        else:
            path.write_bytes(harmed(content, draw) if content else draw.bytes(9))


def attempt(sources: Path, folder: Path, capfd, number: int) -> str:
    """One damaged download; "whole", "fewer" or "refused"."""
    draw = numpy_stream("fuzz of nih", number)
    source = folder / f"in-{number}"
    shutil.copytree(sources / draw.choice(list(HEADERS)), source)
    damage(source, draw)
    out = folder / f"{number}.h5"
    chosen = ["--split", draw.choice(["official", "patient"]), "--size", draw.choice(["5", "12"])]
    strict = ["--strict"] if draw.random() < 0.1 else []
    status = main([str(source), "--out", str(out), *chosen, *strict])
    written, lines = capfd.readouterr()
    shutil.rmtree(source)
    assert "Traceback" not in lines and "Warning" not in lines, lines
    beside = sorted(path.name for path in folder.glob(f"{number}.h5*"))
    last = lines.splitlines()[-1] if lines else ""
    if status == 0:
        assert all(line.startswith("left out: ") for line in lines.splitlines()), lines
        assert beside == [out.name] and not read(out).synthetic
        return "fewer" if lines else "whole"
    assert status == 2 and written == "" and last.startswith("fedmini: "), lines
    # what can be gone on with is kept: after --strict, and until an image to train on is mended
    assert out.name not in beside and (strict or last == NOBODY or beside == []), beside
    return "refused"


def test_damaged_downloads(sources, tmp_path, capfd):
    found = [attempt(sources, tmp_path, capfd, number) for number in range(60)]
    assert set(found) == {"whole", "fewer", "refused"}


@pytest.mark.slow
def test_many_damaged_downloads(sources, tmp_path, capfd):
    for number in range(1000, 2000):
        attempt(sources, tmp_path, capfd, number)
