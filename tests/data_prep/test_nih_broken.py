"""Rows and images that are wrong: named with the reason, and left out; with --strict fatal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.nih import main
from fedmini.data.store import read
from tests.data_prep.nih_source import download, image_of, rows_of, write_images, write_table

FEW = rows_of(6)
VICTIM = FEW[4][0]


def image_changed(change):
    """A damage: the bytes of one image, changed."""

    def damage(source: Path) -> None:
        path = source / "images" / VICTIM
        path.write_bytes(change(path.read_bytes()))

    return damage


def animated(source: Path) -> None:
    frames = [Image.fromarray(image_of(VICTIM)), Image.fromarray(255 - image_of(VICTIM))]
    frames[0].save(source / "images" / VICTIM, save_all=True, append_images=frames[1:])


def row_changed(column: int, text: str):
    """A damage: one field of a row, changed."""

    def damage(source: Path) -> None:
        rows = [list(row) for row in FEW]
        rows[4][column] = text
        write_table(source, rows)

    return damage


def row_cut(source: Path) -> None:
    path = source / "Data_Entry_2017_v2020.csv"
    lines = path.read_text().splitlines()
    lines[5] = lines[5].rsplit(",", 6)[0]
    path.write_text("\n".join(lines))


def two_rows(source: Path) -> None:
    write_table(source, [*FEW, [VICTIM, "Mass", "0", FEW[4][3], "1", "M", "PA"]])


def unlisted(source: Path) -> None:
    path = source / "train_val_list.txt"
    path.write_text(path.read_text().replace(f"{VICTIM}\n", ""))


def more_listed(source: Path) -> None:
    path = source / "train_val_list.txt"
    path.write_text(path.read_text() + "\na.png\nb.png\nc.png\nd.png\n")


def more_images(source: Path) -> None:
    write_images(source / "others", [["more.png"], ["x\ny.png"]])


IMAGE, TABLE = f"{VICTIM}: ", r"rows of Data_Entry_2017_v2020.csv \(1\): "
LOST = rf"(?:\nleft out: .*{VICTIM})*"  # an image without row, a listed image without row
BROKEN = {
    IMAGE + "breaks off, or is damaged": image_changed(lambda content: content[:-40]),
    IMAGE + "breaks off, or is damaged: a checksum": image_changed(lambda x: x[:60] + x[61:]),
    IMAGE + "is no PNG or JPEG image": image_changed(lambda content: b"GIF89a"),
    IMAGE + "is no PNG or JPEG": image_changed(lambda content: b""),
    IMAGE + "has 2 frames": animated,
    r"rows without an image \(1\): " + VICTIM: lambda source: (source / "images" / VICTIM).unlink(),
    TABLE + "line 6: found the finding 'Cough', which is none": row_changed(1, "Mass|Cough"),
    TABLE + "line 6: found the finding 'mass'": row_changed(1, "mass"),
    TABLE + "line 6: found the finding ''": row_changed(1, ""),
    TABLE + r"line 6: found 'No Finding\|Mass'; right": row_changed(1, "No Finding|Mass"),
    TABLE + "line 6: found the patient 'abc'": row_changed(3, "abc"),
    TABLE + "line 6: found the patient '-3'": row_changed(3, "-3"),
    TABLE + r"line 6: found the patient '9+\.\.\.'": row_changed(3, "9" * 500),
    TABLE + "line 6: found the image ''": row_changed(0, ""),
    TABLE + r"line 6: found the image 'a\\x07b'": row_changed(0, "a\x07b"),
    TABLE + "line 6: found 5 fields; right would be at least 7": row_cut,
    TABLE + f"{VICTIM} has 2 rows": two_rows,
    r"rows in no list \(1\): " + VICTIM: unlisted,
}


@pytest.mark.parametrize("reason", BROKEN)
def test_what_is_broken_is_named_and_left_out(tmp_path, capfd, reason):
    source = download(tmp_path / "in", patients=6)
    BROKEN[reason](source)
    command = [str(source), "--out", str(tmp_path / "out.h5"), "--size", "8"]
    assert main(command) == 0
    err = capfd.readouterr().err
    assert re.fullmatch(f"left out: {reason}.*{LOST}\n", err), err
    assert len(read(tmp_path / "out.h5").images) == len(FEW) - 1
    (tmp_path / "out.h5").unlink()
    assert main([*command, "--strict"]) == 2
    out, err = capfd.readouterr()
    assert re.fullmatch(f"fedmini: {reason}.*\n", err) and out == ""
    assert not (tmp_path / "out.h5").exists()


MORE = {
    r"listed images without a row (4): a.png, b.png, c.png and 1 more": more_listed,
    r"images without a row (2): more.png, 'x\ny.png'": more_images,
}


@pytest.mark.parametrize("line", MORE)
def test_what_has_no_counterpart_is_counted(tmp_path, capfd, line):
    source = download(tmp_path / "in", patients=6)
    MORE[line](source)
    command = [str(source), "--out", str(tmp_path / "out.h5"), "--size", "8"]
    assert main([*command, "--strict"]) == 2
    assert capfd.readouterr().err == f"fedmini: {line}\n"
    assert main(command) == 0
    assert capfd.readouterr().err == f"left out: {line}\n"
    assert len(read(tmp_path / "out.h5").images) == len(FEW)


def test_a_part_of_the_download(tmp_path, capfd):
    """The whole table and the whole lists, but one folder of images."""
    source = download(tmp_path / "in", patients=30)
    rows = rows_of(30)
    for row in rows[10:]:
        (source / "images" / row[0]).unlink()
    assert main([str(source), "--out", str(tmp_path / "out.h5"), "--size", "8"]) == 0
    names = ", ".join(row[0] for row in rows[10:13])
    count = len(rows) - 10
    assert capfd.readouterr().err == (
        f"left out: rows without an image ({count}): {names} and {count - 3} more\n"
    )
    assert len(read(tmp_path / "out.h5").images) == 10


def test_a_16_bit_image_is_fine(tmp_path, capfd):
    source = download(tmp_path / "in", patients=6)
    wide = Image.fromarray(np.full((12, 12), 40_000, np.uint16))
    wide.save(source / "images" / VICTIM)
    assert main([str(source), "--out", str(tmp_path / "out.h5"), "--size", "8"]) == 0
    assert capfd.readouterr().err == ""
    assert (read(tmp_path / "out.h5").images[4] == round(40_000 / 257)).all()


def test_no_image_is_left(tmp_path, capfd):
    source = download(tmp_path / "in", patients=6)
    for path in (source / "images").iterdir():
        path.write_bytes(b"nothing")
    assert main([str(source), "--out", str(tmp_path / "out.h5")]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1].startswith("fedmini: none of 1 batches of images can be used; the lines above")
    assert len(lines) == len(FEW) + 1 and not list(tmp_path.glob("out.h5*"))


def test_no_image_to_train_on_is_left(tmp_path, capfd):
    """All that train are broken: what is done stays, to go on with mended images."""
    source = download(tmp_path / "in")
    mended = []
    for path in (source / "images").iterdir():
        if path.name[:8] not in ("00000003", "00000006"):
            mended.append((path, path.read_bytes()))
            path.write_bytes(b"nothing")
    command = [str(source), "--out", str(tmp_path / "out.h5"), "--size", "8"]
    assert main(command) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == "fedmini: split: found no image to train on; the lines above may say why"
    assert not (tmp_path / "out.h5").exists()
    for path, content in mended:
        path.write_bytes(content)
    assert main(command) == 0 and len(read(tmp_path / "out.h5").images) == len(rows_of())
