"""HKDF with SHA-256: one agreed secret becomes a key for each purpose (RFC 5869).

Left out: streaming output; a key is at most 255 hashes long.
"""

import hmac

HASH_BYTES = 32


def hkdf(secret: bytes, info: bytes, size: int = 32, salt: bytes = b"") -> bytes:
    """`size` key bytes from a `secret` that need not be uniform.

    `info` names the purpose: keys of different `info` tell nothing about each other. ValueError for
    a size outside 1 to 8,160.
    """
    if not 1 <= size <= 255 * HASH_BYTES:
        raise ValueError(f"HKDF gives 1 to {255 * HASH_BYTES} bytes, not {size}")
    # PRK = HMAC(salt, secret)
    extracted = hmac.digest(salt, secret, "sha256")
    # T(i) = HMAC(PRK, T(i-1) | info | i)
    key = block = b""
    for counter in range(1, -(-size // HASH_BYTES) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        key += block
    return key[:size]
