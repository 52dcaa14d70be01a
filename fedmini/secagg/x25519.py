"""X25519: two clients agree on a secret over a channel that the server reads (RFC 7748).

Each multiplies the other's public point by its own private number on Curve25519, of which only
u-coordinates travel; the Montgomery ladder (section 5) multiplies with these alone.

Left out: constant time. Python integers take as long as their value needs, so whoever can time a
client precisely may learn about its private key.
"""

PRIME = 2**255 - 19
BASE_POINT = (9).to_bytes(32, "little")
Point = tuple[int, int]  # the fraction X / Z is the u-coordinate


def public_key(private: bytes) -> bytes:
    """The 32 bytes to publish for 32 random private bytes; ValueError for another length."""
    return shared_secret(private, BASE_POINT)


def shared_secret(private: bytes, public: bytes) -> bytes:
    """The 32 bytes on which both owners agree; no key itself, but material for `hkdf`.

    Raises ValueError for other lengths, and for a public key of small order: the product would be
    zero whatever the private key, a secret that everyone knows.
    """
    if len(private) != 32 or len(public) != 32:
        raise ValueError(f"X25519 keys have 32 bytes, not {len(private)} and {len(public)}")
    # a multiple of 8, so that no point of small order leaks bits of it; its length is fixed
    scalar = int.from_bytes(private, "little") & (2**254 - 8) | 2**254
    point = int.from_bytes(public, "little") & (2**255 - 1)
    product = multiply(scalar, point).to_bytes(32, "little")
    if product == bytes(32):
        raise ValueError("this X25519 public key has small order: the shared secret is zero")
    return product


def multiply(scalar: int, u: int) -> int:
    """The u-coordinate of `scalar` times the point at `u`, by the Montgomery ladder."""
    low, high = (1, 0), (u, 1)  # m and m + 1 times the point, m the scalar's bits so far
    for bit in reversed(range(255)):
        if scalar >> bit & 1:
            high, low = rung(high, low, u)
        else:
            low, high = rung(low, high, u)
    x, z = low
    # Fermat: 1 / z = z^(p - 2), and 0 for the point at infinity
    return x * pow(z, PRIME - 2, PRIME) % PRIME


def rung(p: Point, q: Point, u: int) -> tuple[Point, Point]:
    """2P and P + Q of two points that differ by the point at `u`, modulo the prime."""
    plus, minus = p[0] + p[1], p[0] - p[1]
    cross = plus * (q[0] - q[1])
    other = minus * (q[0] + q[1])
    plus, minus = plus * plus % PRIME, minus * minus % PRIME
    four = plus - minus  # 4 X Z
    # X_2P = (X + Z)^2 (X - Z)^2,  Z_2P = 4 X Z ((X + Z)^2 + 121665 · 4 X Z)
    double = plus * minus % PRIME, four * (plus + 121665 * four) % PRIME
    # X_P+Q = (cross + other)^2,  Z_P+Q = u (cross - other)^2
    added = (cross + other) ** 2 % PRIME, u * ((cross - other) ** 2 % PRIME) % PRIME
    return double, added
