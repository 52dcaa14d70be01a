"""Files that are there whole or not at all.

A file is written under a temporary name beside its final place, forced to the disk, and then
renamed: a reader, or a run that starts again after a crash, sees the old file or the new one.
A disk that refuses ends the run with one line that names the file.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedmini.errors import RunFailed


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it becomes `path`, on an error it vanishes."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
        if os.name == "posix":  # there a folder is a file of its own, and holds the new name
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all; RunFailed where the disk refuses."""
    write_bytes(Path(path), (json.dumps(value, indent=2) + "\n").encode())


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the OSError of a write to `path` into RunFailed: one line with file and cause."""
    try:
        yield
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        raise RunFailed(f"{path} could not be written: {cause}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all; RunFailed where the disk refuses."""
    with disk_errors(path), atomic_path(path) as partial:
        partial.write_bytes(content)


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
