"""Stochastic uniform quantisation to a few bits, unbiased (QSGD: Alistarh et al. 2017, section 3).

Values are scaled by the largest magnitude of their bucket of 512, which travels as float32, and
rounded up or down at random so that the mean is exact. 2 to 8 bits a value hold -s .. s.

Left out: the paper's Elias code of the levels, and its scaling by the norm, whose levels would
mostly be zero.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from fedmini.compression.sparsify import Part, Sparsifier
from fedmini.errors import UserError

BUCKET = 512  # values that share a scale


@dataclass(frozen=True)
class Quantiser:
    """Rounds values to `bits` bits, 2 to 8."""

    bits: int

    def __post_init__(self) -> None:
        if self.bits not in range(2, 9):
            raise UserError(f"a quantiser of {self.bits} bits: 2 to 8 is right")

    def pack(self, values: Tensor, generator: Generator | None = None) -> Part:
        """Levels (uint8, `bits` bits each) and scales (a bucket, float32) of values (k,), k >= 1.

        Draws come from `generator`, on the CPU; with None from torch's global one.
        """
        s = 2 ** (self.bits - 1) - 1
        buckets = torch.nn.functional.pad(values, (0, -len(values) % BUCKET)).view(-1, BUCKET)
        scales = buckets.abs().amax(1)
        # y = s · x / scale, in [-s, s]
        exact = buckets / scales.where(scales > 0, 1)[:, None] * s
        below = exact.floor()
        # level = floor(y), and one more with probability y - floor(y): its mean is y (Eq. 5.2)
        draws = torch.rand(exact.shape, generator=generator).to(values.device)
        levels = below + (draws < exact - below)
        codes = (levels.view(-1)[: len(values)] + s).to(torch.uint8).cpu().numpy()
        bits = np.unpackbits(codes[:, None], axis=1, count=self.bits, bitorder="little")
        packed = torch.from_numpy(np.packbits(bits, bitorder="little"))
        return {"levels": packed, "scales": scales}

    def unpack(self, part: Part, count: int) -> Tensor:
        """The `count` values, float32, none beyond its scale; ValueError for other bytes."""
        levels, scales = part["levels"], part["scales"]
        if (len(levels), len(scales)) != (-(-count * self.bits // 8), -(-count // BUCKET)):
            raise ValueError(f"{len(levels)} bytes hold no {count} values of {self.bits} bits")
        bits = np.unpackbits(levels.cpu().numpy(), count=count * self.bits, bitorder="little")
        codes = np.packbits(bits.reshape(count, self.bits), axis=1, bitorder="little")[:, 0]
        s = 2 ** (self.bits - 1) - 1
        if codes.max() > 2 * s:
            raise ValueError(f"level {codes.max()} of 0 to {2 * s}")
        fractions = (torch.from_numpy(codes).to(scales) - s) / s
        # x' = scale · level / s
        return fractions * scales.repeat_interleave(BUCKET)[:count]

    def compress(self, vector: Tensor, generator: Generator | None = None) -> Part:
        """Levels and scales of a whole vector (D,), and D."""
        return {**self.pack(vector, generator), "size": torch.tensor(len(vector))}

    def decompress(self, part: Part) -> Tensor:
        """The vector (D,); ValueError if the part is not consistent."""
        return self.unpack(part, int(part["size"]))


@dataclass(frozen=True)
class Chain:
    """A sparsifier, and a quantiser of the values that it keeps."""

    sparsifier: Sparsifier
    quantiser: Quantiser

    def compress(self, vector: Tensor, generator: Generator | None = None) -> Part:
        """The sparsifier's part, with levels and scales for its values."""
        part = self.sparsifier.compress(vector, generator)
        return part | self.quantiser.pack(part.pop("values"), generator)

    def decompress(self, part: Part) -> Tensor:
        """The vector (D,); ValueError if the part is not consistent."""
        values = self.quantiser.unpack(part, self.sparsifier.kept(int(part["size"])))
        return self.sparsifier.decompress({**part, "values": values})
