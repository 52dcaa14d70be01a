"""Sums of real numbers as sums of integers modulo 2^b: no order, no rounding on the way.

A number becomes a fixed-point integer, rounded toward zero, so that encoding never enlarges a norm
that was clipped before. Integer addition wraps and commutes: the plain sum, a sum of masked vectors
and a sum over any number of processes are the same bits, where float sums depend on their order.

Left out: a resolution per coordinate; one scale serves the whole vector.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ring:
    """The integers modulo 2^bits as fixed-point numbers with `fractional_bits` after the point."""

    bits: int = 64
    fractional_bits: int = 32

    def __post_init__(self) -> None:
        if self.bits not in (32, 64) or not 0 <= self.fractional_bits < self.bits:
            raise ValueError(f"{self}: bits must be 32 or 64, fractional_bits in [0, bits)")

    @property
    def dtype(self) -> torch.dtype:
        return torch.int32 if self.bits == 32 else torch.int64

    def encode(self, x: Tensor, count: int = 1) -> Tensor:
        """Fixed-point integers (same shape) of the float tensor `x`.

        Raises ValueError if `x` is not finite, OverflowError if a sum of `count` vectors as large
        as `x` could wrap.
        """
        if x.numel():
            low, high = (float(end) for end in torch.aminmax(x))
            if not (math.isfinite(low) and math.isfinite(high)):
                raise ValueError("a vector with NaN or infinity cannot enter the ring")
            self.check(count, max(-low, high))
        # z = trunc(x · 2^f) (Eq. 1.1)
        return (x.double() * 2.0**self.fractional_bits).to(self.dtype)

    def decode(self, total: Tensor) -> Tensor:
        """The float64 numbers that a sum of encoded vectors stands for."""
        # x = z / 2^f (Eq. 1.2)
        return total.double() / 2.0**self.fractional_bits

    def check(self, count: int, bound: float) -> None:
        """OverflowError if `count` numbers of magnitude up to `bound` could wrap when summed."""
        # count · trunc(bound · 2^f) <= 2^(b-1) - 1 (Eq. 1.3)
        scaled = bound * 2.0**self.fractional_bits
        if not math.isfinite(scaled) or count * int(scaled) > 2 ** (self.bits - 1) - 1:
            found = f"{count} values up to {bound:.3g} do not fit {self}"
            raise OverflowError(f"{found}: use more bits, or smaller values")


class RingSum:
    """A running sum in a ring: one accumulator, whatever the number of terms."""

    def __init__(self, ring: Ring, count: int) -> None:
        self.ring, self.count, self.added = ring, count, 0
        self.total: Tensor | None = None

    def add(self, x: Tensor) -> None:
        """Add one of at most `count` float tensors of one shape; `x` stays as it was.

        Raises ValueError for another shape or one tensor more, and whatever `Ring.encode` raises.
        """
        encoded = self.ring.encode(x, self.count)
        if self.added == self.count:
            raise ValueError(f"this sum has room for {self.count} terms: one more could wrap")
        if self.total is not None and encoded.shape != self.total.shape:
            raise ValueError(f"shape {list(x.shape)} in a sum of shape {list(self.total.shape)}")
        self.total = encoded if self.total is None else self.total.add_(encoded)
        self.added += 1

    def value(self) -> Tensor:
        """The sum so far, float64; RuntimeError if nothing was added."""
        if self.total is None:
            raise RuntimeError("a sum of nothing has no shape")
        return self.ring.decode(self.total)
