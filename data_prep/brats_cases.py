"""The cases of BraTS below a folder, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from data_prep.brats_folder import FolderCase, folder_cases
from data_prep.brats_kaggle import SlicesCase, kaggle_cases
from data_prep.source import walk
from fedmini.errors import UserError

BratsCase = FolderCase | SlicesCase
TIME_POINT = re.compile(r"(BraTS-\w+-\d+)-\d+")  # since 2023: BraTS-GLI-00001-000


def patient_of(case: str) -> str:
    """Whose case it is: since 2023 a name ends with the number of the patient's time point."""
    match = TIME_POINT.fullmatch(case)
    return match[1] if match else case


def find_cases(source: Path, modalities: Sequence[str]) -> list[BratsCase]:
    """All cases, by name. UserError if there is none, or two have one name."""
    cases: dict[str, BratsCase] = {}
    for folder, names in walk(source):
        for each in (folder_cases, kaggle_cases):
            for case in each(folder, names, modalities):
                if not case.name.isprintable():
                    raise UserError(f"{str(folder)!a}: the name cannot be printed; rename it")
                if case.name in cases:
                    folders = f"{cases[case.name].folder} and {case.folder}"
                    raise UserError(f"two cases are called {case.name}: {folders}")
                cases[case.name] = case
    if not cases:
        raise UserError(
            f"SOURCE {source}: found no case; right would be folders CASE with files such as "
            "CASE_flair.nii.gz or CASE-t2f.nii.gz, or files volume_V_slice_S.h5"
        )
    return [cases[name] for name in sorted(cases)]
