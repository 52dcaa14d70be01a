"""NIfTI-1 files for tests: every type, byte order, scaling and orientation, and every damage.

The header is packed field by field from the standard's table, without a line of the reader.
"""

from __future__ import annotations

import gzip
import math
import struct
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

CODES = {
    "uint8": 2, "int16": 4, "int32": 8, "float32": 16, "complex64": 32, "float64": 64,
    "int8": 256, "uint16": 512, "uint32": 768, "int64": 1024, "uint64": 1280, "complex128": 1792,
}  # fmt: skip
PLACES = {  # a field's place in the header, and its type for `struct`
    "sizeof_hdr": (0, "i"), "dim": (40, "8h"), "datatype": (70, "h"), "bitpix": (72, "h"),
    "pixdim": (76, "8f"), "vox_offset": (108, "f"), "scl_slope": (112, "f"),
    "scl_inter": (116, "f"), "qform_code": (252, "h"), "sform_code": (254, "h"),
    "quatern": (256, "3f"), "qoffset": (268, "3f"), "srow": (280, "12f"), "magic": (344, "4s"),
}  # fmt: skip
TILTED = (0.875, -0.25, 0.25, -80.0, 0.25, 1.75, 0.5, -110.5, -0.25, -0.375, 2.875, 33.25)  # srow


@dataclass(frozen=True)
class Image:
    """What a file shall hold; `fields` overrides fields of the header, as (name, value) pairs."""

    stored: np.ndarray
    order: str = "<"
    offset: int = 352
    members: int = 0  # of gzip; 0 is a file that is not packed
    fields: tuple[tuple[str, object], ...] = ()

    def header(self) -> bytes:
        shape = self.stored.shape
        fields = {
            "sizeof_hdr": 348,
            "dim": [len(shape), *shape, *[1] * (7 - len(shape))],
            "datatype": CODES[self.stored.dtype.name],
            "bitpix": 8 * self.stored.dtype.itemsize,
            "pixdim": [1.0] * 8,
            "vox_offset": self.offset,
            "magic": b"n+1\0",
            **dict(self.fields),
        }
        header = bytearray(self.offset)
        for name, value in fields.items():
            place, kind = PLACES[name]
            values = value if isinstance(value, (list, tuple)) else [value]
            struct.pack_into(self.order + kind, header, place, *values)
        header[352:] = b"\xa5" * (self.offset - 352)  # an extension that is no voxel
        return bytes(header)

    def content(self) -> bytes:
        voxels = self.stored.astype(self.stored.dtype.newbyteorder(self.order))
        return packed(self.header() + voxels.tobytes(order="F"), self.members)

    def save(self, folder: str | Path, name: str = "image.nii") -> Path:
        path = Path(folder) / name
        path.write_bytes(self.content())
        return path


def packed(content: bytes, members: int) -> bytes:
    """The content in so many gzip members one after the other, as pigz and `cat` leave them."""
    if not members:
        return content
    cuts = [len(content) * part // members for part in range(members + 1)]
    pieces = [content[start:stop] for start, stop in zip(cuts, cuts[1:], strict=False)]
    return b"".join(gzip.compress(piece, 1, mtime=0) for piece in pieces)


def read_with(impl, image: Image):
    """What `impl(path)` makes of the image."""
    with tempfile.TemporaryDirectory() as folder:
        return impl(image.save(folder))


def numbers(kind: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Any bits that the type can hold, so also its extremes, infinities and NaN."""
    dtype = np.dtype(kind)
    content = generator.bytes(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape)


@st.composite
def arrays(draw, kinds=tuple(CODES), axes=st.integers(1, 7)) -> np.ndarray:
    """Volumes of one to seven axes, of one to five voxels each."""
    count = draw(axes)
    shape = tuple(draw(st.integers(1, 5 if count < 5 else 2)) for _ in range(count))
    seed = draw(st.integers(0, 2**30))
    return numbers(draw(st.sampled_from(kinds)), shape, np.random.default_rng(seed))


ORDERS = st.sampled_from("<>")
MEMBERS = st.integers(0, 3)
SLOPES = st.sampled_from([0.0, 1.0, 0.37, -2.5, 1e-6, 3e30, math.nan, math.inf])
INTERS = st.sampled_from([0.0, 1.0, -1024.0, 0.1])


@st.composite
def quaternions(draw) -> np.ndarray:
    """(4,) float64 a + bi + cj + dk of length 1 with a >= 0: any rotation, often a half turn."""
    quaternion = np.random.default_rng(draw(st.integers(0, 2**30))).normal(size=4)
    quaternion[0] = 0 if draw(st.booleans()) else abs(quaternion[0])
    return quaternion / np.linalg.norm(quaternion)


def turned(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """The vector (3,) rotated: Hamilton's q v q*, by cross products."""
    a, axis = quaternion[0], quaternion[1:]
    across = 2 * np.cross(axis, vector)
    return vector + a * across + np.cross(axis, across)


def damaged(image: Image, generator: np.random.Generator) -> bytes:
    """The image's file with one to three things broken in it, before it is packed or after."""
    content = bytearray(replace(image, members=0).content())
    steps = [pack_away, *[harm] * generator.integers(1, 4)] if image.members else [harm]
    for step in generator.permutation(np.array(steps, dtype=object)):
        content = bytearray(step(content, generator))
    return bytes(content)


def pack_away(content: bytearray, generator: np.random.Generator) -> bytes:
    return packed(bytes(content), int(generator.integers(1, 4)))


def harm(content: bytearray, generator: np.random.Generator) -> bytearray:
    """Change, lose or gain bytes anywhere, or overwrite a whole field of the header."""
    start, stop = sorted(generator.integers(0, len(content) + 1, size=2))
    few = int(generator.integers(1, 5))
    match generator.choice(["change", "cut", "lose", "gain", "field"]):
        case "change":
            content[start : start + few] = generator.bytes(few)
        case "cut":
            del content[start:]
        case "lose":
            del content[start:stop]
        case "gain":
            content[start:start] = generator.bytes(int(generator.integers(1, 6000)))
        case "field":
            place, kind = PLACES[str(generator.choice(list(PLACES)))]
            size = struct.calcsize("<" + kind)
            value = [generator.bytes(size), bytes(size), b"\x7f" * size, b"\xff" * size]
            content[place : place + size] = value[generator.integers(len(value))]
    return content or bytearray(b"\0")
