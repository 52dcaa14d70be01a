"""What the parts of secure aggregation must compute, written as plainly as their standards are."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator

CURVE = 2**255 - 19
BASE = (9, 14781619447589544791020593568409986887264606134616475288964881837755586237401)
CHACHA_ORDER = [
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
]


def scalar_of(private: bytes) -> int:
    """Section 5 of RFC 7748: three bits cleared at the bottom, one at the top, the next set."""
    data = bytearray(private)
    data[0] &= 248
    data[31] = data[31] & 127 | 64
    return int.from_bytes(data, "little")


def curve_sum(p: tuple[int, int] | None, q: tuple[int, int] | None) -> tuple[int, int] | None:
    """P + Q on y^2 = x^3 + 486662 x^2 + x by the school's chord and tangent; None is infinity."""
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % CURVE == 0:
        return None
    if p == q:
        slope = (3 * p[0] ** 2 + 2 * 486662 * p[0] + 1) * pow(2 * p[1], -1, CURVE)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, CURVE)
    x = (slope**2 - 486662 - p[0] - q[0]) % CURVE
    return x, (slope * (p[0] - x) - p[1]) % CURVE


def multiple_of_base(scalar: int) -> bytes:
    """The u-coordinate of `scalar` times the base point, doubling and adding with both."""
    result, power = None, BASE
    while scalar:
        result = curve_sum(result, power) if scalar & 1 else result
        power, scalar = curve_sum(power, power), scalar >> 1
    return result[0].to_bytes(32, "little")


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104, for keys of at most 64 bytes."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def hkdf(secret: bytes, info: bytes, size: int, salt: bytes) -> bytes:
    extracted = hmac_sha256(salt, secret)
    blocks = [b""]
    for counter in range(1, 256):
        blocks.append(hmac_sha256(extracted, blocks[-1] + info + bytes([counter])))
    return b"".join(blocks)[:size]


def chacha20_block(key: bytes, nonce: bytes, counter: int) -> bytes:
    """RFC 8439, section 2.3.1: sixteen words, one quarter round after the other."""
    start = [*struct.unpack("<12L", b"expand 32-byte k" + key), counter]
    start += struct.unpack("<3L", nonce)
    words = list(start)
    for a, b, c, d in CHACHA_ORDER * 10:
        steps = ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7))
        for target, other, mixed, bits in steps:
            words[target] = (words[target] + words[other]) % 2**32
            turned = words[mixed] ^ words[target]
            words[mixed] = (turned << bits) % 2**32 | turned >> (32 - bits)
    return struct.pack("<16L", *((x + y) % 2**32 for x, y in zip(words, start, strict=True)))


def poly1305(key: bytes, message: bytes) -> bytes:
    """RFC 8439, section 2.5: the polynomial written out, no Horner."""
    r, s = struct.unpack("<QQ", key[:16]), int.from_bytes(key[16:], "little")
    r = (r[0] & 0x0FFFFFFC0FFFFFFF) + ((r[1] & 0x0FFFFFFC0FFFFFFC) << 64)
    blocks = [message[start : start + 16] for start in range(0, len(message), 16)]
    total = sum(
        int.from_bytes(block + b"\1", "little") * r ** (len(blocks) - index)
        for index, block in enumerate(blocks)
    )
    return ((total % (2**130 - 5) + s) % 2**128).to_bytes(16, "little")


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """RFC 8439, section 2.8.1."""
    count = len(plaintext) // 64 + 1
    stream = b"".join(chacha20_block(key, nonce, counter) for counter in range(1, count + 1))
    ciphertext = bytes(x ^ y for x, y in zip(plaintext, stream, strict=False))
    message = b"".join(text + bytes(-len(text) % 16) for text in (associated, ciphertext))
    message += struct.pack("<QQ", len(associated), len(ciphertext))
    return ciphertext + poly1305(chacha20_block(key, nonce, 0)[:32], message)


def every_outcome(action: Callable[[Callable[[int], int]], object]) -> Iterator[object]:
    """What `action(draw)` gives for every sequence of draws that `draw(bound)` could return."""
    chosen: list[int] = []
    while True:
        taken: list[tuple[int, int]] = []

        def draw(bound: int, chosen=chosen, taken=taken) -> int:
            value = chosen[len(taken)] if len(taken) < len(chosen) else 0
            taken.append((value, bound))
            return value

        yield action(draw)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        chosen = [value for value, _ in taken[:-1]] + [taken[-1][0] + 1]
