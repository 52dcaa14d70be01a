"""Shamir's secret sharing: any `threshold` shares give the secret back, fewer tell nothing (1979).

The secret is the value at 0 of a random polynomial of degree threshold - 1 over a prime field; a
share is its value at another point. Through threshold - 1 shares and ANY secret there passes
exactly one polynomial, so that they fit every secret equally well.

Left out: shares that prove themselves. A wrong share gives a wrong secret without a word.
"""

from collections.abc import Callable, Mapping, Sequence
from secrets import randbelow

PRIME = 2**256 + 297  # the smallest above every 256-bit secret
SECRET_BYTES = 32
SHARE_BYTES = 33
Draw = Callable[[int], int]


def split(
    secret: bytes, threshold: int, points: Sequence[int], draw: Draw = randbelow, prime: int = PRIME
) -> dict[int, bytes]:
    """A share of 33 bytes of the 32-byte secret (little-endian) for each point.

    `draw(n)` gives a uniform integer in [0, n). ValueError unless the points are distinct, in
    [1, prime), and at least `threshold`, which is at least 1, and the secret is below the prime.
    """
    check(points, threshold, prime)
    value = int.from_bytes(secret, "little")
    if len(secret) != SECRET_BYTES or value >= prime:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes and is below the prime of its field")
    coefficients = [value, *(draw(prime) for _ in range(threshold - 1))]
    shares = {}
    for x in points:
        y = 0
        # Horner: f(x) = secret + x (c_1 + x (c_2 + ...)) (Eq. 6.2)
        for coefficient in reversed(coefficients):
            y = (y * x + coefficient) % prime
        shares[x] = y.to_bytes(SHARE_BYTES, "little")
    return shares


def combine(shares: Mapping[int, bytes], threshold: int, prime: int = PRIME) -> bytes:
    """The 32-byte secret from the shares by point, of which the first `threshold` are used.

    ValueError for points that `split` refuses, a share that is no element of the field, and shares
    of no 32-byte secret.
    """
    check(list(shares), threshold, prime)
    used = {x: int.from_bytes(share, "little") for x, share in list(shares.items())[:threshold]}
    secret = 0
    for x, y in used.items():
        # f(0) = sum_i y_i prod_{j != i} x_j / (x_j - x_i) (Eq. 6.3)
        above, below = y, 1
        for other in used.keys() - {x}:
            above, below = above * other % prime, below * (other - x) % prime
        secret += above * pow(below, -1, prime)
    secret %= prime
    if max(used.values()) >= prime or secret >= 2 ** (8 * SECRET_BYTES):
        raise ValueError("these are not shares of a 32-byte secret in this field")
    return secret.to_bytes(SECRET_BYTES, "little")


def check(points: Sequence[int], threshold: int, prime: int) -> None:
    """ValueError unless a threshold of distinct points other than 0 stands in the field."""
    if len(set(points)) != len(points) or not all(1 <= x < prime for x in points):
        raise ValueError("the points of shares must be distinct and in [1, prime)")
    if not 1 <= threshold <= len(points):
        raise ValueError(f"a threshold of {threshold} cannot be met by {len(points)} shares")
