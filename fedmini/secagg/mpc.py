"""Secret sharing among computing servers: one by one they see noise, all together only the sum.

Additive sharing in the ring, secure multi-party computation in its simplest form (Cramer, Damgard
and Nielsen 2015, "Secure Multiparty Computation and Secret Sharing", chapter 1): a client splits
its vector into one share a server; each server adds up the shares that it gets; only these totals
are put together. All shares but the first are masks, of which the client sends the 256-bit seed.

Beside masking, trust. There a majority of clients must not help the server, and must stay to help
each other. Here one server that helps none of the others is enough, whatever clients do, and a
client may vanish once it has answered; but someone must run servers that are independent.

And cost, of 1,000,000 words of 32 bits from 10 (30) clients, in seconds of one core: a client takes
0.10 (0.29) to mask, and 0.015 (0.015) to share among three servers; the server takes 0.08 (0.23),
and each of the three at most as much. A client sends 4.00 MB either way, and is asked four
questions or one.

Left out: the channels between clients and servers, and the servers' own talk of whose shares came
(one reply carries all shares here, and each server is handed its own); shares that prove
themselves: a client or a server that cheats can spoil the sum.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedmini.messages import Message
from fedmini.secagg.masks import SEED_BYTES, add_mask
from fedmini.secagg.messages import Aborted, need, need_majority, to_bytes, to_tensor
from fedmini.secagg.server import Coordinator


@dataclass(frozen=True)
class Shares(Message):
    """Client to servers: a share for each; whoever lacks one of them learns nothing."""

    shares: Mapping[str, Tensor] = field(repr=False)  # "0": (D,) int32 or int64; "1", ...: seeds


def split(vector: Tensor, round: int, servers: int, generator: str = "shake") -> Shares:
    """Fresh shares of the vector, (D,) int32 or int64, which stays as it is, for so many servers.

    generator: of the masks, one for all (see `add_mask`).
    """
    rest = vector.clone()
    seeds = {str(i): to_tensor(secrets.token_bytes(SEED_BYTES)) for i in range(1, servers)}
    for seed in seeds.values():
        # x_0 = x - sum_i PRG(s_i),  x_i = PRG(s_i)
        add_mask(rest, to_bytes(seed), -1, generator)
    return Shares(round, {"0": rest} | seeds)


def add(total: Tensor, share: Tensor, generator: str) -> None:
    """What a server does: add one client's share, a vector or the seed of one, to its total."""
    if share.dtype == torch.uint8:
        return add_mask(total, to_bytes(share), 1, generator)
    need((share.dtype, share.shape) == (total.dtype, total.shape), "vectors differ in form")
    total += share


@dataclass(frozen=True)
class Servers(Coordinator):
    """`count` servers in the place of one: of their totals only the sum is made known."""

    count: int = 3

    def aggregate(self, names: Collection[str], ask_input: Callable) -> tuple[Tensor, list[str]]:
        """As the base class, from one answer of each client, its `Shares`; there are no letters.

        A client that does not reach every server is in the total of none.
        """
        need_majority(self.threshold, len(set(names)))
        totals, survivors = {}, []
        for name, reply in self.ask({name: ask_input(name, {}) for name in names}, Shares):
            if reply.shares.keys() == set(map(str, range(self.count))):
                totals = totals or {to: torch.zeros_like(reply.shares["0"]) for to in reply.shares}
                for to, total in totals.items():
                    add(total, reply.shares[to], self.generator)
                survivors.append(name)
        if len(survivors) < self.threshold:
            raise Aborted(f"round {self.round}: only {len(survivors)} clients reached all servers")
        # sum_u x_u = sum_i sum_u x_ui
        return sum(totals.values()), survivors
