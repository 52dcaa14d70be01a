"""Wrong ways to read the table of ChestX-ray14, to split it, and to leave images out."""

from __future__ import annotations

import numpy as np

from data_prep.nih_split import split_rows
from data_prep.nih_table import NAMES, findings
from data_prep.prepare import Rows
from data_prep.raster_case import Squares
from data_prep.split import draw_split
from tests.contracts.framework import mutant


@mutant(
    "findings",
    law="law_a_finding_keeps_its_name",
    harm="Columns in alphabetical order under names in the official one: Edema is called Mass.",
)
def findings_by_alphabet(text):
    return tuple(sorted(NAMES).index(NAMES[column]) for column in findings(text))


@mutant(
    "findings",
    law="law_a_finding_keeps_its_name",
    harm="Only the first finding of an image is kept: a fifth of all positives are negatives.",
)
def findings_first_only(text):
    return findings(text)[:1]


@mutant(
    "findings",
    law="law_no_finding_is_no_finding",
    harm="No Finding beside a finding is dropped in silence: a contradiction becomes a label.",
)
def findings_without_contradiction(text):
    return tuple(NAMES.index(name) for name in text.split("|") if name != "No Finding")


@mutant(
    "findings",
    law="law_no_finding_is_no_finding",
    harm="No Finding is a fifteenth class: the mean AUC is of fifteen columns.",
)
def findings_of_fifteen(text):
    return (14,) if text == "No Finding" else findings(text)


@mutant(
    "findings",
    law="law_what_is_no_finding_is_refused",
    harm="What is misspelt is skipped: sick patients teach the network to be healthy.",
)
def findings_that_are_known(text):
    return tuple(NAMES.index(name) for name in text.split("|") if name in NAMES)


@mutant(
    "split_rows",
    law="law_a_patient_is_in_one_split",
    harm="Images are drawn, not patients: the network is tested on patients that it has seen.",
)
def split_by_image(patient, listed, validation, test, seed):
    split = np.full(len(patient), 2, np.uint8)
    chosen = ~listed
    if chosen.any():
        split[chosen] = draw_split(np.full(chosen.sum(), -1), validation, test, seed)
    return split


@mutant(
    "split_rows",
    law="law_the_published_test_split_is_kept",
    harm="The lists are read and forgotten: results stand beside those of another test split.",
)
def split_anew(patient, listed, validation, test, seed):
    return split_rows(patient, np.zeros(len(patient), bool), validation, 0.2, seed)


@mutant(
    "split_rows",
    law="law_the_published_test_split_is_kept",
    harm="The share for validation is taken of all patients: less is left to train than was asked.",
)
def split_of_everybody(patient, listed, validation, test, seed):
    everybody, others = len(np.unique(patient)), max(1, len(np.unique(patient[~listed])))
    return split_rows(patient, listed, min(0.9, validation * everybody / others), test, seed)


class SquaresChanged(Squares):
    """`Squares` whose rows go through `change`, with the batch."""

    def __call__(self, batch):
        return self.change(super().__call__(batch), batch)


@mutant(
    "squares",
    law="law_a_broken_image_takes_no_row",
    harm="A broken image stays as a black one: it is trained on, with the label of the real one.",
)
class SquaresInBlack(SquaresChanged):
    def change(self, rows, batch):
        images = np.zeros((len(batch.pictures), *rows.arrays["images"].shape[1:]), np.uint8)
        whole = [n for n, each in enumerate(batch.pictures) if each.name not in rows.broken]
        images[whole] = rows.arrays["images"]
        return Rows({"images": images}, rows.facts, rows.broken)


@mutant(
    "squares",
    law="law_a_broken_image_takes_no_row",
    harm="A broken image vanishes unnamed: all labels behind it belong to their neighbour.",
)
class SquaresInSilence(SquaresChanged):
    def change(self, rows, batch):
        return Rows(rows.arrays, rows.facts)


@mutant(
    "squares",
    law="law_a_broken_image_takes_no_row",
    harm="One broken image takes its whole batch along: dozens of good ones are lost.",
)
class SquaresAllOrNothing(SquaresChanged):
    def change(self, rows, batch):
        if rows.broken:
            return Rows({"images": rows.arrays["images"][:0]}, rows.facts, rows.broken)
        return rows


@mutant(
    "squares",
    law="law_sums_are_exact",
    harm="Squares are formed in eight bits: the standard deviation is nonsense, and so is all "
    "that is divided by it.",
)
class SquaresInOneByte(SquaresChanged):
    def change(self, rows, batch):
        images = rows.arrays["images"]
        squares = np.square(images).sum(axis=(1, 2, 3)).tolist()
        return Rows(rows.arrays, {"sums": [rows.facts["sums"][0], squares]}, rows.broken)
