"""Where cases of BraTS come from: the centres in the publishers' `name_mapping.csv`.

Every row names one case as each year's release called it. From 2017 to 2019 the name held the
centre: BraTS19_CBICA_AAB_1 comes from CBICA.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from data_prep.brats_cases import patient_of
from data_prep.source import opened_table
from fedmini.errors import UserError

NEEDED = "BraTS_2019_subject_ID"
SUBJECT = "subject_id"  # what the columns of names have in common
NOTHING = ("", "NA")


def read_sites(path: Path) -> dict[str, str]:
    """The centre of every case, by each of its names. UserError for anything but such a table."""
    with opened_table(path, "--name-mapping") as file:
        table = csv.DictReader(file, strict=True)
        columns = [name or "" for name in table.fieldnames or ()]
        if NEEDED not in columns:
            found = ", ".join(columns) or "nothing"
            raise UserError(f"{path}: found the columns {found}; {NEEDED} is needed")
        rows = list(table)
    sites: dict[str, str] = {}
    for row in rows:
        parts = (row[NEEDED] or "").split("_")
        if len(parts) < 3 or not parts[1].isprintable() or not parts[1]:
            continue
        names = {row[column] for column in columns if SUBJECT in column.lower()}
        for name in names.difference(NOTHING, [None]):
            if sites.setdefault(name, parts[1]) != parts[1]:
                both = f"{sites[name]} and {parts[1]}"
                raise UserError(f"{path}: {name} comes from {both}; right would be one centre")
    return sites


def sites_of_patients(cases: Iterable[str], sites: Mapping[str, str]) -> dict[str, str | None]:
    """The centre of each patient, by all the patient's cases; None if nothing is known."""
    found: dict[str, str | None] = {}
    for case in cases:
        patient, site = patient_of(case), sites.get(case)
        known = found.setdefault(patient, site)
        if site and known and site != known:
            raise UserError(f"--name-mapping: {patient} comes from {known} and from {site}")
        found[patient] = known or site
    return found
