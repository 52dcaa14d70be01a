"""A federation under watch: every round is checked against sums, sizes and norms done by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import Contribution
from fedmini.federation import Federation
from fedmini.messages import Message, Upload, encode
from fedmini.ring import Ring
from fedmini.secure import SUMS, SecureServer
from fedmini.server import Round, Total
from fedmini.uplink import largest_upload, travelling


@dataclass
class Watch:
    """Sees every upload as a client made it, every reply on the wire and every total."""

    run: Federation
    uploads: dict[str, Upload] = field(default_factory=dict)  # of the round under way
    vectors: dict[str, Tensor] = field(default_factory=dict)  # in the ring, before masks
    replies: list[Message] = field(default_factory=list)
    clipped: dict[str, Contribution] = field(default_factory=dict)  # after the uplink's steps

    def __post_init__(self) -> None:
        network = self.run.server.network
        for name, client in self.run.clients.items():
            client.answer = kept(client.answer, self.uploads, name)
            client.uplink = (*client.uplink, kept(lambda made: made, self.clipped, name))
        if isinstance(self.run.server, SecureServer):
            for name, client in network.clients.items():
                client.vector = kept(client.vector, self.vectors, name)
        network.deliver = self.delivered(network.deliver)
        self.run.server.gather = self.gathered(self.run.server.gather)

    def delivered(self, deliver):
        def call(name: str, question: Message) -> Message | None:
            reply = deliver(name, question)
            self.replies += [] if reply is None else [reply]
            return reply

        return call

    def gathered(self, gather):
        def call(cohort: list[str]) -> Total:
            for each in (self.uploads, self.vectors, self.replies, self.clipped):
                each.clear()
            total = gather(cohort)
            self.check_norms()
            if total.mean is not None:
                self.check_sum(total, len(cohort))
            return total

        return call

    def check_sum(self, total: Total, cohort: int) -> None:
        """The mean is that of a sum in whole numbers, coordinate by coordinate."""
        server, weight = self.run.server, total.weight
        aggregator = server.aggregator(cohort)
        if getattr(aggregator, "individual", False):
            return
        if isinstance(server, SecureServer):
            ring, words = server.ring, [self.vectors[name].tolist() for name in total.clients]
            added = whole_sum(ring, words)
            assert added[: len(server.learnt)] == server.learnt, "another sum was learnt"
            weight, added = added[-1] / 2**ring.fractional_bits, added[: -len(SUMS) - 1]
        else:
            ring = aggregator.updates.ring
            chosen = [self.uploads[name] for name in total.clients]
            words = [words_of(ring, self.meant(each), each.weight) for each in chosen]
            added = whole_sum(ring, [[0] * self.width, *words])
        numbers = torch.tensor(added, dtype=torch.float64) / 2.0**ring.fractional_bits
        expected = self.expanded(aggregator.mean_of(numbers, weight).float())
        assert torch.equal(total.mean[self.shared()], expected), "another mean"

    def shared(self) -> Tensor | slice:
        found = self.run.server.shared
        return slice(None) if found is None else found

    @property
    def width(self) -> int:
        """How many coordinates an aggregator is given."""
        server = self.run.server
        return server.sent if server.announced else travelling(self.run.model, server.shared)[1]

    def meant(self, upload: Upload) -> Tensor:
        """The update, as it was before it was packed; where all send the same places, these."""
        compression = self.run.server.compression
        return upload.update if compression is None else compression.unpack(upload)

    def expanded(self, mean: Tensor) -> Tensor:
        """With zeros in the places that nobody was to send."""
        server, made = self.run.server, self.run.server.compression
        if not server.announced:
            return mean
        places = made.sparsifier.read(server.announced["coordinates"], made.trained)
        trained = torch.zeros(made.trained).index_copy(0, places, mean[: made.kept])
        return torch.cat([trained, mean[made.kept :]])

    def check_norms(self) -> None:
        """No update is longer than --clip, statistics of batch norm left out."""
        config, server = self.run.config, self.run.server
        if config.clip is None or config.unit in ("record", "patient") or server.algorithm.alone:
            return
        trained, _ = travelling(self.run.model, server.shared)
        size = trained if server.compression is None else server.compression.kept
        for made in self.clipped.values():
            assert made.update[:size].double().norm() <= config.clip, "longer than --clip"

    def check_bytes(self, record: Round) -> None:
        """The bytes of a round are those of the replies on the wire, none of them too large."""
        config, server = self.run.config, self.run.server
        sizes = [len(encode(reply)) for reply in self.replies]
        assert record.bytes_up == (0 if server.algorithm.alone else sum(sizes))
        most = largest_upload(config, server.sent, server.compression)
        assert config.secagg or max(sizes, default=0) <= most, "more than was reserved"

    def check_hours(self, record: Round) -> None:
        """A round of nothing but uploads ends by its deadline; pooled data take no hours."""
        hours, config = self.run.hours(record), self.run.config
        assert (hours is None) == self.run.server.algorithm.pooled
        if config.deadline and not config.secagg and not self.run.server.algorithm.alone:
            assert 0 <= hours <= config.deadline * (1 + 1e-6), "the server waited on"


def kept(work, found: dict, name: str):
    """`work` that puts what it returns into `found`."""

    def call(question: Message) -> object:
        found[name] = work(question)
        return found[name]

    return call


def words_of(ring: Ring, update: Tensor, weight: float) -> list[int]:
    """Weight x update in fixed point, rounded toward zero."""
    return [math.trunc(x * weight * 2**ring.fractional_bits) for x in update.double().tolist()]


def whole_sum(ring: Ring, vectors: Sequence[Sequence[int]]) -> list[int]:
    """The sum in Python's own integers, wrapped into the ring at the end."""
    half = 2 ** (ring.bits - 1)
    return [(sum(column) + half) % (2 * half) - half for column in zip(*vectors, strict=True)]
