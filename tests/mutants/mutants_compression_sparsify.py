"""Wrong sparsifiers."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from fedmini.compression import PrevK, RandomK, TopK, indices
from fedmini.compression.select import largest
from fedmini.rng import numpy_stream, stream
from tests.contracts.framework import mutant


@mutant(
    "largest",
    law="law_the_largest_are_exact_whatever_the_sample_says",
    harm="The sampled threshold is taken at its word: a client sends more than it may, or less.",
)
def by_the_sample_alone(vector, k):
    sample = vector[:: len(vector) // 2**16 + 1].abs()
    rank = max(1, round(len(sample) * k / len(vector)))
    return (vector.abs() >= sample.topk(rank).values[-1]).nonzero()[:, 0]


@mutant(
    "largest",
    law="law_the_largest_are_exact_whatever_the_sample_says",
    harm="Ties fall as torch's sorting has them: another machine sends other coordinates.",
)
def ties_as_they_fall(vector, k):
    return vector.abs().topk(k).indices.sort().values


@mutant(
    "topk",
    law="law_topk_is_what_sorting_gives",
    harm="The largest values, not magnitudes: what should shrink never does.",
)
class TopKWithoutAbs(TopK):
    def coordinates(self, vector, generator=None):
        return vector.topk(self.kept(len(vector))).indices.sort().values


@mutant(
    "topk",
    law="law_topk_is_what_sorting_gives",
    harm="k is cut to an integer: a small layer, or a small ratio, sends nothing at all.",
)
class FlooredTopK(TopK):
    def coordinates(self, vector, generator=None):
        k = int(self.ratio * len(vector))
        return largest(vector, k) if k else torch.zeros(0, dtype=torch.int64)


@mutant(
    "topk",
    law="law_what_is_kept_is_kept_exactly",
    harm="Values by magnitude, indices ascending: each weight gets the update of another.",
)
class ShuffledTopK(TopK):
    def compress(self, vector, generator=None):
        part = super().compress(vector, generator)
        return part | {"values": part["values"].sort(descending=True).values}


@mutant(
    "topk",
    law="law_what_is_kept_is_kept_exactly",
    harm="What is left out is zeroed in place: the residual of error feedback is always zero.",
)
class ZeroingTopK(TopK):
    def compress(self, vector, generator=None):
        part = super().compress(vector, generator)
        vector.copy_(self.decompress(part))
        return part


@mutant(
    "topk",
    law="law_topk_errs_no_more_than_randk",
    harm="The smallest are kept: what matters most waits for ever.",
)
class BottomK(TopK):
    def coordinates(self, vector, generator=None):
        k = self.kept(len(vector))
        return vector.abs().topk(k, largest=False).indices.sort().values


@mutant(
    "topk",
    law="law_a_part_travels_in_few_bytes",
    harm="Indices travel as int64: twice the bytes of the values, and none of them counted on.",
)
class WideIndices(TopK):
    def compress(self, vector, generator=None):
        return super().compress(vector) | {"indices": self.coordinates(vector)}

    def where(self, part):
        return part["indices"]


@mutant(
    "randk",
    law="law_all_clients_of_a_round_read_the_same",
    harm="Each client draws its own coordinates: values of different weights are summed.",
)
class OwnSeedRandomK(RandomK):
    reads = itertools.count()

    def read(self, announcement, size):
        return ((super().read(announcement, size) + next(self.reads)) % size).sort().values


@mutant(
    "randk",
    law="law_all_clients_of_a_round_read_the_same",
    harm="Drawn with replacement: a coordinate counts twice, and fewer travel than were paid for.",
)
class RepeatingRandomK(RandomK):
    def read(self, announcement, size):
        draws = numpy_stream(announcement.item(), "coordinates")
        return torch.from_numpy(np.sort(draws.integers(0, size, self.kept(size))))


@mutant(
    "randk",
    law="law_randk_favours_no_coordinate",
    harm="The upper end of the range is never drawn: the last weight of the head is never trained.",
)
class WithoutTheLastRandomK(RandomK):
    def read(self, announcement, size):
        return super().read(announcement, size).clamp(max=size - 2)


@mutant(
    "randk",
    law="law_randk_favours_no_coordinate",
    harm="The round is no part of the address: the same coordinates travel in every round.",
)
class SameEveryRound(RandomK):
    def announce(self, size, round, previous, key):
        return super().announce(size, 0, previous, key)


@mutant(
    "randk",
    law="law_a_seed_has_64_bits",
    harm="Seeds folded to 32 bits: a client that sees one can try all and learn those to come.",
)
class FoldedSeed(RandomK):
    def announce(self, size, round, previous, key):
        return super().announce(size, round, previous, key) & 0xFFFFFFFF


@mutant(
    "randk",
    law="law_a_seed_travels_for_the_indices",
    harm="Indices travel though a seed says them: half of what compression saves is lost.",
)
class IndicesTooRandomK(RandomK):
    def compress(self, vector, generator=None):
        part = super().compress(vector, generator)
        return part | {"indices": indices.encode(self.where(part), len(vector))}


@mutant(
    "prevk",
    law="law_every_coordinate_has_its_turn",
    harm="Without rotation what was never large is never looked at again.",
)
class PrevKWithoutRotation(PrevK):
    def announce(self, size, round, previous, key):
        return indices.encode(largest(previous, self.kept(size)), size)


@mutant(
    "prevk",
    law="law_every_coordinate_has_its_turn",
    harm="A new permutation in every round: some coordinates wait for chance instead of a turn.",
)
class ShuffledTurns(PrevK):
    def announce(self, size, round, previous, key):
        return super().announce(size, 1, previous, stream(key, round).initial_seed() + round)


@mutant(
    "prevk",
    law="law_prevk_keeps_the_largest_of_the_last_aggregate",
    harm="The largest values, not magnitudes: strong negative directions are forgotten.",
)
class PrevKWithoutAbs(PrevK):
    def announce(self, size, round, previous, key):
        return super().announce(size, round, previous.clamp(min=0), key)


@mutant(
    "prevk",
    law="law_prevk_keeps_the_largest_of_the_last_aggregate",
    harm="What is large and in turn fills two places: fewer coordinates travel than were paid for.",
)
class CountedTwice(PrevK):
    def announce(self, size, round, previous, key):
        k = self.kept(size)
        turn = max(1, k // 10)
        places = ((round - 1) * turn + torch.arange(turn)) % size
        rotated = torch.randperm(size, generator=stream(key, "rotation"))[places]
        if k > turn:
            rotated = torch.cat([rotated, largest(previous, k - turn)])
        return indices.encode(rotated.unique(), size)


@mutant(
    "prevk",
    law="law_prevk_keeps_the_largest_of_the_last_aggregate",
    harm="The rotation is marked in the aggregate itself: the model becomes infinite.",
)
class MarkedInPlace(PrevK):
    def announce(self, size, round, previous, key):
        code = super().announce(size, round, previous, key)
        previous[indices.decode(code, size)[:1]] = torch.inf
        return code


@mutant(
    "prevk",
    law="law_the_turn_is_drawn_by_the_key",
    harm="A seed in the code: all runs, whatever their seed, go through weights in one order.",
)
class FixedTurn(PrevK):
    def announce(self, size, round, previous, key):
        return super().announce(size, round, previous, 0)
