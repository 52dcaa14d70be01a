"""What a download of ChestX-ray14 holds: its table, the official lists, and the images.

Images may be in any folder below SOURCE: the publisher's images_001 to images_012, with or without
a folder `images` inside, a single `images`, or Kaggle's `sample/images`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.source import walk
from fedmini.errors import UserError

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv", "sample_labels.csv")
TRAINING, TESTING = "train_val_list.txt", "test_list.txt"
ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Download:
    """`found` has every file that is a table or a list; `images` the folder of each image."""

    source: Path
    found: Sequence[Path]
    images: Mapping[str, Path]

    def only(self, *names: str, instead: str) -> Path:
        """The one file that has one of these names; UserError if there is none, or several."""
        paths = [path for path in self.found if path.name in names]
        if len(paths) == 1:
            return paths[0]
        several = " and ".join(map(str, paths[:2])) or f"no {' or '.join(names)}"
        raise UserError(f"SOURCE {self.source}: found {several}; right would be one, or {instead}")


def find_download(source: Path) -> Download:
    """Everything below a folder; UserError for an image that is there twice."""
    found: list[Path] = []
    images: dict[str, Path] = {}
    for folder, names in walk(source):
        for name in names:
            if name in (*TABLES, TRAINING, TESTING):
                found.append(folder / name)
            if name.lower().endswith(ENDINGS) and images.setdefault(name, folder) != folder:
                raise UserError(f"{name!a} is in {images[name]} and in {folder}; keep one of them")
    return Download(source, found, images)


def read_list(path: Path) -> set[str]:
    """The names in an official list; UserError for one that is empty or no text."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: is no list that can be read: {reason}") from None
    names = {line.strip() for line in lines} - {""}
    if not names:
        raise UserError(f"{path}: the list is empty; right would be a line an image")
    return names
