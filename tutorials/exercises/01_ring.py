"""Exercise 01: fixed-point numbers for sums without order, (Eq. 1.1) to (Eq. 1.3), not yet right.

This one rounds to the nearest number, in float32, and lets everything in. The laws ask that

* encoding rounds toward zero, exactly, into integers of `bits` bits, and leaves `x` alone;
* decoding gives float64, and no number comes back larger than it went in;
* NaN and infinity are a ValueError;
* what could wrap in a sum of `count` terms is an OverflowError, and what just fits is none.

    pytest tests/contracts --impl ring=tutorials/exercises/01_ring.py:FixedPoint
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FixedPoint:
    """The integers modulo 2^bits, 32 or 64, with `fractional_bits` after the point."""

    bits: int = 64
    fractional_bits: int = 32

    def encode(self, x: Tensor, count: int = 1) -> Tensor:
        return (x.float() * 2.0**self.fractional_bits).round().to(torch.int64)  # your lines

    def decode(self, total: Tensor) -> Tensor:
        return total.float() / 2.0**self.fractional_bits

    def check(self, count: int, bound: float) -> None:
        """OverflowError if `count` numbers of magnitude up to `bound` could wrap when summed."""
