"""Agreed secrets and derived keys that are not what both sides, or only they, can know."""

from __future__ import annotations

import hashlib

from fedmini.secagg import hkdf, x25519
from tests.contracts import oracles_secagg as oracle
from tests.contracts.framework import mutant


class Agreement:
    """X25519 that differs in how it multiplies, or in what it does to the product."""

    @classmethod
    def public_key(cls, private):
        return cls.shared_secret(private, x25519.BASE_POINT)

    @classmethod
    def shared_secret(cls, private, public):
        if len(private) != 32 or len(public) != 32:
            raise ValueError
        product = cls.product(cls.scalar(private), cls.point(public)).to_bytes(32, "little")
        if product == bytes(32):
            raise ValueError
        return product

    @classmethod
    def scalar(cls, private):
        return oracle.scalar_of(private)

    @classmethod
    def point(cls, public):
        return int.from_bytes(public, "little") % 2**255

    @classmethod
    def product(cls, scalar, point):
        return x25519.multiply(scalar, point)


@mutant(
    "x25519",
    law="law_both_sides_agree",
    harm="Each hashes its own key first: two clients hold different seeds, and no mask cancels.",
)
class OwnKeyFirst(Agreement):
    @classmethod
    def shared_secret(cls, private, public):
        product = super().shared_secret(private, public)
        if public == x25519.BASE_POINT:
            return product
        return hashlib.sha256(cls.public_key(private) + public + product).digest()


@mutant(
    "x25519",
    law="law_secret_is_the_product_on_the_curve",
    harm="With 121666 both sides still agree, but on a curve that nobody has found to be safe.",
)
class AnotherCurve(Agreement):
    @classmethod
    def product(cls, scalar, point):
        low, high = (1, 0), (point, 1)
        for bit in f"{scalar:b}":
            low, high = (high, low) if bit == "1" else (low, high)
            (x, z), high = low, x25519.rung(low, high, point)[1]
            four = 4 * x * z
            low = (x * x - z * z) ** 2, four * ((x + z) ** 2 + 121666 * four)
            low = tuple(each % x25519.PRIME for each in low)
            low, high = (high, low) if bit == "1" else (low, high)
        return low[0] * pow(low[1], -1, x25519.PRIME) % x25519.PRIME


@mutant(
    "x25519",
    law="law_a_point_of_small_order_is_refused",
    harm="A client that publishes zero makes its pair's secret zero: the server removes the mask.",
)
class ZeroAccepted(Agreement):
    @classmethod
    def shared_secret(cls, private, public):
        return cls.product(cls.scalar(private), cls.point(public)).to_bytes(32, "little")


@mutant(
    "x25519",
    law="law_a_point_of_small_order_is_refused",
    harm="The cofactor is not cleared: a point of order 8 reveals three bits of the private key.",
)
class ScalarNotClamped(Agreement):
    @classmethod
    def scalar(cls, private):
        return int.from_bytes(private, "little") % 2**255 | 1


@mutant(
    "x25519",
    law="law_a_point_has_several_encodings",
    harm="The unused top bit is read as part of the point: it differs from every other X25519.",
)
class TopBitRead(Agreement):
    @classmethod
    def point(cls, public):
        return int.from_bytes(public, "little")


@mutant(
    "x25519",
    law="law_a_key_of_another_length_is_refused",
    harm="A key cut short on its way is filled up with zeros: the pair's masks never cancel.",
)
class ShortKeyFilledUp(Agreement):
    @classmethod
    def shared_secret(cls, private, public):
        keys = (each[:32].ljust(32, b"\0") for each in (private, public))
        return super().shared_secret(*keys)


@mutant(
    "hkdf",
    law="law_key_is_the_standards",
    harm="The block before does not enter: a key of 64 bytes has half the strength it shows.",
)
def blocks_not_chained(secret, info, size=32, salt=b""):
    counters = range(1, -(-size // 32) + 1)
    extracted = oracle.hmac_sha256(salt, secret)
    blocks = (oracle.hmac_sha256(extracted, info + bytes([each])) for each in counters)
    return b"".join(blocks)[:size]


@mutant(
    "hkdf",
    law="law_every_purpose_has_a_key_of_its_own",
    harm="The purpose is dropped: the key that seals shares is also the seed of the masks.",
)
def purpose_dropped(secret, info, size=32, salt=b""):
    return hkdf.hkdf(secret, b"", size, salt)


@mutant(
    "hkdf",
    law="law_every_purpose_has_a_key_of_its_own",
    harm="Secret and purpose are joined: round 11 of one pair has the key of round 1 of another.",
)
def joined_text(secret, info, size=32, salt=b""):
    return hkdf.hkdf(secret + info, b"", size, salt)


@mutant(
    "hkdf",
    law="law_a_key_too_long_is_refused",
    harm="Past 255 blocks the counter starts anew: a long key repeats itcls.",
)
def counter_wraps(secret, info, size=32, salt=b""):
    key = hkdf.hkdf(secret, info, 255 * 32, salt)
    return (key * (size // len(key) + 1))[: max(size, 0)]
