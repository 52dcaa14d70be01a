"""The 348 bytes at the start of a NIfTI-1 file, understood (NIfTI-1.1: Cox et al. 2004).

Here nothing is opened: `parse` makes a `Header` of bytes, or a `Refusal` that says why it cannot.
The field `bitpix` is not believed, since the type says the same; units, intents and time are not
read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

HEADER_BYTES = 348
FIRST_VOXEL = 352  # after the header and four bytes that announce extensions

FIELDS = np.dtype(
    {
        "names": [
            "sizeof_hdr", "dim", "datatype", "pixdim", "vox_offset", "scl_slope", "scl_inter",
            "qform_code", "sform_code", "quatern", "qoffset", "srow", "magic",
        ],
        "formats": [
            "i4", "8i2", "i2", "8f4", "f4", "f4", "f4",
            "i2", "i2", "3f4", "3f4", "(3,4)f4", "S4",
        ],
        "offsets": [0, 40, 70, 76, 108, 112, 116, 252, 254, 256, 268, 280, 344],
        "itemsize": HEADER_BYTES,
    }
)  # fmt: skip
TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8",
    256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8", 1792: "c16",
}  # fmt: skip
REFUSED_TYPES = {
    0: "unknown", 1: "binary", 128: "RGB24", 1536: "float128", 2048: "complex256", 2304: "RGBA32",
}  # fmt: skip
NUMBERS = "integers, float32, float64, complex64 or complex128"
ROUNDING = 3 * float(np.finfo(np.float32).eps)  # of a squared length, in the header's float32


@dataclass(frozen=True, eq=False)
class Header:
    """What the header says; slope 1 and intercept 0 where the stored values are the values."""

    shape: tuple[int, ...]  # (X, Y, Z, ...), one to seven axes
    dtype: np.dtype  # as stored, with its byte order
    affine: np.ndarray  # (4, 4) float64: voxel indices to mm right, anterior and superior
    slope: float
    inter: float
    offset: int  # of the first voxel, in bytes

    @property
    def end(self) -> int:
        """The byte after the last voxel."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


class Refusal(Exception):
    """Two texts: what was found, and what would be right."""


def parse(raw: bytes) -> Header:
    """The header in the first 348 bytes of a file; Refusal if they hold none that can be read."""
    fields = _fields(raw)
    axes, *sizes = (int(size) for size in fields["dim"])
    shape = tuple(sizes[:axes])
    if not 1 <= axes <= 7 or min(shape) < 1:
        found = f"dimensions {axes}: {' x '.join(map(str, shape)) or 'none'}"
        raise Refusal(found, "one to seven axes, each of at least one voxel")
    offset = float(fields["vox_offset"])
    if not offset.is_integer() or offset < FIRST_VOXEL:
        raise Refusal(f"vox_offset {offset:g}", f"a whole number from {FIRST_VOXEL}")
    return Header(shape, _type(fields), _affine(fields, shape), *_scaling(fields), int(offset))


def _fields(raw: bytes) -> np.void:
    """The header's fields in its own byte order, which `sizeof_hdr` gives away."""
    if len(raw) < HEADER_BYTES:
        raise Refusal(f"{len(raw)} bytes", f"a NIfTI-1 header of {HEADER_BYTES}")
    little, big = (np.frombuffer(raw, FIELDS.newbyteorder(order), 1)[0] for order in "<>")
    sizes = int(little["sizeof_hdr"]), int(big["sizeof_hdr"])
    if 540 in sizes:
        raise Refusal("a NIfTI-2 file", "a NIfTI-1 file")
    if HEADER_BYTES not in sizes:
        raise Refusal("no NIfTI header at its start", "a NIfTI-1 file, .nii or .nii.gz")
    fields = little if sizes[0] == HEADER_BYTES else big
    if fields["magic"] == b"ni1":
        raise Refusal("half of a pair of .hdr and .img", "a single NIfTI-1 file")
    if fields["magic"] != b"n+1":
        raise Refusal("an Analyze 7.5 header, or none", "a NIfTI-1 file with the magic n+1")
    return fields


def _type(fields: np.void) -> np.dtype:
    code = int(fields["datatype"])
    if code not in TYPES:
        name = REFUSED_TYPES.get(code, "unknown to the standard")
        raise Refusal(f"voxels of type {code} ({name})", NUMBERS)
    return np.dtype(TYPES[code]).newbyteorder(fields.dtype["sizeof_hdr"].byteorder)


def _scaling(fields: np.void) -> tuple[float, float]:
    slope, inter = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(inter):
        raise Refusal(f"scl_inter {inter}", "a finite intercept beside the slope")
    return slope, inter


@np.errstate(invalid="ignore")
def _affine(fields: np.void, shape: tuple[int, ...]) -> np.ndarray:
    """sform, else qform, else the voxel sizes around the centre, first axis to the left."""
    affine = np.eye(4)
    if fields["sform_code"] > 0:
        affine[:3] = fields["srow"]
        return affine
    sizes = np.abs(fields["pixdim"][1:4].astype(np.float64))
    sizes[sizes == 0] = 1
    if fields["qform_code"] > 0:
        sizes[2] *= -1 if fields["pixdim"][0] == -1 else 1  # qfac
        affine[:3, :3] = _rotation(*map(float, fields["quatern"])) * sizes
        affine[:3, 3] = fields["qoffset"]
        return affine
    # The standard leaves left and right open here; custom, nibabel's too, is radiological.
    sizes[len(shape) :] = 1
    sizes[0] *= -1
    middle = (np.array([*shape, 1, 1][:3]) - 1) / 2
    affine[:3, :3] = np.diag(sizes)
    affine[:3, 3] = -middle * sizes
    return affine


def _rotation(b: float, c: float, d: float) -> np.ndarray:
    """The rotation matrix (3, 3) of a unit quaternion a + bi + cj + dk with a >= 0."""
    rest = math.fsum((1, -b * b, -c * c, -d * d))  # exact, even close to half a turn
    if not rest > -ROUNDING:
        raise Refusal(f"the quaternion {b:g}, {c:g}, {d:g}", "one of length at most 1")
    a = math.sqrt(rest) if rest > ROUNDING else 0.0  # 0: half a turn
    # s = 2 / |q|^2, since the length may be 1 only nearly
    s = 2 / (a * a + b * b + c * c + d * d)
    return np.array(
        [
            [1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)],
            [s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b)],
            [s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c)],
        ]
    )
