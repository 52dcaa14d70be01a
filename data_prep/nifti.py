"""Read NIfTI-1 images (the standard NIfTI-1.1: Cox et al. 2004), packed by gzip or not.

A file is a header, extensions, and from `vox_offset` the voxels, the first axis running fastest.
Whether gzip (RFC 1952) packed all that, its first bytes tell, not its name. Nothing in a header is
believed before the file has shown that it is large enough for it.

Left out, and refused by name: NIfTI-2, pairs of .hdr and .img, Analyze 7.5, colours, floats of 128
bits, bits. Extensions are skipped. Nothing is written.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_prep.nifti_header import HEADER_BYTES, Header, Refusal, parse
from fedmini.errors import UserError

CHUNK = 1 << 16
DENSEST = 1032  # deflate packs at most 258 bytes into two bits
PADDING = 4096  # bytes that may follow the voxels: a block of a disk or tape


def read(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The voxels (X, Y, Z, ...) in Fortran order, and the affine (4, 4) float64 to mm in RAS+.

    Without scaling the voxels keep their type, in the machine's byte order; with scaling they are
    slope x stored + intercept, computed in float64 (complex128; the intercept then moves the real
    part alone, as in nibabel). UserError, one line, for a file that is missing, damaged, not
    NIfTI-1, or of a kind that is left out.
    """
    with _opened(path) as (file, packed):
        head = _header(file, packed)
        if packed:
            content = _inflate(file, head.end + PADDING + 1)
        else:
            content = np.fromfile(file, np.uint8, head.end)
        _check_length(head, len(content))
        return _voxels(head, content), head.affine


def header(path: str | Path) -> Header:
    """The header alone: at most 64 KiB are read. UserError as in `read`, for what shows there."""
    with _opened(path) as (file, packed):
        return _header(file, packed)


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[BinaryIO, bool]]:
    """The file at its start, and whether gzip packed it; what goes wrong becomes one UserError."""
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise Refusal("a folder or a device", "a file")
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield file, packed
    except Refusal as refusal:
        found, right = refusal.args
    except zlib.error as error:
        found, right = f"damaged gzip data ({error})", "a whole copy of the file"
    except OSError as error:
        found, right = error.strerror or "a disk error", "a NIfTI-1 file that can be read"
    else:
        return
    raise UserError(f"{path}: found {found}; right would be {right}")


def _inflate(file: BinaryIO, limit: int) -> bytearray:
    """The first `limit` bytes of a gzip file, member after member; all, if it holds fewer."""
    content, decoder, piece = bytearray(), zlib.decompressobj(31), b""
    file.seek(0)
    while len(content) < limit and (piece := piece or file.read(CHUNK)):
        if decoder.eof:
            piece = piece.lstrip(b"\0")  # padding after a member
            if not piece:
                continue
            decoder = zlib.decompressobj(31)
        content += decoder.decompress(piece, limit - len(content))
        piece = decoder.unused_data
    if len(content) < limit and not decoder.eof:
        raise Refusal("a gzip file that breaks off", "a whole copy of the file")
    return content


def _header(file: BinaryIO, packed: bool) -> Header:
    """Read the header, and check that the file is large enough for what it claims."""
    head = parse(_inflate(file, HEADER_BYTES) if packed else file.read(HEADER_BYTES))
    file.seek(0)
    size = os.fstat(file.fileno()).st_size
    if not packed or head.end > DENSEST * size:
        _check_length(head, size)
    return head


def _check_length(head: Header, size: int) -> None:
    if not head.end <= size <= head.end + PADDING:
        claimed = f"a header that claims {head.end:,} bytes"
        found = f"only {size:,}" if size < head.end else "more"
        raise Refusal(f"{claimed} and {found} in the file", "a header that fits the voxels")


def _voxels(head: Header, content: bytearray | np.ndarray) -> np.ndarray:
    count = math.prod(head.shape)
    stored = np.frombuffer(content, head.dtype, count, head.offset)
    voxels = stored.reshape(head.shape, order="F").astype(head.dtype.newbyteorder("="), copy=False)
    if (head.slope, head.inter) == (1, 0):
        return voxels
    with np.errstate(over="ignore", invalid="ignore"):
        # y = slope x + intercept
        values = voxels * np.float64(head.slope)
        if head.inter:
            values += head.inter
    return values
