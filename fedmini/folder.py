"""The folder of one run: what it was asked, what happened in each round, and where it stands.

    config.json         the options, written once
    metrics.jsonl       one line a round
    checkpoint.pt       everything that the next round needs
    model.pt            the final weights with their preprocessing
    summary.json        the final test metrics
    evaluation-*.npz    test evidence by image, from which comparisons can be rebuilt
    transcript-*.pt     with --transcript: what was said in a round of secure aggregation

Every file but metrics.jsonl is whole or absent. That one grows by a line at a time, so a run killed
in the middle of a line leaves a cut last line, which readers skip. The folder stores what it is
given and selects nothing: which model is reported is not its decision.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from fedmini.errors import UserError
from fedmini.files import disk_errors, write_bytes, write_json
from fedmini.tensors import load_tensors, save_tensors


class RunFolder:
    """A folder that belongs to one run; make it with `create`, come back to it with `open`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.metrics = self.path / "metrics.jsonl"

    @classmethod
    def create(cls, path: str | Path, config: dict) -> RunFolder:
        """Make a folder for a new run and write its options.

        Raises UserError if `path` is a file, holds anything, or cannot be made.
        """
        folder = cls(path)
        try:
            if (folder.path / "config.json").exists():
                raise UserError(f"--out {path} holds a run: give a new folder, or --resume {path}")
            folder.path.mkdir(parents=True, exist_ok=True)
            if any(not each.name.endswith(".partial") for each in folder.path.iterdir()):
                raise UserError(f"--out {path} is not empty: choose a new folder")
        except OSError as error:
            raise UserError(f"--out {path} cannot be made: {error.strerror}") from error
        write_json(folder.path / "config.json", config)
        return folder

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The folder of an earlier run; UserError if `path` is none."""
        folder = cls(path)
        if not (folder.path / "config.json").is_file():
            raise UserError(f"{path} is not the folder of a run: it has no config.json")
        folder.config()
        return folder

    def config(self) -> dict:
        """The options of the run; UserError if config.json is missing or damaged."""
        return _read_json(self.path / "config.json")

    def append(self, record: dict) -> None:
        """Add one round to metrics.jsonl; it is on its way to the disk when this returns.

        `record` must be JSON (no arrays, no numpy numbers) and have the key "round".
        """
        with disk_errors(self.metrics), self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[dict]:
        """The rounds so far. A cut last line is skipped; UserError for a damaged line before it."""
        lines = self.metrics.read_bytes().splitlines() if self.metrics.exists() else []
        records = []
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                record["round"]
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines):
                    break
                raise UserError(f"{self.metrics}, line {number}: no record of a round") from error
            records.append(record)
        return records

    def cut_back(self, round: int) -> None:
        """Forget every record after `round`, and a cut last line: the state of a checkpoint."""
        kept = [record for record in self.records() if record["round"] <= round]
        write_bytes(self.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())

    def save_checkpoint(self, state: dict) -> None:
        """Replace checkpoint.pt by `state`; until that is whole, the old one stays."""
        save_tensors(self.path / "checkpoint.pt", state)

    def load_checkpoint(self) -> dict | None:
        """The last checkpoint, or None before the first; UserError if it is damaged."""
        path = self.path / "checkpoint.pt"
        return load_tensors(path) if path.exists() else None

    def save_model(self, content: dict) -> None:
        """Write model.pt: a plain state_dict, and what `fedmini.predict` needs beside it."""
        save_tensors(self.path / "model.pt", content)

    def load_model(self) -> dict:
        """The content of model.pt; UserError if it is missing or damaged."""
        return load_tensors(self.path / "model.pt")

    def save_summary(self, summary: dict) -> None:
        """Write summary.json."""
        write_json(self.path / "summary.json", summary)

    def summary(self) -> dict | None:
        """The summary of a run that has ended, or None; UserError if it is damaged."""
        path = self.path / "summary.json"
        return _read_json(path) if path.exists() else None

    def comparison(self) -> dict | None:
        """What a comparison of several runs has found, or None; UserError if it is damaged."""
        path = self.path / "comparison.json"
        return _read_json(path) if path.exists() else None

    def save_evaluation(self, name: str, **arrays: np.ndarray) -> None:
        """Keep arrays of numbers or text, such as the evidence by image and its patients."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_bytes(self.path / f"evaluation-{name}.npz", buffer.getvalue())

    def load_evaluation(self, name: str) -> dict[str, np.ndarray]:
        """The arrays kept under `name`; UserError if they are missing or damaged."""
        path = self.path / f"evaluation-{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception as error:  # a damaged archive makes its parsers raise almost anything
            cause = str(error).partition("\n")[0]
            raise UserError(f"{path} cannot be read: {cause}") from error


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a JSON object, not a {type(content).__name__}")
    return content
