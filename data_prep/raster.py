"""Images as PNG or JPEG: read as gray pixels of 8 bits, and brought to one size.

Colours become their luma (ITU-R 601), transparency is ignored. Gray values of 16 bits are divided
by 257, so that black and white stay black and white, whatever range an image makes use of: two
images of one detector remain comparable. The checksums of a PNG are verified.

Left out: colour profiles, the orientation that a camera notes in a JPEG, and damage to a JPEG that
leaves it readable, since the format has no checksums.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from fedmini.errors import UserError

LARGEST = 2**26  # pixels; a small file can claim billions
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # how they begin


def read(path: Path) -> np.ndarray:
    """The image at `path`, (H, W) uint8, 0 is black.

    UserError, which begins with the name of the file, for one that cannot be read, is neither PNG
    nor JPEG, breaks off, is damaged, has several frames, or more than `LARGEST` pixels.
    """
    try:
        with open(path, "rb") as file:
            return _gray(_opened(file))
    except UserError as broken:
        raise UserError(f"{path.name}: {broken}") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow reports damage as almost any exception
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(f"{path.name}: cannot be read: {' '.join(reason.split())}") from None


def resize(gray: np.ndarray, size: int) -> np.ndarray:
    """(size, size) uint8 of an image (H, W) uint8, stretched to a square where it is none.

    A new pixel is the mean of the old ones whose centres it covers, or, in an enlarged image, the
    nearest: no ringing at bright edges, no value that was not between two old ones.
    """
    if gray.shape == (size, size):
        return gray
    return np.asarray(Image.fromarray(gray).resize((size, size), Image.Resampling.BOX))


def _opened(file: BinaryIO) -> Image.Image:
    """An image that may be decoded."""
    start = file.read(8)
    if start == PNG:
        _check_sums(file)
    elif not start.startswith(JPEG):
        raise UserError("is no PNG or JPEG image")
    file.seek(0)
    image = PngImageFile(file) if start == PNG else JpegImageFile(file)
    width, height = image.size
    if width * height > LARGEST:
        raise UserError(f"claims {width} x {height} pixels; at most {LARGEST:,} are read")
    if getattr(image, "n_frames", 1) > 1:
        raise UserError(f"has {image.n_frames} frames; right would be a single image")
    return image


def _check_sums(png: BinaryIO) -> None:
    """Pillow does not look at those of the pixels. A chunk is length, kind, content, checksum."""
    kind = b""
    while kind != b"IEND":
        length, kind = int.from_bytes(png.read(4)), png.read(4)
        found = zlib.crc32(png.read(length), zlib.crc32(kind))
        if len(kind) < 4 or found != int.from_bytes(png.read(4)):
            raise UserError("breaks off, or is damaged: a checksum is wrong")


def _gray(image: Image.Image) -> np.ndarray:
    image.info.pop("transparency", None)  # Pillow would warn that it is lost
    if image.mode.startswith("I"):
        # round(x / 257), since 65535 = 257 x 255
        return ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.asarray(image if image.mode == "L" else image.convert("L"))
