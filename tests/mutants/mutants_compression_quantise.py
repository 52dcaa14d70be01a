"""Wrong quantisers, and wrong chains of a sparsifier and a quantiser."""

from __future__ import annotations

import numpy as np
import torch

from fedmini.compression import Chain, Quantiser
from tests.contracts.framework import mutant


class OwnRounding(Quantiser):
    """A quantiser that rounds in its own way, to its own number of levels, and trusts all bytes."""

    @property
    def steps(self):
        return 2 ** (self.bits - 1) - 1

    def rounded(self, exact, generator):
        below = exact.floor()
        return below + (torch.rand(exact.shape, generator=generator) < exact - below)

    def pack(self, values, generator=None):
        buckets = torch.nn.functional.pad(values, (0, -len(values) % 512)).view(-1, 512)
        scales = buckets.abs().amax(1)
        exact = buckets / scales.where(scales > 0, 1)[:, None] * self.steps
        levels = self.rounded(exact, generator)
        codes = (levels.view(-1)[: len(values)] + self.steps).to(torch.uint8).numpy()
        bits = np.unpackbits(codes[:, None], axis=1, count=self.bits, bitorder="little")
        packed = torch.from_numpy(np.packbits(bits, bitorder="little"))
        return {"levels": packed, "scales": scales}

    def unpack(self, part, count):
        bits = np.unpackbits(part["levels"].numpy(), count=count * self.bits, bitorder="little")
        codes = np.packbits(bits.reshape(count, self.bits), axis=1, bitorder="little")[:, 0]
        levels = torch.from_numpy(codes).float() - self.steps
        return levels / self.steps * part["scales"].repeat_interleave(512)[:count]


@mutant(
    "quantiser",
    law="law_rounding_is_unbiased",
    harm="Rounded to the nearest: small values are always zero, however many clients agree.",
)
class Nearest(OwnRounding):
    def rounded(self, exact, generator):
        return exact.round()


@mutant(
    "quantiser",
    law="law_rounding_is_unbiased",
    harm="A coin decides between the levels: a value just above one counts as half a step more.",
)
class FairCoin(OwnRounding):
    def rounded(self, exact, generator):
        heads = torch.rand(exact.shape, generator=generator) < 0.5
        return torch.where(heads, exact.floor(), exact.ceil())


@mutant(
    "quantiser",
    law="law_a_value_goes_to_a_level_beside_it",
    harm="One level too many: the largest values leave the range, or wrap to the smallest.",
)
class OneLevelTooMany(OwnRounding):
    @property
    def steps(self):
        return 2 ** (self.bits - 1)


@mutant(
    "quantiser",
    law="law_a_value_goes_to_a_level_beside_it",
    harm="One scale for the whole vector: layers with small updates are all noise.",
)
class OneScale(Quantiser):
    def pack(self, values, generator=None):
        part = super().pack(torch.cat([values, values.new_zeros(-len(values) % 512)]), generator)
        largest = part["scales"].max().expand_as(part["scales"])
        shrunk = values / part["scales"].repeat_interleave(512)[: len(values)]
        parts = shrunk * (part["scales"] / largest).repeat_interleave(512)[: len(values)]
        return super().pack(parts, generator) | {"scales": largest.clone()}


@mutant(
    "quantiser",
    law="law_zeros_and_constants_stay_as_they_are",
    harm="Divided by a scale of zero: a frozen layer turns into NaN, and so does the model.",
)
class DividedByZero(OwnRounding):
    def unpack(self, part, count):
        found = super().unpack(part, count)
        scales = part["scales"].repeat_interleave(512)[:count]
        return found / scales * scales


@mutant(
    "quantiser",
    law="law_bits_are_really_packed",
    harm="A byte a level whatever the bits: the figures say a half or a quarter of what travels.",
)
class AByteALevel(Quantiser):
    def pack(self, values, generator=None):
        return super().pack(values, generator) | {"levels": torch.zeros(len(values)).byte()}


@mutant(
    "quantiser",
    law="law_parts_of_another_length_or_level_are_refused",
    harm="Missing bytes are read as zeros: the end of a cut upload pulls weights to -scale.",
)
class TrustingQuantiser(OwnRounding):
    pass


@mutant(
    "quantiser",
    law="law_draws_are_the_generators",
    harm="Draws from the global generator: a resumed run is another run.",
)
class GlobalDraws(Quantiser):
    def pack(self, values, generator=None):
        return super().pack(values, None)


@mutant(
    "chain",
    law="law_a_chain_rounds_what_was_kept",
    harm="The bare values travel beside their levels: more bytes than without a quantiser.",
)
class ValuesToo(Chain):
    def compress(self, vector, generator=None):
        return self.sparsifier.compress(vector, generator) | super().compress(vector, generator)


@mutant(
    "chain",
    law="law_a_chain_rounds_what_was_kept",
    harm="Rounded before the choice: ties by rounding decide which coordinates travel.",
)
class RoundedFirst(Chain):
    def compress(self, vector, generator=None):
        rounded = self.quantiser.decompress(self.quantiser.compress(vector, generator))
        return super().compress(rounded, generator)
