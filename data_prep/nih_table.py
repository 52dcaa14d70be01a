"""The table of ChestX-ray14: what was found in each radiograph, and whose it is.

Three versions are in use: Data_Entry_2017.csv, Data_Entry_2017_v2020.csv, and sample_labels.csv of
Kaggle. They agree in the columns used here, but for `Patient Gender` or `Patient Sex` and ages such
as 60 or 060Y. Behind these, names with a comma in brackets are split into two, which does no harm.

Ages are kept as published, impossible ones (414 years) too. Where age, sex, view or follow-up
cannot be read they are unknown, since nothing is trained on them.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_prep.source import opened_table
from fedmini.errors import UserError
from data_prep.phantoms.nih import FINDINGS

NAMES = tuple(FINDINGS)  # in the official order
NOTHING = "No Finding"
COLUMNS = (  # of a `Row`, each with the names that it goes by
    ("Image Index",),
    ("Finding Labels",),
    ("Patient ID",),
    ("Patient Age",),
    ("Patient Gender", "Patient Sex"),
    ("View Position",),
    ("Follow-up #",),
)
AGE = re.compile(r"(\d{1,3})([YMWD]?)", re.ASCII)
OF_A_YEAR = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}
UNKNOWN = "unknown"
LONGEST = 255  # characters in the name of a file


class Row(NamedTuple):
    """One radiograph; `findings` are indices into `NAMES`."""

    name: str
    findings: tuple[int, ...]
    patient: int
    age: int  # years, -1 unknown
    sex: str  # M, F or unknown
    view: str  # PA, AP or unknown
    follow_up: int  # of the patient, from 0; -1 unknown


def read_table(path: Path) -> tuple[list[Row], list[str]]:
    """All rows that make sense, in their order, and what is wrong with the others.

    UserError for anything but such a table.
    """
    rows, wrong = [], []
    with opened_table(path) as file:
        lines = csv.reader(file, strict=True)
        places = _places(next(lines, []), path)
        for fields in filter(None, lines):
            try:
                rows.append(_row(fields, places))
            except UserError as error:
                wrong.append(f"line {lines.line_num}: {error}")
    counts = Counter(row.name for row in rows)
    wrong += [f"{name} has {count} rows" for name, count in counts.items() if count > 1]
    return [row for row in rows if counts[row.name] == 1], wrong


def findings(text: str) -> tuple[int, ...]:
    """The findings in a text such as `Mass|Nodule`; UserError for one that is none of the 14."""
    if text == NOTHING:
        return ()
    names = text.split("|")
    if NOTHING in names:
        raise UserError(f"found {_shown(text)}; right would be {NOTHING} alone")
    for name in names:
        if name not in NAMES:
            raise UserError(f"found the finding {_shown(name)}, which is none of the fourteen")
    return tuple(map(NAMES.index, names))


def years(text: str) -> int:
    """Whole years of an age such as 58, 058Y or 013M; -1 if it is none."""
    age = AGE.fullmatch(text.strip())
    return int(age[1]) // OF_A_YEAR[age[2]] if age else -1


def _places(header: Sequence[str], path: Path) -> list[int]:
    """Where each of the columns stands."""
    places = []
    for names in COLUMNS:
        found = [place for place, name in enumerate(header) if name.strip() in names]
        if len(found) != 1:
            columns = _shown(", ".join(header)) if header else "nothing"
            raise UserError(
                f"{path}: found the columns {columns}; {names[0]} is needed, and needed once"
            )
        places += found
    return places


def _row(fields: Sequence[str], places: Sequence[int]) -> Row:
    if len(fields) <= max(places):
        found = f"found {len(fields)} fields"
        raise UserError(f"{found}; right would be at least {max(places) + 1}")
    name, labels, patient, age, sex, view, follow_up = (fields[place].strip() for place in places)
    if not name or not name.isprintable() or len(name) > LONGEST:
        raise UserError(f"found the image {_shown(name)}; right would be the name of a file")
    if not re.fullmatch(r"\d{1,18}", patient, re.ASCII):
        raise UserError(f"found the patient {_shown(patient)}; right would be a whole number")
    return Row(
        name=name,
        findings=findings(labels),
        patient=int(patient),
        age=years(age),
        sex=sex if sex in ("M", "F") else UNKNOWN,
        view=view if view in ("PA", "AP") else UNKNOWN,
        follow_up=int(follow_up) if re.fullmatch(r"\d{1,9}", follow_up, re.ASCII) else -1,
    )


def _shown(text: str) -> str:
    """A text from a file, short and on one line."""
    return ascii(text if len(text) <= 80 else f"{text[:80]}...")
