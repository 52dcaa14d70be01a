"""Shares that tell too much, or do not come together."""

from __future__ import annotations

import secrets

from fedmini.secagg import shamir, x25519
from tests.contracts.framework import mutant


class Sharing:
    """Shamir's sharing with a polynomial of the mutant's making."""

    @classmethod
    def split(cls, secret, threshold, points, draw=secrets.randbelow, prime=shamir.PRIME):
        shamir.split(secret, threshold, points, prime=prime)
        coefficients = cls.coefficients(threshold, draw, prime)
        coefficients = [int.from_bytes(secret, "little"), *coefficients]
        return {x: cls.value(coefficients, x, prime).to_bytes(33, "little") for x in points}

    @classmethod
    def coefficients(cls, threshold, draw, prime):
        return [draw(prime) for _ in range(threshold - 1)]

    @classmethod
    def value(cls, coefficients, x, prime):
        return sum(each * x**power for power, each in enumerate(coefficients)) % prime

    @classmethod
    def combine(cls, shares, threshold, prime=shamir.PRIME):
        return shamir.combine(shares, threshold, prime)


@mutant(
    "shamir",
    law="law_any_threshold_shares_give_the_secret_back",
    harm="One degree too many: at exactly the threshold the round gives a wrong sum.",
)
class OneDegreeMore(Sharing):
    @classmethod
    def coefficients(cls, threshold, draw, prime):
        return super().coefficients(threshold + 1, draw, prime)


@mutant(
    "shamir",
    law="law_any_threshold_shares_give_the_secret_back",
    harm="The field is smaller than the seeds: half of all rounds end with masks left in.",
)
class FieldTooSmall(Sharing):
    @classmethod
    def split(cls, secret, threshold, points, draw=secrets.randbelow, prime=x25519.PRIME):
        reduced = (int.from_bytes(secret, "little") % prime).to_bytes(32, "little")
        return shamir.split(reduced, threshold, points, draw, prime)

    @classmethod
    def combine(cls, shares, threshold, prime=x25519.PRIME):
        return shamir.combine(shares, threshold, prime)


@mutant(
    "shamir",
    law="law_fewer_shares_tell_nothing",
    harm="One degree too few: threshold - 1 clients can open a mask.",
)
class OneDegreeLess(Sharing):
    @classmethod
    def coefficients(cls, threshold, draw, prime):
        return super().coefficients(threshold - 1, draw, prime)


@mutant(
    "shamir",
    law="law_fewer_shares_tell_nothing",
    harm="One draw serves for every coefficient: two shares give it away, whatever the threshold.",
)
class OneDrawForAll(Sharing):
    @classmethod
    def coefficients(cls, threshold, draw, prime):
        return [draw(prime)] * (threshold - 1)


@mutant(
    "shamir",
    law="law_fewer_shares_tell_nothing",
    harm="The leading coefficient is never zero: threshold - 1 shares rule one secret out.",
)
class LeadingCoefficientNotZero(Sharing):
    @classmethod
    def coefficients(cls, threshold, draw, prime):
        return [*super().coefficients(threshold - 1, draw, prime), 1 + draw(prime - 1)]


@mutant(
    "shamir",
    law="law_fewer_shares_tell_nothing",
    harm="The highest number is never drawn: every share rules some secrets out.",
)
class TopValueNeverDrawn(Sharing):
    @classmethod
    def coefficients(cls, threshold, draw, prime):
        return [draw(prime - 1) for _ in range(threshold - 1)]


@mutant(
    "shamir",
    law="law_fewer_shares_tell_nothing",
    harm="The first client's share is the secret itself.",
)
class SecretAtOne(Sharing):
    @classmethod
    def value(cls, coefficients, x, prime):
        return super().value(coefficients, x - 1, prime)


@mutant(
    "shamir",
    law="law_fewer_shares_tell_nothing",
    harm="Without a field, a share tells the secret's remainder by the client's number.",
)
class OverTheIntegers(Sharing):
    @classmethod
    def value(cls, coefficients, x, prime):
        return sum(each * x**power for power, each in enumerate(coefficients))


class Trusting(Sharing):
    """Takes whatever points and lengths it is given."""

    @classmethod
    def split(cls, secret, threshold, points, draw=secrets.randbelow, prime=shamir.PRIME):
        coefficients = cls.coefficients(threshold, draw, prime)
        coefficients = [int.from_bytes(secret, "little"), *coefficients]
        return {x: cls.value(coefficients, x, prime).to_bytes(41, "little") for x in points}


@mutant(
    "shamir",
    law="law_points_outside_the_field_are_refused",
    harm="Clients are counted from 0: the first one's share is the secret itself.",
)
class AnyPointTaken(Trusting):
    """Counts nothing, asks nothing."""


@mutant(
    "shamir",
    law="law_a_secret_of_another_length_is_refused",
    harm="A seed cut short is shared like a whole one: few enough bits to be guessed.",
)
class AnySecretTaken(Trusting):
    """Shares one byte as gladly as 32."""


@mutant(
    "shamir",
    law="law_too_few_shares_are_refused",
    harm="Too few shares interpolate to some number: a wrong mask is taken off without a word.",
)
class WhateverCame(Sharing):
    @classmethod
    def combine(cls, shares, threshold, prime=shamir.PRIME):
        return shamir.combine(shares, len(shares), prime) if shares else bytes(32)
