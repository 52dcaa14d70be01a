"""A list of COVIDx CT: what each image of a split shows, and where in it the body lies.

Every line has six fields between spaces, `file class xmin ymin xmax ymax`, and there is no header.
The box is in pixels of the image; xmax and ymax lie just behind it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from data_prep.covidx_folder import Download
from data_prep.covidx_patients import patient_of
from fedmini.data.dataset import SPLITS
from fedmini.errors import UserError

FINDINGS = ("Normal", "Pneumonia", "COVID-19")  # by the classes 0, 1 and 2 of a list
WHOLE = re.compile(r"[+-]?\d{1,9}", re.ASCII)


class Slice(NamedTuple):
    """One listed image."""

    name: str
    folder: Path | None  # that it is in, if it is there at all
    patient: str
    finding: int  # an index into FINDINGS
    box: tuple[int, int, int, int]  # xmin, ymin, xmax, ymax
    split: int  # an index into SPLITS

    @property
    def path(self) -> Path:
        return self.folder / self.name


def read_lists(found: Download, known: Collection[str]) -> list[Slice]:
    """The images of all lists, by split; `known` patients as `patient_of` takes them.

    UserError for a wrong line, or an image listed twice.
    """
    slices: dict[str, Slice] = {}
    for split, path in sorted(found.lists.items()):
        for name, finding, box in read_list(path):
            if name in slices:
                first = slices[name].split
                also = "twice" if first == split else f"for {SPLITS[first]} as well"
                raise UserError(f"{path}: {name} is listed {also}; right would be once")
            folder, patient = found.images.get(name), patient_of(name, known)
            slices[name] = Slice(name, folder, patient, finding, box, split)
    return list(slices.values())


def read_list(path: Path) -> list[tuple[str, int, tuple[int, ...]]]:
    """Name, class and box of each image. UserError for anything else than a list, or none."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UserError(f"{path}: is no list that can be read: {reason}") from None
    where = enumerate(lines, 1)
    images = [parse_line(line, f"{path}: line {at}") for at, line in where if line.strip()]
    if not images:
        raise UserError(f"{path}: the list is empty; right would be a line an image")
    return images


def parse_line(line: str, where: str) -> tuple[str, int, tuple[int, ...]]:
    """Name, class and box; UserError, beginning with `where`, for a line not as published."""
    fields = line.split()
    if len(fields) != 6:
        found = f"found {len(fields)} fields"
        raise UserError(f"{where}: {found}; right would be six: file class xmin ymin xmax ymax")
    name, finding, *box = fields
    if not name.isprintable():
        raise UserError(f"{where}: the file's name {name!a} cannot be printed; rename it")
    if finding not in ("0", "1", "2"):
        known = ", ".join(f"{index} {each}" for index, each in enumerate(FINDINGS))
        raise UserError(f"{where}: found the class {finding!a}; right would be one of {known}")
    if not all(WHOLE.fullmatch(edge) for edge in box):
        found = " ".join(box)
        raise UserError(f"{where}: found the box {found!a}; right would be four whole numbers")
    return name, int(finding), tuple(map(int, box))


def one_split(slices: Sequence[Slice], fix: bool) -> tuple[list[Slice], int]:
    """Every patient in one split, and how many had to be moved; without `fix` UserError for any.

    All images of such a patient go into the strictest of the patient's splits: test rather than
    validation, validation rather than training. So nobody who is tested is trained on, and no test
    image is lost.
    """
    splits: dict[str, set[int]] = {}
    for each in slices:
        splits.setdefault(each.patient, set()).add(each.split)
    torn = [patient for patient, found in splits.items() if len(found) > 1]
    if torn and not fix:
        where = " and ".join(SPLITS[split] for split in sorted(splits[torn[0]]))
        raise UserError(
            f"patients in more than one split: {len(torn)}, the first of them {torn[0]} in "
            f"{where}; --fix-splits moves each into one, --split patient draws anew"
        )
    return [each._replace(split=max(splits[each.patient])) for each in slices], len(torn)
