"""Secure aggregation: the server learns the sum of the clients' vectors and nothing else.

Bonawitz et al. 2017 ("Practical Secure Aggregation for Privacy-Preserving Machine Learning", Figure
4): pairwise masks cancel in the sum, and Shamir shares of what is behind them stand in for clients
that vanish. client.py and server.py are the two sides, messages.py is what they say; pairwise.py
and the modules below it are the cryptography.

The server is honest but curious: it follows the protocol and keeps all that it sees. One that
cheats could hand out keys of its own and read every letter (there are no signatures and no register
of keys), or, with clients that help it, tell the others of different survivors (there is no
consistency check, the paper's optional stage). A client that cheats can spoil the sum. A sum may
still tell about those in it: that is differential privacy's business. All secrets are drawn anew in
each round, and stay in memory; constant time is not claimed.
"""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from fedmini.messages import Message
from fedmini.network import Network
from fedmini.secagg.client import Participant
from fedmini.secagg.messages import QUESTIONS, STAGES, Aborted, MaskedInput, ProtocolError
from fedmini.secagg.server import Coordinator

__all__ = ["Aborted", "Coordinator", "Participant", "ProtocolError", "secure_sum"]


class Rehearsal(Network):
    """A network that loses clients from a stage on, and keeps every message it carries.

    transcript: a client, a question to it and its reply, or None, for each question in its order.
    """

    def __init__(self, clients: Mapping[str, Participant], lost: Mapping[str, str]) -> None:
        super().__init__(clients)
        self.lost = {name: STAGES.index(stage) for name, stage in lost.items()}
        self.transcript: list[tuple[str, Message, Message | None]] = []

    def deliver(self, name: str, question: Message) -> Message | None:
        """As the base class, but None from a client that is gone."""
        lost = QUESTIONS.index(type(question)) >= self.lost.get(name, len(STAGES))
        reply = None if lost else super().deliver(name, question)
        self.transcript.append((name, question, reply))
        return reply


def secure_sum(
    vectors: Sequence[Tensor],
    *,
    dropped: Collection[int] | Mapping[int, str] = (),
    threshold: int | None = None,
    generator: str = "shake",
) -> tuple[Tensor, list[tuple[str, Message, Message | None]]]:
    """The sum of the survivors' vectors, and the transcript; the clients are called "0", "1", ...

    vectors: (D,) int32, summed modulo 2^32, or int64, modulo 2^64, all alike; they stay as they
    are. dropped: the indices of clients that shared their keys but send no vector, or each one's
    stage, of STAGES, from which it is gone. threshold: so many must stay to the end; the least
    majority where None. generator: of the masks (see `add_mask`). Raises Aborted where too few
    stay; ProtocolError for a threshold that is no majority and for vectors that differ in length or
    type; ValueError for an index or a stage that does not exist.
    """
    lost = dict(dropped) if isinstance(dropped, Mapping) else dict.fromkeys(dropped, "masked input")
    if not (lost.keys() <= set(range(len(vectors))) and set(lost.values()) <= set(STAGES)):
        raise ValueError(f"dropped must hold indices of vectors, and stages of {STAGES}: {dropped}")
    clients = {
        str(index): Participant(str(index), 1, lambda _, vector=vector: vector, generator)
        for index, vector in enumerate(map(torch.as_tensor, vectors))
    }
    network = Rehearsal(clients, {str(index): stage for index, stage in lost.items()})
    threshold = len(clients) // 2 + 1 if threshold is None else threshold
    server = Coordinator(network, 1, threshold, generator)
    total, _ = server.aggregate(clients, lambda name, letters: MaskedInput(1, letters))
    return total, network.transcript
