"""Masks: a 256-bit seed becomes as many uniform words as the vector has, added in its ring.

What one client adds and another subtracts cancels modulo 2^32 or 2^64 (Bonawitz et al. 2017,
section 4). Words go straight into the accumulator, chunk by chunk, so that no mask is ever held
whole. A seed masks one vector only; int32 and int64 masks of one seed are the same bytes.

"shake": chunk i is SHAKE-128(seed | i) (FIPS 202). "aes-ctr": AES-256 in counter mode, several
times as fast, where the package `cryptography` happens to be installed. Words are little-endian.

Left out: threads. `hashlib` keeps Python's lock while it expands.
"""

import hashlib
import importlib
from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from fedmini.errors import UserError

SEED_BYTES = 32
CHUNK = 2**16  # bytes: few enough for the cache, many enough for the call not to count


def add_mask(total: Tensor, seed: bytes, sign: int, generator: str = "shake") -> None:
    """Add (`sign` 1) or subtract (-1) the seed's mask in place; sums wrap.

    `total` is (D,) int32 or int64 on the CPU. ValueError for another shape, dtype, sign or length
    of the seed; UserError for a generator that is unknown or not installed.
    """
    if sign not in (1, -1) or len(seed) != SEED_BYTES:
        raise ValueError(f"sign {sign} with a seed of {len(seed)} bytes; right are 1 or -1 and 32")
    words = total.numpy()
    if words.ndim != 1 or words.dtype not in (np.int32, np.int64):
        raise ValueError(f"masks go into (D,) int32 or int64, not {words.shape} {words.dtype}")
    if generator not in GENERATORS:
        raise UserError(f"--mask-generator {generator}: one of {', '.join(GENERATORS)} is right")
    combine = np.add if sign == 1 else np.subtract
    count = CHUNK // words.itemsize
    parts = [words[start : start + count] for start in range(0, len(words), count)]
    sizes = (part.nbytes for part in parts)
    for part, chunk in zip(parts, GENERATORS[generator](seed, sizes), strict=True):
        combine(part, np.frombuffer(chunk, part.dtype.newbyteorder("<")), out=part)


def shake(seed: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """A chunk of each size; no two (seed, index) are the same text, as all are 40 bytes long."""
    for index, size in enumerate(sizes):
        yield hashlib.shake_128(seed + index.to_bytes(8, "little")).digest(size)


def aes_ctr(seed: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The keystream under the seed as key, counted from 0, in chunks of the sizes."""
    try:
        ciphers = importlib.import_module("cryptography.hazmat.primitives.ciphers")
    except ImportError:
        missing = "--mask-generator aes-ctr: the package cryptography is not installed"
        raise UserError(f"{missing}; shake needs none") from None
    cipher = ciphers.Cipher(ciphers.algorithms.AES(seed), ciphers.modes.CTR(bytes(16)))
    encryptor, zeros = cipher.encryptor(), bytes(CHUNK)
    for size in sizes:
        yield encryptor.update(zeros[:size])


GENERATORS = {"shake": shake, "aes-ctr": aes_ctr}
