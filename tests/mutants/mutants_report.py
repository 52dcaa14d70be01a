"""Run folders with one bug each."""

from __future__ import annotations

import json
import pickle

import numpy as np
import torch
from tests.contracts.framework import mutant

from fedmini.errors import UserError
from fedmini.files import write_json
from fedmini.files import write_bytes
from fedmini.folder import RunFolder


@mutant(
    "run_folder",
    law="law_appended_record_is_readable_at_once",
    harm="The last rounds wait in a buffer, and a killed run loses them from its curves.",
)
class BufferedLines(RunFolder):
    def append(self, record):
        if not hasattr(self, "file"):
            self.file = self.metrics.open("a", encoding="utf-8")
        self.file.write(json.dumps(record) + "\n")


@mutant(
    "run_folder",
    law="law_only_the_cut_line_is_lost",
    harm="The last line is taken for a cut one, so the final round of every run is never shown.",
)
class LastLineNeverCounts(RunFolder):
    def records(self):
        return super().records()[:-1]


@mutant(
    "run_folder",
    law="law_cut_back_to_a_round_goes_on_from_it",
    harm="Each resume loses the line of the very round it goes on from.",
)
class CutsOneRoundTooMany(RunFolder):
    def cut_back(self, round):
        super().cut_back(round - 1)


@mutant(
    "run_folder",
    law="law_cut_back_to_a_round_goes_on_from_it",
    harm="The half line of the killed run and the first of the resumed one become one broken line.",
)
class KeepsTheHalfLine(RunFolder):
    def cut_back(self, round):
        self.metrics.touch()
        lines = self.metrics.read_bytes().splitlines(keepends=True)
        half = [line for line in lines if not line.endswith(b"\n")]
        write_bytes(self.metrics, b"".join(lines[:round] + half))


@mutant(
    "run_folder",
    law="law_an_interrupted_checkpoint_leaves_the_last_one",
    harm="A run killed while writing its checkpoint has none left: all hospitals start again.",
)
class WritesInPlace(RunFolder):
    def save_checkpoint(self, state):
        torch.save(state, self.path / "checkpoint.pt")


@mutant(
    "run_folder",
    law="law_reading_tensors_runs_no_code",
    harm="A model file from another hospital runs its sender's program where it is opened.",
)
class UnpicklesAnything(RunFolder):
    def load_checkpoint(self):
        return torch.load(self.path / "checkpoint.pt", weights_only=False)

    def load_model(self):
        return torch.load(self.path / "model.pt", weights_only=False)


@mutant(
    "run_folder",
    law="law_a_cut_checkpoint_is_refused",
    harm="A damaged checkpoint silently restarts training, and the privacy already spent with it.",
)
class StartsAgain(RunFolder):
    def load_checkpoint(self):
        try:
            return super().load_checkpoint()
        except UserError:
            return None


@mutant(
    "run_folder",
    law="law_a_flipped_bit_is_noticed",
    harm="One flipped exponent bit becomes a weight of 1e38 that the next round averages in.",
)
class TrustsTheDisk(RunFolder):
    def load_checkpoint(self):
        try:
            return torch.load(self.path / "checkpoint.pt", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError) as error:
            raise UserError("damaged") from error


@mutant(
    "run_folder",
    law="law_a_folder_in_use_is_left_alone",
    harm="A second run writes over the first one, and their rounds mix in one file.",
)
class TakesAnyFolder(RunFolder):
    @classmethod
    def create(cls, path, config):
        folder = cls(path)
        folder.path.mkdir(parents=True, exist_ok=True)
        write_json(folder.path / "config.json", config)
        return folder


@mutant(
    "run_folder",
    law="law_evaluation_comes_back_as_it_was",
    harm="Pixel counts above 2048 lose their last digits, so a comparison made later differs.",
)
class KeepsHalfPrecision(RunFolder):
    def save_evaluation(self, name, **arrays):
        super().save_evaluation(name, **{k: v.astype(np.float16) for k, v in arrays.items()})
