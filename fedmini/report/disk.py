"""Whole files on a disk that may be full, and tensors read back without running any code.

A disk that refuses ends the run with one line that names the file. Tensors are read with
`weights_only=True`, so that a file from a stranger can hold numbers but no program; what a pickle
of arbitrary objects could store beyond that is deliberately left out.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from fedmini.errors import RunFailed, UserError
from fedmini.files import atomic_path


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


def save_tensors(path: Path, content: dict) -> None:
    """Write a dictionary of tensors, numbers, strings, lists and dictionaries to `path`.

    It is serialised in memory first: on a full disk `torch.save` would report its own state instead
    of the cause.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def load_tensors(path: Path) -> dict:
    """The dictionary in `path`, its tensors on the CPU.

    Raises UserError naming the file if it is missing, cut, damaged or holds anything that would
    have to be run to be read. Torch skips the checksums of its archive, so they are checked here.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise UserError(f"{path} is damaged: the checksum of {damaged} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged archive makes its parsers raise almost anything
        cause = str(error).partition("\n")[0]
        raise UserError(f"{path} is cut, damaged or not a file of tensors: {cause}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a dictionary of tensors")
    return content
