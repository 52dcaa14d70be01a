"""Exercise 06, solved: threshold - 1 coefficients are drawn, threshold points give the value at 0.

pytest tests/contracts --impl shamir=tutorials/exercises/solutions/06_shamir.py:Sharing
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from math import prod

from fedmini.secagg.shamir import PRIME, SECRET_BYTES, SHARE_BYTES, check


class Sharing:
    """A secret in pieces; numbers are little-endian bytes."""

    @staticmethod
    def split(
        secret: bytes,
        threshold: int,
        points: Sequence[int],
        draw: Callable[[int], int] = secrets.randbelow,
        prime: int = PRIME,
    ) -> dict[int, bytes]:
        """A share for each point x; `draw(n)` gives a uniform integer in [0, n)."""
        check(points, threshold, prime)
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes")
        coefficients = [int.from_bytes(secret, "little")]
        coefficients += [draw(prime) for _ in range(threshold - 1)]
        values = {x: sum(c * x**k for k, c in enumerate(coefficients)) % prime for x in points}
        return {x: y.to_bytes(SHARE_BYTES, "little") for x, y in values.items()}

    @staticmethod
    def combine(shares: Mapping[int, bytes], threshold: int, prime: int = PRIME) -> bytes:
        """The secret from shares by point."""
        check(list(shares), threshold, prime)
        used, secret = list(shares)[:threshold], 0
        for x in used:
            others = [other for other in used if other != x]
            above, below = prod(others), prod(other - x for other in others)
            secret += int.from_bytes(shares[x], "little") * above * pow(below, -1, prime)
        return (secret % prime).to_bytes(SECRET_BYTES, "little")
