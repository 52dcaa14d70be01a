"""Wrong compressions in a federation: other residuals, other places, other draws."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from fedmini.compressed import Compression
from fedmini.compression import indices
from fedmini.rng import stream
from tests.contracts.framework import mutant

LOST = "law_nothing_is_lost_but_with_a_lost_upload"
OWED = "law_neither_clip_nor_rounding_is_owed"
AS_SENT = "law_sent_coordinates_are_as_they_were"
COMMON = "law_common_coordinates_can_be_summed_unread"
PREVIOUS = "law_prevk_follows_the_last_aggregate"
FRESH = "law_roundings_are_fresh"
RESERVED = "law_an_upload_is_never_larger_than_reserved"
ADDED = "law_a_round_adds_up_what_was_sent"


@mutant("compressed", law=LOST, harm="with a lost upload its coordinates are lost for good")
class CommittedAtOnce(Compression):
    def sparsify(self, update, client):
        found = super().sparsify(update, client)
        client.state |= client.pending
        return found


@mutant("compressed", law=LOST, harm="what was sent is owed still: large coordinates come for ever")
class OwesTheWholeUpdate(Compression):
    def sparsify(self, update, client):
        owed = client.state.get("residual", 0.0)
        found = super().sparsify(update, client)
        client.keep(residual=update[: self.trained] + owed)
        return found


@mutant("compressed", law=LOST, harm="the residual is kept, and never sent: no feedback at all")
class FeedbackIgnored(Compression):
    def sparsify(self, update, client):
        client.state.pop("residual", None)
        return super().sparsify(update, client)


@mutant("compressed", law=LOST, harm="small coordinates are owed for one round and then forgotten")
class OwesTheLastRoundAlone(Compression):
    def sparsify(self, update, client):
        found = super().sparsify(update, client)
        unsent = client.pending["residual"]
        client.keep(residual=unsent - client.state.get("residual", 0.0) * (unsent != 0))
        return found


@mutant(
    "compressed",
    law="law_without_feedback_nothing_is_kept",
    harm="the run without feedback has some: the comparison compares nothing",
)
class AlwaysRemembers(Compression):
    def sparsify(self, update, client):
        return Compression.sparsify(replace(self, feedback=True), update, client)


@mutant("compressed", law=OWED, harm="whatever was clipped comes in a later round: no bound holds")
class OwesWhatWasClipped(Compression):
    def sparsify(self, update, client):
        client.wanted = update[: self.trained].clone()
        return super().sparsify(update, client)

    def quantise(self, upload, client):
        owe_all_but(upload.update, self, client)
        return super().quantise(upload, client)


@mutant("compressed", law=OWED, harm="unbiased errors of rounding, which cancel, are made up for")
class OwesRoundings(OwesWhatWasClipped):
    def quantise(self, upload, client):
        sent = Compression.quantise(self, upload, client)
        if self.quantiser is not None:
            packed = {"levels": sent.update, "scales": sent.packing["scales"]}
            owe_all_but(self.quantiser.unpack(packed, self.sent), self, client)
        return sent


def owe_all_but(values, compression, client) -> None:
    """A residual that is the update less what was really sent (zeros among it: as it should be)."""
    places = (client.pending["residual"] != client.wanted).nonzero().flatten()
    if len(places) == compression.kept:
        sent = compression.spread(values, places)[: compression.trained]
        client.keep(residual=client.wanted - sent)


@mutant(
    "compressed",
    law="law_statistics_travel_whole",
    harm="a mean variance with gaps: the zeros in it blow up what batch norm divides by them",
)
class StatisticsToo(Compression):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        object.__setattr__(self, "trained", self.size)


@mutant(
    "compressed",
    law="law_statistics_travel_whole",
    harm="statistics never leave the hospitals: the global model normalises as at the start",
)
class StatisticsStayAtHome(Compression):
    def spread(self, values, chosen):
        whole = super().spread(values, chosen)
        whole[self.trained :] = 0
        return whole


@mutant("compressed", law=AS_SENT, harm="values in the first places: the model is torn to pieces")
class UnpackedInOrder(Compression):
    def spread(self, values, chosen):
        return super().spread(values, torch.arange(len(chosen)))


@mutant("compressed", law=AS_SENT, harm="made unbiased, but with feedback: what comes grows by D/k")
class ScaledUp(Compression):
    def sparsify(self, update, client):
        values, packing = super().sparsify(update, client)
        values[: self.kept] *= self.trained / self.kept
        return values, packing


@mutant("compressed", law=AS_SENT, harm="the ratio counts buffers: other bytes than were asked for")
class RatioOfEverything(Compression):
    @property
    def kept(self):
        return self.sparsifier.kept(self.size)


@mutant("compressed", law=COMMON, harm="sums of coordinates that are not the same: noise")
class EveryoneDraws(Compression):
    def sparsify(self, update, client):
        draws = torch.randperm(self.trained, generator=stream(self.key, "own", client.name))
        return torch.cat([update[draws[: self.kept]], update[self.trained :]]), {}


@mutant("compressed", law=COMMON, harm="indices that all know are paid for with every upload")
class SaysWhatAllKnow(Compression):
    def sparsify(self, update, client):
        values, packing = super().sparsify(update, client)
        return values, {**packing, "indices": indices.encode(torch.arange(self.kept), self.trained)}


@mutant("compressed", law=PREVIOUS, harm="prevk is random-k under another name")
class NeverLooksBack(Compression):
    def announce(self, server):
        server.state.pop("last mean", None)
        return super().announce(server)


@mutant("compressed", law=PREVIOUS, harm="where layers stay at home, prevk ranks the wrong ones")
class RanksWhatStaysAtHome(Compression):
    def announce(self, server):
        server.shared = None
        return super().announce(server)


@mutant("compressed", law=FRESH, harm="all hospitals round up together: errors do not cancel")
class OneStreamForAll(Compression):
    def quantise(self, upload, client):
        everyone = type("Everyone", (), {"name": "all"})
        return super().quantise(upload, everyone)


@mutant("compressed", law=FRESH, harm="a coordinate that was rounded up is rounded up every round")
class SameEveryRound(Compression):
    def quantise(self, upload, client):
        return replace(super().quantise(replace(upload, round=0), client), round=upload.round)


@mutant("compressed", law=RESERVED, harm="no time is left for indices: uploads miss the deadline")
class NoRoomForPlaces(Compression):
    @property
    def largest(self):
        bits = 32 if self.quantiser is None else self.quantiser.bits + 1 / 16
        return 8 + math.ceil(self.sent * bits / 8)


@mutant("compressed", law=RESERVED, harm="a model with many buffers sends more than was reserved")
class NoRoomForStatistics(Compression):
    @property
    def largest(self):
        return super().largest - 4 * (self.size - self.trained)


@mutant("compressed", law=ADDED, harm="whole levels are added to weights of a hundredth")
class ScalesIgnored(Compression):
    def unpack(self, upload):
        if self.quantiser is not None:
            ones = torch.ones_like(upload.packing["scales"])
            upload = replace(upload, packing={**upload.packing, "scales": ones})
        return super().unpack(upload)


@mutant("compressed", law=ADDED, harm="round two's mean is added where round one's belonged")
class ExpandedElsewhere(Compression):
    def expand(self, mean, announced):
        return super().expand(mean, announced).roll(1)
