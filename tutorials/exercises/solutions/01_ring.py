"""Exercise 01, solved: scale in float64, where 2^f changes no digit; cut; check before it wraps.

pytest tests/contracts --impl ring=tutorials/exercises/solutions/01_ring.py:FixedPoint
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FixedPoint:
    """The integers modulo 2^bits, 32 or 64, with `fractional_bits` after the point."""

    bits: int = 64
    fractional_bits: int = 32

    def encode(self, x: Tensor, count: int = 1) -> Tensor:
        if not torch.isfinite(x).all():
            raise ValueError("only finite numbers have a place in the ring")
        self.check(count, float(x.abs().max()) if x.numel() else 0.0)
        integers = {32: torch.int32, 64: torch.int64}[self.bits]
        # A float becomes an integer by dropping what is behind the point: toward zero.
        return (x.double() * 2.0**self.fractional_bits).to(integers)

    def decode(self, total: Tensor) -> Tensor:
        return total.double() / 2.0**self.fractional_bits

    def check(self, count: int, bound: float) -> None:
        """OverflowError if `count` numbers of magnitude up to `bound` could wrap when summed."""
        # Python's integers are exact where float64 has only 53 bits.
        if count * math.trunc(bound * 2.0**self.fractional_bits) >= 2 ** (self.bits - 1):
            raise OverflowError(f"{count} numbers up to {bound} do not fit {self.bits} bits")
