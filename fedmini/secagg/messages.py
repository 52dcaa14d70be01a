"""The four questions of a round of secure aggregation with their answers, and what ends it early.

Keys, shares and letters travel as uint8 tensors; a mapping goes from a client's name to what is
meant for it, or came from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedmini.messages import Message, Train

KEY_BYTES = 32


class ProtocolError(ValueError):
    """A question or an answer that the protocol does not allow; one line says whose and why."""


class Aborted(Exception):
    """Fewer clients than the threshold are left: no vector, and no sum, was revealed."""


@dataclass(frozen=True)
class AdvertiseKeys(Message):
    """Server to client: make fresh keys for this round."""


@dataclass(frozen=True)
class PublicKeys(Message):
    """Client to server: two X25519 public keys, one for letters and one for masks."""

    keys: Tensor  # (64,)


@dataclass(frozen=True)
class ShareKeys(Message):
    """Server to client: share your secrets among these clients, whose public keys these are."""

    threshold: int  # so many shares give a secret back
    keys: Mapping[str, Tensor]


@dataclass(frozen=True)
class SealedShares(Message):
    """Client to server: a letter for each other client, with the shares that it is to keep."""

    letters: Mapping[str, Tensor]


@dataclass(frozen=True)
class MaskedInput(Message):
    """Server to client: the letters of all who take part; send your vector, masked for them."""

    letters: Mapping[str, Tensor]
    uploads = True


@dataclass(frozen=True)
class TrainMasked(Train, MaskedInput):
    """Server to client: the letters of all who take part; train, and send the outcome, masked."""


@dataclass(frozen=True)
class MaskedVector(Message):
    """Client to server: the vector under all its masks."""

    vector: Tensor  # (D,) int32 or int64


@dataclass(frozen=True)
class Unmask(Message):
    """Server to client: whose vectors came; help to take off the masks that did not cancel."""

    survivors: Sequence[str]


@dataclass(frozen=True)
class Revealed(Message):
    """Client to server: its share of each survivor's seed and of each other client's mask key."""

    shares: Mapping[str, Tensor] = field(repr=False)


STAGES = ("advertise keys", "share keys", "masked input", "unmask")
QUESTIONS = (AdvertiseKeys, ShareKeys, MaskedInput, Unmask)  # of the stages, in their order


def need(holds: bool, line: str) -> None:
    """ProtocolError with this line unless it holds."""
    if not holds:
        raise ProtocolError(line)


def need_majority(threshold: int, clients: int) -> None:
    """ProtocolError unless the threshold is more than half of the clients, two or more.

    With 2t > n nobody gets t shares of a client's seed from some and t of its mask key from others;
    and no sum is ever that of one client.
    """
    need(clients >= 2, f"a secure sum takes at least 2 clients, not {clients}")
    right = f"from {clients // 2 + 1} to {clients} of {clients} clients"
    need(clients // 2 < threshold <= clients, f"the threshold is {threshold}: it must be {right}")


def to_tensor(content: bytes) -> Tensor:
    """The bytes as uint8 (size,)."""
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def to_bytes(tensor: Tensor) -> bytes:
    """What `to_tensor` was given."""
    return tensor.numpy().tobytes()
