"""What an interrupted command has finished: a line of JSON a case, beside the file in the making.

The first line holds the options, since only the same command may go on. A line is written when its
case is whole in the file; a command that is killed, at whatever moment, leaves whole lines and at
most one that breaks off. Every line begins with its checksum: the first that is not whole ends the
journal.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from fedmini.errors import UserError


class Journal:
    """`entries` are the finished cases in order, each a dictionary of what is known of it."""

    def __init__(self, path: Path, options: Mapping[str, str]) -> None:
        """Open, or begin; UserError for other options, or while another command writes to it."""
        self.path, self.entries = path, []
        self._ends: list[int] = []  # where each line ends
        self._file = open(path, "a+b", buffering=0)
        try:
            _lock(self._file, path)
            self._file.seek(0)
            self._read(self._file.read(), options)
        except BaseException:
            self._file.close()
            raise

    def add(self, entry: dict) -> None:
        """Write down a finished case."""
        self._write(entry)
        self.entries.append(entry)

    def cut(self, count: int) -> None:
        """Forget all but the first `count` cases."""
        del self.entries[count:], self._ends[count + 1 :]
        self._file.truncate(self._ends[-1])

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        """Nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self, content: bytes, options: Mapping[str, str]) -> None:
        lines, end = [], 0
        for line in content.splitlines(keepends=True):
            checksum, _, text = line.partition(b" ")
            if checksum != _checksum(text):
                break
            lines.append(json.loads(text))
            end += len(line)
            self._ends.append(end)
        self._file.truncate(end)
        if not lines:
            self._write(dict(options))
            return
        begun, *self.entries = lines
        for name in {**begun, **options}:
            old, new = begun.get(name, "nothing"), options.get(name, "nothing")
            if old != new:
                raise UserError(
                    f"{name}: found {new}, but {self.path.stem} was begun with {old}; go on with "
                    f"that, or delete {self.path} to begin anew"
                )

    def _write(self, entry: dict) -> None:
        text = json.dumps(entry).encode() + b"\n"
        line = _checksum(text) + b" " + text
        self._ends.append(os.fstat(self._file.fileno()).st_size + len(line))
        while line:
            line = line[self._file.write(line) :]


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def _lock(file, path: Path) -> None:
    """One command at a time, where the system knows such locks."""
    if os.name == "posix":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{path.stem}: another command is writing it at this moment") from None
