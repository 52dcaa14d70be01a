"""The server in one round of secure aggregation: it carries letters, and adds what it cannot read.

Masked vectors go into one accumulator as they arrive. Then the masks that did not cancel come off:
the own mask of each client whose vector is in the sum, and those that such clients have in common
with one whose vector is not. Of each client one secret is put together, and the other never.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fedmini.messages import Message
from fedmini.network import Network
from fedmini.secagg import messages
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import KEY_BYTES, need, to_bytes
from fedmini.secagg.pairwise import add_pairwise_masks
from fedmini.secagg.shamir import combine

Replies = Iterator[tuple[str, Message]]


@dataclass(frozen=True)
class Coordinator:
    """The server's side of one round: four questions, each to those who answered the one before.

    threshold: so many must answer each. generator: of the masks, one for all (see `add_mask`).
    """

    network: Network
    round: int
    threshold: int
    generator: str = "shake"

    def aggregate(
        self, names: Collection[str], ask_input: Callable[[str, Mapping[str, Tensor]], Message]
    ) -> tuple[Tensor, list[str]]:
        """The sum of the survivors' vectors in their ring, and the survivors' names.

        ask_input: the third question to a client, a `MaskedInput` or a `TrainMasked`, from its name
        and the letters for it. Raises Aborted where fewer clients than the threshold answer a
        question; ProtocolError for a threshold that is no majority and for an answer that was not
        asked for, came before, is no answer to this question, or is a vector unlike the others.
        """
        messages.need_majority(self.threshold, len(set(names)))
        hello = messages.AdvertiseKeys(self.round)
        replies = self.ask(dict.fromkeys(names, hello), messages.PublicKeys)
        keys = {name: reply.keys for name, reply in replies}
        roster = messages.ShareKeys(self.round, self.threshold, keys)
        replies = self.ask(dict.fromkeys(keys, roster), messages.SealedShares)
        sent = {name: reply.letters for name, reply in replies}
        for name, each in sent.items():
            need(each.keys() == keys.keys() - {name}, f"client {name} sent letters to others")
        letters = {to: {of: sent[of][to] for of in sent if of != to} for to in sent}
        questions = {name: ask_input(name, each) for name, each in letters.items()}
        total, survivors = None, []
        for name, reply in self.ask(questions, messages.MaskedVector):
            total = torch.zeros_like(reply.vector) if total is None else total
            alike = (reply.vector.dtype, reply.vector.shape) == (total.dtype, total.shape)
            need(alike, f"client {name} sent a vector unlike those of the others")
            total += reply.vector
            survivors.append(name)
        end = messages.Unmask(self.round, survivors)
        revealed = dict(self.ask(dict.fromkeys(survivors, end), messages.Revealed))
        for name, reply in revealed.items():
            need(reply.shares.keys() == sent.keys(), f"client {name} revealed other shares")
        public = {name: to_bytes(keys[name])[KEY_BYTES:] for name in survivors}
        points = {name: x for x, name in enumerate(sorted(keys), start=1)}
        for name in sent:
            shares = {points[of]: to_bytes(reply.shares[name]) for of, reply in revealed.items()}
            self.unmask(total, name, combine(shares, self.threshold), public)
        return total, survivors

    def ask(self, questions: Mapping[str, Message], kind: type[Message]) -> Replies:
        """Yield the answers as they arrive, one a client; after too few, Aborted."""
        waiting = set(questions)
        for name, reply in self.network.ask(questions):
            need(name in waiting, f"client {name} answers twice, or though it was not asked")
            fits = type(reply) is kind and reply.round == self.round
            need(fits, f"client {name} answers {type(reply).__name__} instead of {kind.__name__}")
            waiting.remove(name)
            yield name, reply
        found = len(questions) - len(waiting)
        if found < self.threshold:
            line = f"{found} clients sent {kind.__name__}, at least {self.threshold} must"
            raise messages.Aborted(f"round {self.round}: {line}; nothing was revealed")

    def unmask(self, total: Tensor, name: str, secret: bytes, peers: Mapping[str, bytes]) -> None:
        """Take off, in place, the masks of one client that are left in the survivors' sum.

        secret: its seed if it survived, else its mask key. peers: the survivors' public mask keys.
        """
        # sum x_u = sum (y_u - PRG(b_u)) + sum_{v dropped} (the masks that v would add) (Eq. 6.5)
        if name in peers:
            add_mask(total, secret, -1, self.generator)
        else:
            add_pairwise_masks(total, name, secret, peers, self.round, self.generator)
