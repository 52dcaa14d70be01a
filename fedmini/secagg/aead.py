"""ChaCha20-Poly1305: letters that the server carries but can neither read nor change (RFC 8439).

ChaCha20 encrypts, Poly1305 authenticates the ciphertext and the associated data. Its state is a
4 x 4 matrix of 32-bit words; here each of its four rows is an array over columns and blocks, so
that one addition serves them all.

A pair of key and nonce must seal one message only.

Left out: constant time, and messages above 2^32 blocks.
"""

import hmac
import operator

import numpy as np

BLOCK = 64
TAG = 16
PRIME = 2**130 - 5
QUARTER_ROUND = ((0, 1, 3, 16), (2, 3, 1, 12), (0, 1, 3, 8), (2, 3, 1, 7))  # rows, then bits
CLAMP = 0x0FFFFFFC_0FFFFFFC_0FFFFFFC_0FFFFFFF


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """The ciphertext, as long as the plaintext, and a tag of 16 bytes.

    `associated` is not in it, but `unseal` must be given the same. ValueError unless the key has 32
    bytes and the nonce 12.
    """
    stream = chacha20(key, nonce, -(-len(plaintext) // BLOCK) + 1)
    ciphertext = xor(plaintext, stream[BLOCK:])
    return ciphertext + tag(stream[:32], ciphertext, associated)


def unseal(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """The plaintext; ValueError where a single bit of any argument is not what was sealed."""
    ciphertext, found = sealed[:-TAG], sealed[-TAG:]
    stream = chacha20(key, nonce, -(-len(ciphertext) // BLOCK) + 1)
    if not hmac.compare_digest(found, tag(stream[:32], ciphertext, associated)):
        raise ValueError("a sealed message was changed, or sealed for another key or purpose")
    return xor(ciphertext, stream[BLOCK:])


def tag(key: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    """The tag over both texts, padded to 16 bytes each, and their lengths (section 2.8)."""
    padded = b"".join(text + bytes(-len(text) % 16) for text in (associated, ciphertext))
    lengths = len(associated).to_bytes(8, "little") + len(ciphertext).to_bytes(8, "little")
    return poly1305(key, padded + lengths)


def poly1305(key: bytes, message: bytes) -> bytes:
    """The 16-byte authenticator of a message under a key of 32 bytes that is used once."""
    r, s = int.from_bytes(key[:16], "little") & CLAMP, int.from_bytes(key[16:], "little")
    total = 0
    for start in range(0, len(message), 16):
        # a <- (a + block | 1) r mod 2^130 - 5
        block = int.from_bytes(message[start : start + 16] + b"\1", "little")
        total = (total + block) * r % PRIME
    return ((total + s) % 2**128).to_bytes(16, "little")


def chacha20(key: bytes, nonce: bytes, blocks: int, counter: int = 0) -> bytes:
    """`blocks` keystream blocks of 64 bytes, numbered from `counter`."""
    if len(key) != 32 or len(nonce) != 12:
        raise ValueError(f"the key has 32 bytes and the nonce 12, not {len(key)} and {len(nonce)}")
    words = np.frombuffer(b"expand 32-byte k" + key + bytes(4) + nonce, "<u4").reshape(4, 4, 1)
    start = np.repeat(words, blocks, axis=2)  # row, column, block
    start[3, 0] = np.arange(counter, counter + blocks)
    state, (row, column) = start.copy(), np.ogrid[:4, :4]
    for _ in range(10):
        for turn in (1, -1):  # the columns; then, while rows are turned, the diagonals
            for to, by, mixed, bits in QUARTER_ROUND:
                state[to] += state[by]
                state[mixed] ^= state[to]
                state[mixed] = state[mixed] << bits | state[mixed] >> (32 - bits)
            state = state[row, (column + turn * row) % 4]
    return (state + start).transpose(2, 0, 1).tobytes()


def xor(text: bytes, stream: bytes) -> bytes:
    """`text` under as many first bytes of the stream."""
    return bytes(map(operator.xor, text, stream))
