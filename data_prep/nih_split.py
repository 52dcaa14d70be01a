"""Which radiographs train, which validate and which test: as published, or drawn over patients.

The publisher's test_list.txt is the test split; of the patients in train_val_list.txt a share is
drawn to validate. Or all is drawn over all patients. Either way a patient is in one split.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.nih_folder import read_list
from data_prep.nih_table import Row
from data_prep.split import draw_split
from fedmini.data.dataset import TEST
from fedmini.errors import UserError


def split_rows(
    patient: np.ndarray, listed: np.ndarray, validation: float, test: float, seed: int
) -> np.ndarray:
    """(N,) uint8: the split of each row, given its patient (N,) int64.

    Rows that are `listed` (N,) bool test. The shares are those of all other patients.
    """
    split = np.full(len(patient), TEST, np.uint8)
    if not listed.all():
        patients, owner = np.unique(patient[~listed], return_inverse=True)
        unknown = np.full(len(patients), -1)  # ChestX-ray14 is from one site
        split[~listed] = draw_split(unknown, validation, test, seed)[owner]
    return split


def official(rows: Sequence[Row], training: Path, testing: Path) -> dict[str, bool]:
    """Whether an image tests, by its name, for each that is in one of the lists.

    UserError for lists that cannot be read, or that share an image or a patient.
    """
    train, test = read_list(training), read_list(testing)
    trained, tested = ({row.patient for row in rows if row.name in each} for each in (train, test))
    for what, both in (("images", train & test), ("patients", trained & tested)):
        if both:
            raise UserError(
                f"{training.name} and {testing.name} share {len(both)} {what}, the first of them "
                f"{min(both)!a}; right would be none, or --split patient"
            )
    return {name: name in test for name in train | test}
