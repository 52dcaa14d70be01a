"""Tensors: the device that they live on, and their files, written whole or not at all.

Files are read with `weights_only=True`, so that a file from a stranger can hold numbers but no
program; what a pickle of arbitrary objects could store beyond that is deliberately left out.
"""

import io
import zipfile
from pathlib import Path

import torch

from fedmini.errors import UserError
from fedmini.files import write_bytes

ARCHIVE = b"PK\x03\x04"  # how torch's archives begin


def usable(device: str) -> str:
    """The device itself, of "auto" the best one here; UserError for a GPU that is not there."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device is available here; use --device cpu")
    return device


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
    have to be run to be read. Torch skips the checksums of its archive, so they are checked here;
    files of the format before torch 1.6 have none.
    """
    try:
        with path.open("rb") as file:
            archive = file.read(len(ARCHIVE)) == ARCHIVE
            damaged = zipfile.ZipFile(file).testzip() if archive else None
        if damaged:
            raise ValueError(f"the checksum of {damaged} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged archive makes its parsers raise almost anything
        cause = str(error).partition("\n")[0]
        raise UserError(f"{path} is cut, damaged or not a file of tensors: {cause}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a dictionary of tensors")
    return content
