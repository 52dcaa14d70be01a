"""Whose image it is: read from the file's name, with the help of the publisher's metadata.csv.

The table has a row a patient, with `patient id` and the `source` that the patient's images come
from: one of the dozen public collections that COVIDx CT was put together from. File names begin
with the patient and go on with scan and slice, but each collection does so in its own way:

    NCP_96_1328_0032.png                    patient NCP_96
    LIDC-IDRI-0273-1.3.6.1.4-0032.png       patient LIDC-IDRI-0273
    volume-covid19-A-0698_ct-0017.png       patient volume-covid19-A-0698
    137covid_patient100_SR_2_IM00028.png    patient patient100, after a word of the collection
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path

from data_prep.source import opened_table
from fedmini.errors import UserError

PATIENT, SOURCE = "patient id", "source"
PART = re.compile(r"[^_-]+")
DISEASE = "covid19"  # in the names of a collection; no number of a patient


def read_metadata(path: Path) -> dict[str, str]:
    """The source of each patient, empty if unknown. UserError for anything but such a table."""
    with opened_table(path) as file:
        table = csv.DictReader(file, strict=True)
        columns = [name or "" for name in table.fieldnames or ()]
        if PATIENT not in columns:
            found = ", ".join(columns) or "nothing"
            raise UserError(f"{path}: found the columns {found!a}; {PATIENT!r} is needed")
        rows = [[(row.get(name) or "").strip() for name in (PATIENT, SOURCE)] for row in table]
    sources: dict[str, str] = {}
    for patient, source in rows:
        if not (patient + source).isprintable():
            raise UserError(f"{path}: found the patient {patient!a}, which cannot be printed")
        if patient and sources.setdefault(patient, source) != source:
            both = f"{sources[patient]} and {source}"
            raise UserError(f"{path}: {patient} comes from {both}; right would be one source")
    return sources


def patient_of(name: str, known: Collection[str]) -> str:
    """The patient of a file: the longest of the `known` that its name begins with, cut at _ or -.

    If there is none, the longest that stands after the name's first part. If there is none either,
    the name up to its first part that ends in a digit.
    """
    stem = name.rsplit(".", 1)[0]
    parts = list(PART.finditer(stem))
    for first in parts[:2]:
        for last in reversed(parts):
            if stem[first.start() : last.end()] in known:
                return stem[first.start() : last.end()]
    for part in parts:
        if part[0][-1].isdecimal() and part[0] != DISEASE:
            return stem[: part.end()]
    return stem
