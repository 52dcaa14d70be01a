"""Every random draw has an address: `stream(key, "shuffle", round, client)`.

The address is hashed into the whole state of a generator of its own, so a draw depends on nothing
but its name: not on the order in which clients run, not on an interruption, not on what else was
drawn. `Generator.manual_seed` would keep only 32 bits of a seed on the CPU; here the 19,937 bits
of the Mersenne Twister (Matsumoto, Nishimura 1998) come from SHAKE-256 (FIPS 202).

Left out: cryptographic strength. The key may be secret, but whoever sees 624 words of a Mersenne
Twister knows the rest of that stream.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

WORDS = 624  # 32-bit words in the state of the Mersenne Twister MT19937


def address_bytes(key: int | str | bytes, *address: int | str | bytes) -> bytes:
    """Encode key and address injectively: each part as type, length, content.

    Raises TypeError for a part that is not an int, a str or bytes (a bool is not an int here).
    """
    return b"".join(_part(value) for value in (key, *address))


def stream(key: int | str | bytes, *address: int | str | bytes) -> torch.Generator:
    """A CPU generator whose full state is hashed from (key, address)."""
    import torch  # here, so that whoever only reads options never waits for it

    words = _words(key, *address).astype("<u8")
    # The layout of torch's CPU generator: seed (8 bytes), words left before the next twist and a
    # "seeded" flag (4 each), next word (8), 624 words of 8 bytes, then cached normal draws: none.
    state = struct.pack("<QiiQ", 0, 1, 1, 0) + words.tobytes() + bytes(40)
    generator = torch.Generator()
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return generator


def numpy_stream(key: int | str | bytes, *address: int | str | bytes) -> np.random.Generator:
    """The same idea for numpy: an MT19937 whose full state is hashed from (key, address)."""
    bits = np.random.MT19937(0)
    words = _words(key, *address).astype(np.uint32)
    bits.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": WORDS}}
    return np.random.Generator(bits)


def _words(*address: int | str | bytes) -> np.ndarray:
    digest = hashlib.shake_256(b"fedmini.rng.1" + address_bytes(*address)).digest(4 * WORDS)
    return np.frombuffer(digest, dtype="<u4")


def _part(value: int | str | bytes) -> bytes:
    if isinstance(value, bool) or not isinstance(value, (int, str, bytes)):
        raise TypeError(f"an address is made of int, str and bytes, not {type(value).__name__}")
    if isinstance(value, int):
        kind, content = b"i", str(value).encode("ascii")
    elif isinstance(value, str):
        kind, content = b"s", value.encode("utf-8")
    else:
        kind, content = b"b", value
    return kind + struct.pack("<Q", len(content)) + content
