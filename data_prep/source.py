"""What a publisher's download holds: its folders and tables, and which version of a file was read."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fedmini.errors import UserError


def walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[tuple[Path, list[str]]]:
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
            yield from walk(folder / entry.name, (*above, here))


@contextmanager
def opened_table(path: Path, option: str = "") -> Iterator[TextIO]:
    """A csv file to read from; UserError, naming the option too, if it cannot be read as one."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        where = f"{option} {path}".strip()
        raise UserError(f"{where}: is no table that can be read: {reason}") from None


def fingerprint(path: Path) -> str:
    """What a file is called and holds."""
    return f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"
