"""Masks beyond their laws: the bytes they are made of, memory, and the faster generator."""

from __future__ import annotations

import hashlib
import sys
import tracemalloc
from functools import partial

import numpy as np
import pytest
import torch

from fedmini.errors import UserError
from fedmini.secagg import masks
from fedmini.secagg.masks import add_mask
from tests.contracts import laws_secagg_parts as parts
from tests.contracts.framework import CATALOGUE

SEED = bytes(range(32))
LAWS = [law for law in CATALOGUE.laws if law.component == "mask"]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_chunks_are_shake_of_seed_and_number(dtype):
    size = 2 * masks.CHUNK + 16
    stream = b"".join(
        hashlib.shake_128(SEED + bytes([chunk, 0, 0, 0, 0, 0, 0, 0])).digest(masks.CHUNK)
        for chunk in range(3)
    )
    found = parts.mask_of(add_mask, SEED, size // dtype.itemsize, dtype)
    assert found.numpy().astype(f"<i{dtype.itemsize}").tobytes() == stream[:size]


def test_a_mask_of_eleven_megabytes_needs_a_megabyte():
    total = torch.zeros(11 * 2**18, dtype=torch.int32)
    tracemalloc.start()
    try:
        add_mask(total, SEED, 1)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2**20


def test_a_part_of_a_vector_is_masked_in_place():
    whole = torch.zeros(10, dtype=torch.int64)
    add_mask(whole[::2], SEED, -1)
    assert whole[::2].equal(parts.mask_of(add_mask, SEED, 5, torch.int64, -1))
    assert not whole[1::2].any()


def test_bits_are_as_independent_as_coins():
    """A flipped bit of the seed flips half of the mask: 32,768 bits, 5 deviations are 453."""
    words = parts.mask_of(add_mask, SEED, 1024, torch.int32)
    other = parts.mask_of(add_mask, b"\x80" + SEED[1:], 1024, torch.int32)
    flipped = int(np.unpackbits((words ^ other).numpy().view(np.uint8)).sum())
    assert abs(flipped - 16_384) < 453


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_laws_hold_with_aes(law):
    pytest.importorskip("cryptography")
    law.test(partial(add_mask, generator="aes-ctr"))


def test_aes_is_the_standards():
    """AES-256 of a block of zeros under a key of zeros; the counter starts at zero."""
    pytest.importorskip("cryptography")
    total = torch.zeros(2, dtype=torch.int64)
    add_mask(total, bytes(32), 1, "aes-ctr")
    assert total.numpy().astype("<i8").tobytes().hex() == "dc95c078a2408989ad48a21492842087"


def test_without_the_package_aes_is_refused(monkeypatch):
    for name in ("cryptography", "cryptography.hazmat.primitives.ciphers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match="--mask-generator aes-ctr: .* not installed"):
        add_mask(torch.zeros(0, dtype=torch.int32), SEED, 1, "aes-ctr")


def test_an_unknown_generator_is_refused():
    with pytest.raises(UserError, match="--mask-generator philox: .*shake, aes-ctr"):
        add_mask(torch.zeros(3, dtype=torch.int32), SEED, 1, "philox")
