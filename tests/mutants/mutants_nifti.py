"""Wrong readers of NIfTI-1. Each goes wrong in one place and leaves the rest to the right one."""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path

import numpy as np
from tests.contracts.framework import mutant

from data_prep import nifti, nifti_header


def unpacked(path) -> bytearray:
    with nifti._opened(path) as (file, packed):
        return nifti._inflate(file, 1 << 20) if packed else bytearray(file.read())


def fields(content: bytearray) -> np.ndarray:
    """The header's fields (1,), in their byte order: what is assigned to them changes `content`."""
    return np.frombuffer(content, nifti_header._fields(content).dtype, 1)


def read_with(path, **changes):
    """The file, read as if its header held something else."""
    content = unpacked(path)
    for name, value in changes.items():
        fields(content)[name] = value
    Path(path).write_bytes(content)
    return nifti.read(path)


def read_as(path, **changes):
    """The file, read as if its header had been understood in another way."""
    head = dataclasses.replace(nifti.header(path), **changes)
    return nifti._voxels(head, unpacked(path)), head.affine


@mutant(
    "nifti",
    law="law_stored_numbers_come_back_bit_for_bit",
    harm="Big-endian files of an older scanner become noise, and one hospital trains on it.",
)
def in_the_machines_order(path):
    return read_as(path, dtype=nifti.header(path).dtype.newbyteorder("="))


@mutant(
    "nifti",
    law="law_stored_numbers_come_back_bit_for_bit",
    harm="The last axis is taken for the fastest: brains are shredded, their shapes are right.",
)
def last_axis_fastest(path):
    array, affine = nifti.read(path)
    return array.ravel(order="F").reshape(array.shape), affine


@mutant(
    "nifti",
    law="law_stored_numbers_come_back_bit_for_bit",
    harm="Extensions are read as voxels: images of a hospital that adds some are shifted.",
)
def always_at_352(path):
    return read_as(path, offset=352)


@mutant(
    "nifti",
    law="law_stored_numbers_come_back_bit_for_bit",
    harm="Unsigned 16 bits are read as signed: the brightest voxels turn into the darkest.",
)
def all_signed(path):
    dtype = nifti.header(path).dtype
    return read_as(path, dtype=np.dtype(dtype.str.replace("u", "i")))


@mutant(
    "nifti",
    law="law_all_members_of_a_gzip_file_are_read",
    harm="Files of a parallel gzip end after their first block: the top of every head is gone.",
)
def first_member_only(path):
    head = nifti.header(path)
    content = bytearray(zlib.decompressobj(31).decompress(Path(path).read_bytes()))
    content += bytes(head.end)
    return nifti._voxels(head, content), head.affine


@mutant(
    "nifti",
    law="law_scaling_is_a_line_in_float64",
    harm="Slope 0, the sign for no scaling, is applied: whole hospitals become black images.",
)
def applies_slope_zero(path):
    content = unpacked(path)
    slope, inter = (float(fields(content)[name][0]) for name in ("scl_slope", "scl_inter"))
    return read_as(path, slope=slope, inter=inter)


@mutant(
    "nifti",
    law="law_scaling_is_a_line_in_float64",
    harm="The intercept is forgotten: air at -1024 becomes 0, and the brain is found elsewhere.",
)
def forgets_the_intercept(path):
    return read_as(path, inter=0.0)


@mutant(
    "nifti",
    law="law_scaling_is_a_line_in_float64",
    harm="Scaling in float32: large integers lose their last digits, two programs disagree.",
)
def scales_in_float32(path):
    head = nifti.header(path)
    array, affine = read_as(path, slope=1.0, inter=0.0)
    if (head.slope, head.inter) == (1, 0):
        return array, affine
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = array.astype(np.float32) * np.float32(head.slope) + np.float32(head.inter)
    return scaled.astype(np.float64), affine


@mutant(
    "nifti",
    law="law_sform_comes_first",
    harm="The scanner's qform beats the registered sform: masks and images part company.",
)
def qform_comes_first(path):
    return read_with(path, sform_code=0)


@mutant(
    "nifti",
    law="law_qform_turns_scales_and_mirrors",
    harm="qfac is ignored: images stored from the top down stand on their heads.",
)
def ignores_qfac(path):
    content = unpacked(path)
    pixdim = fields(content)["pixdim"][0].copy()
    pixdim[0] = 1
    return read_with(path, pixdim=pixdim)


@mutant(
    "nifti",
    law="law_qform_turns_scales_and_mirrors",
    harm="The inverse rotation: a head tilted to the left is taken for one tilted to the right.",
)
def turns_backwards(path):
    content = unpacked(path)
    return read_with(path, quatern=-fields(content)["quatern"][0])


@mutant(
    "nifti",
    law="law_qform_turns_scales_and_mirrors",
    harm="An sform without a code is believed: leftovers of a converter decide what is up.",
)
def believes_an_sform_without_code(path):
    return read_with(path, sform_code=1)


@mutant(
    "nifti",
    law="law_without_orientation_the_centre_is_the_origin",
    harm="The corner becomes the origin and left becomes right: other tools show a mirror image.",
)
def corner_is_the_origin(path):
    array, affine = nifti.read(path)
    return array, np.diag([*np.abs(np.diag(affine)[:3]), 1])


@mutant(
    "nifti",
    law="law_a_file_that_breaks_off_is_refused",
    harm="What a broken download lacks is filled with zeros: a tumour ends in the middle.",
)
def fills_with_zeros(path):
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = zlib.decompressobj(31).decompress(content)
    voxels = np.frombuffer(content.ljust(400, b"\0"), "<i2", 24, 352)
    return voxels.reshape(2, 3, 4, order="F"), np.eye(4)


@mutant(
    "nifti",
    law="law_a_wrong_checksum_is_noticed",
    harm="The checksum is not compared: voxels that a disk has changed go into training.",
)
def skips_the_checksum(path):
    content = Path(path).read_bytes()
    members = []
    while content:
        decoder = zlib.decompressobj(-15)
        members.append(decoder.decompress(content[10:]))
        content = decoder.unused_data[8:]
    Path(path).write_bytes(b"".join(members))
    return nifti.read(path)


@mutant(
    "nifti",
    law="law_other_types_are_refused",
    harm="Colours and bits are read as grey values: a stray screenshot becomes a patient.",
)
def takes_any_type_for_bytes(path):
    return read_with(path, datatype=2)
