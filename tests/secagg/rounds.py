"""Rounds of secure aggregation in which a test plays the other side, and sums to compare with."""

from __future__ import annotations

import numpy as np
import torch

from fedmini.rng import numpy_stream
from fedmini.secagg.messages import (
    AdvertiseKeys,
    MaskedInput,
    ProtocolError,
    ShareKeys,
    Unmask,
    to_bytes,
    to_tensor,
)
from fedmini.secagg.pairwise import seal, unseal
from fedmini.secagg.shamir import combine
from fedmini.secagg.x25519 import public_key, shared_secret

SECRET, SHARE, LETTER = 32, 33, 2 * 33 + 16  # bytes


def vectors(seed: int, count: int, size: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Uniform over the whole ring, so that sums wrap."""
    ends, draws = torch.iinfo(dtype), numpy_stream(seed, "vectors")
    drawn = draws.integers(ends.min, ends.max, (count, size), dtype=np.int64, endpoint=True)
    return list(torch.from_numpy(drawn).to(dtype))


def plain_sum(some: list[torch.Tensor]) -> torch.Tensor:
    """Their sum in the ring, by Python's integers."""
    bits, dtype = torch.iinfo(some[0].dtype).bits, some[0].dtype
    half = 2 ** (bits - 1)
    sums = (sum(column) for column in zip(*(each.tolist() for each in some), strict=True))
    return torch.tensor([(each + half) % 2**bits - half for each in sums], dtype=dtype)


def chi_square(content: bytes) -> float:
    """The statistic of uniform bytes: mean 255, and above 430 once in 10^10 times."""
    counts = np.bincount(np.frombuffer(content, np.uint8), minlength=256)
    expected = len(content) / 256
    return float(((counts - expected) ** 2).sum() / expected)


def refused(act) -> bool:
    """Whether the protocol does not allow it; any other error is an error of the test's."""
    try:
        act()
    except ProtocolError:
        return True
    return False


class Peer:
    """A client of the test's own, which knows its keys."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.letter_key, self.mask_key = (numpy_stream(i, name).bytes(SECRET) for i in (0, 1))
        self.public = to_tensor(public_key(self.letter_key) + public_key(self.mask_key))

    def agreed(self, keys: torch.Tensor) -> bytes:
        """The secret of its letters with the owner of these public keys."""
        return shared_secret(self.letter_key, to_bytes(keys)[:SECRET])


class Round:
    """A participant, A, among peers of the test's own; the test asks what a server would."""

    def __init__(self, impl, *, vector=None, round=3, others="BCDE", threshold=None) -> None:
        self.vector = torch.arange(4, dtype=torch.int32) if vector is None else vector
        self.heard: list = []  # the questions with which the vector was asked for
        self.number, self.others = round, others
        self.threshold = (len(others) + 1) // 2 + 1 if threshold is None else threshold
        self.client = impl("A", round, self.give)
        self.keys = {name: PEERS[name].public for name in others}
        self.letters: dict[str, torch.Tensor] = {}

    def give(self, question) -> torch.Tensor:
        self.heard.append(question)
        return self.vector

    def letters_to_a(self, part, kept=None) -> dict[str, torch.Tensor]:
        """What these peers write to A: zeros, or what each has for it to keep."""
        letters = {}
        for name in part:
            secret = PEERS[name].agreed(self.keys["A"])
            content = bytes(2 * SHARE) if kept is None else kept[name]
            letters[name] = to_tensor(seal(secret, content, self.number, name, "A"))
        return letters

    def question(self, stage: int):
        """The one that a server asks in this stage if everyone takes part and survives."""
        if stage == 0:
            return AdvertiseKeys(self.number)
        if stage == 1:
            return ShareKeys(self.number, self.threshold, self.keys)
        if stage == 2:
            writers = self.others if "A" in self.keys else ""
            return MaskedInput(self.number, self.letters_to_a(writers))
        return Unmask(self.number, ["A", *self.others])

    def ask(self, question):
        """A's answer, of which the test remembers keys and letters."""
        reply = self.client.answer(question)
        if isinstance(question, AdvertiseKeys):
            self.keys["A"] = reply.keys
        if isinstance(question, ShareKeys):
            self.letters = reply.letters
        return reply

    def play(self, stages: int):
        """Ask the first so many questions; the last answer."""
        reply = None
        for stage in range(stages):
            reply = self.ask(self.question(stage))
        return reply

    def read(self, reader: str, letter: torch.Tensor, round: int | None = None) -> bytes:
        """A's letter as this peer opens it; ValueError where it cannot."""
        number = self.number if round is None else round
        secret = PEERS[reader].agreed(self.keys["A"])
        return unseal(secret, to_bytes(letter), number, "A", reader)

    def secrets(self) -> tuple[bytes, bytes]:
        """A's seed and mask key, which its peers put together from their letters."""
        points = {name: x for x, name in enumerate(sorted(self.keys), start=1)}
        shares = {points[name]: self.read(name, each) for name, each in self.letters.items()}
        halves = ({x: each[part] for x, each in shares.items()} for part in HALVES)
        return tuple(combine(each, self.threshold) for each in halves)


HALVES = (slice(0, SHARE), slice(SHARE, None))
PEERS = {name: Peer(name) for name in "BCDE"}
