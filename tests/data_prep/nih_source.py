"""Small downloads of ChestX-ray14 for tests, with the table of every place that has one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fedmini.rng import numpy_stream

BRACKETS = "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
HEADERS = {  # the columns behind the sixth differ, and so do the names of tables
    "Data_Entry_2017.csv": f"Patient Gender,View Position,{BRACKETS},",
    "Data_Entry_2017_v2020.csv": f"Patient Sex,View Position,{BRACKETS}",
    "sample_labels.csv": "Patient Gender,View Position,OriginalImageWidth,OriginalImageHeight,"
    "OriginalImagePixelSpacing_x,OriginalImagePixelSpacing_y",
}
LABELS = ("No Finding", "Mass|Nodule", "Hernia", "Atelectasis", "Pleural_Thickening|Mass|Edema")
TESTED = (3, 6)  # patients in test_list.txt


def image_of(name: str, side: int = 12) -> np.ndarray:
    """(side, side) uint8, always the same for one name."""
    draw = numpy_stream("nih source", name)
    return draw.integers(0, 256, (side, side), np.uint8)


def rows_of(patients: int = 7) -> list[list[str]]:
    """Name, labels, follow-up, patient, age, sex, view: one to three images of each patient."""
    return [
        [
            f"{patient:08d}_{number:03d}.png",
            LABELS[(patient + number) % len(LABELS)],
            str(number),
            str(patient),
            str(40 + patient),
            "MF"[patient % 2],
            ("PA", "AP")[number % 2],
        ]
        for patient in range(1, patients + 1)
        for number in range(1 + patient % 3)
    ]


def write_table(
    folder: Path, rows: Sequence[Sequence[str]], name: str = "Data_Entry_2017_v2020.csv"
) -> Path:
    """The rows as one of the three tables, each with its habits."""
    lines = [f"Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,{HEADERS[name]}"]
    for row in rows:
        fields = [*row, "2682", "2749", "0.143", "0.143"]
        if name == "sample_labels.csv":
            fields[4] = f"{int(row[4]):03d}Y"
        if name == "Data_Entry_2017.csv":
            fields.append("")
        lines.append(",".join(fields))
    ending = "\r\n" if name == "sample_labels.csv" else "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes((ending.join(lines) + ending).encode())
    return path


def write_images(folder: Path, rows: Sequence[Sequence[str]], side: int = 12) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        Image.fromarray(image_of(row[0], side)).save(folder / row[0])


def write_lists(folder: Path, rows: Sequence[Sequence[str]], ending: str = "\n") -> None:
    """The official lists; as published, their last line has no end."""
    for name, wanted in (("train_val_list.txt", False), ("test_list.txt", True)):
        names = [row[0] for row in rows if (int(row[3]) in TESTED) is wanted]
        (folder / name).write_bytes(ending.join(names).encode())


def download(folder: Path, patients: int = 7, side: int = 12) -> Path:
    """A whole release, all images in one folder."""
    rows = rows_of(patients)
    write_table(folder, rows)
    write_images(folder / "images", rows, side)
    write_lists(folder, rows)
    return folder
