"""What a publisher's download holds: its folders, and which version of a file was read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

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


def fingerprint(path: Path) -> str:
    """What a file is called and holds."""
    return f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"
