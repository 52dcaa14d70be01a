"""Exercise 06: Shamir's secret sharing, (Eq. 6.2) and (Eq. 6.3), not yet right.

Here the polynomial is a line whatever the threshold. For a threshold of two, that is right. For any
other the secret comes back, too, so that no sum is ever wrong; but any two clients can put together
what three or more were to keep. Let the degree be threshold - 1. The laws ask that

* any `threshold` shares give the secret back;
* fewer tell nothing, which needs every coefficient drawn from the whole field, zero included;
* points that are no points, and too few of them, are a ValueError. `check` does that already.

    pytest tests/contracts --impl shamir=tutorials/exercises/06_shamir.py:Sharing
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

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
        value = int.from_bytes(secret, "little")
        slope = draw(prime) if threshold > 1 else 0  # your lines
        values = {x: (value + slope * x) % prime for x in points}
        return {x: y.to_bytes(SHARE_BYTES, "little") for x, y in values.items()}

    @staticmethod
    def combine(shares: Mapping[int, bytes], threshold: int, prime: int = PRIME) -> bytes:
        """The secret from shares by point."""
        check(list(shares), threshold, prime)
        (x1, y1), *rest = ((x, int.from_bytes(share, "little")) for x, share in shares.items())
        secret = y1
        for x2, y2 in rest[:1]:  # your lines
            secret = (y1 * x2 - y2 * x1) * pow(x2 - x1, -1, prime) % prime
        return secret.to_bytes(SECRET_BYTES, "little")
