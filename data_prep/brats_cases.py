"""The cases of BraTS below a folder, and whose they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.brats_folder import FolderCase, folder_cases
from data_prep.brats_kaggle import SlicesCase, kaggle_cases
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
    for folder, names in _walk(source):
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


def _walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with the names of its files; links are followed, though not in a circle."""
    here = folder.resolve()
    if here in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}") from None
    yield folder, [entry.name for entry in entries if not entry.is_dir()]
    for entry in entries:
        if entry.is_dir():
            yield from _walk(folder / entry.name, (*above, here))
