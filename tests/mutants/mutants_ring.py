"""Wrong fixed-point sums."""

from __future__ import annotations

import math

import torch

from fedmini.ring import Ring, RingSum
from tests.contracts.framework import mutant


@mutant(
    "ring",
    law="law_encoding_rounds_toward_zero",
    harm="Rounded to the nearest, a clipped update may exceed its bound: epsilon is wrong.",
)
class NearestRing(Ring):
    def encode(self, x, count=1):
        super().encode(x, count)
        return (x.double() * 2.0**self.fractional_bits).round().to(self.dtype)


@mutant(
    "ring",
    law="law_decoding_comes_back_and_never_enlarges",
    harm="Rounded down, every negative number grows: norms exceed the bound and the mean drifts.",
)
class FloorRing(Ring):
    def encode(self, x, count=1):
        super().encode(x, count)
        return (x.double() * 2.0**self.fractional_bits).floor().to(self.dtype)


@mutant(
    "ring",
    law="law_encoding_rounds_toward_zero",
    harm="In 24 bits of mantissa the last digits of weight x update are gone before the sum.",
)
class SinglePrecisionRing(Ring):
    def encode(self, x, count=1):
        super().encode(x, count)
        return (x.float() * 2.0**self.fractional_bits).double().to(self.dtype)


@mutant(
    "ring",
    law="law_encoding_rounds_toward_zero",
    harm="Masks are drawn modulo 2^32, the sum runs modulo 2^64: they never cancel.",
)
class WiderRing(Ring):
    def encode(self, x, count=1):
        return super().encode(x, count).long()


class OwnCheckRing(Ring):
    """A ring that tells whether a sum fits in its own way."""

    def encode(self, x, count=1):
        Ring(64, 0).encode(x * 0)  # NaN and infinity are still refused
        self.check(count, float(x.abs().max()))
        scaled = [int(value * 2**self.fractional_bits) for value in x.double().tolist()]
        half = 2 ** (self.bits - 1)
        return torch.tensor([(z + half) % (2 * half) - half for z in scaled], dtype=self.dtype)

    def check(self, count, bound):
        if count * int(bound * 2.0**self.fractional_bits) > self.limit():
            raise OverflowError


@mutant(
    "ring",
    law="law_wrapping_is_refused_at_the_exact_boundary",
    harm="The sign bit is counted as room: a sum twice too large turns negative without a word.",
)
class SignBitAsRoomRing(OwnCheckRing):
    def limit(self):
        return 2**self.bits - 1


@mutant(
    "ring",
    law="law_wrapping_is_refused_at_the_exact_boundary",
    harm="Sums that fit are refused: a run fails, or is given half the resolution, for nothing.",
)
class OneBitWastedRing(OwnCheckRing):
    def limit(self):
        return 2 ** (self.bits - 2) - 1


@mutant(
    "ring",
    law="law_wrapping_is_refused_at_the_exact_boundary",
    harm="Exactly 2^(b-1) passes as the largest number and arrives as the smallest.",
)
class OneTooManyRing(OwnCheckRing):
    def limit(self):
        return 2 ** (self.bits - 1)


@mutant(
    "ring",
    law="law_wrapping_is_refused_at_the_exact_boundary",
    harm="Each hospital's number fits, their sum does not: the mean of large updates is garbage.",
)
class CountForgottenRing(Ring):
    def check(self, count, bound):
        super().check(1, bound)


@mutant(
    "ring",
    law="law_what_is_not_finite_is_refused",
    harm="One diverged hospital makes every coordinate of the global model NaN, or -2^31.",
)
class NaNPassesRing(Ring):
    def encode(self, x, count=1):
        if x.abs().max() > 2.0 ** (self.bits - 1 - self.fractional_bits):  # False for NaN
            raise ValueError
        return (x.double() * 2.0**self.fractional_bits).to(self.dtype)


@mutant(
    "ring_sum",
    law="law_sums_are_exact_in_any_order",
    harm="A float32 sum depends on the order of the replies: no two runs give the same bits.",
)
class FloatSum(RingSum):
    def add(self, x):
        self.total = x.float() if self.total is None else self.total + x.float()

    def value(self):
        return self.total.double()


@mutant(
    "ring_sum",
    law="law_sums_are_exact_in_any_order",
    harm="The client's update is gone when its residual is taken from it: error feedback forgets.",
)
class TermUsedAsScratch(RingSum):
    def add(self, x):
        super().add(x)
        x.zero_()


@mutant(
    "ring_sum",
    law="law_a_sum_takes_no_more_terms_than_it_has_room_for",
    harm="A sum laid out for the cohort takes a client twice and wraps around.",
)
class EndlessSum(RingSum):
    def add(self, x):
        self.added = -math.inf
        super().add(x)


@mutant(
    "ring_sum",
    law="law_all_terms_have_one_shape",
    harm="A reply of a single number is added to every weight of the model.",
)
class BroadcastingSum(RingSum):
    def add(self, x):
        whole = x if self.total is None else x.reshape(-1)[:1].expand(self.total.shape)
        super().add(whole)
