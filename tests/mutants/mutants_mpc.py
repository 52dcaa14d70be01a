"""Wrong secret sharing among computing servers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import torch

from fedmini.secagg import mpc
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import to_bytes, to_tensor
from tests.contracts.framework import mutant


def shared(vector, round, seeds):
    """Shares with these seeds."""
    rest = vector.clone()
    for seed in seeds:
        add_mask(rest, seed, -1)
    shares = {str(i): to_tensor(seed) for i, seed in enumerate(seeds, start=1)}
    return mpc.Shares(round, {"0": rest} | shares)


class Sharing:
    """`mpc` as it should be, for a mutant to change one thing of."""

    Servers = mpc.Servers

    @staticmethod
    def split(vector, round, servers, generator="shake"):
        return shared(vector, round, [secrets.token_bytes(32) for _ in range(servers - 1)])


@mutant(
    "mpc",
    law="law_the_total_is_the_plain_sum",
    harm="Shares that add up to more than the vector: the model becomes noise.",
)
class MaskedTwice(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        shares = Sharing.split(vector, round, servers).shares
        rest = shares["0"].clone()
        add_mask(rest, to_bytes(shares["1"]), -1)
        return mpc.Shares(round, {**shares, "0": rest})


@mutant(
    "mpc",
    law="law_the_total_is_the_plain_sum",
    harm="Sums in float64: the last bits of a 64-bit ring are lost, and the model with them.",
)
class SumsOfFloats(Sharing):
    @dataclass(frozen=True)
    class Servers(mpc.Servers):
        def aggregate(self, names, ask_input):
            total, survivors = super().aggregate(names, ask_input)
            return total.double().to(total.dtype), survivors


@mutant(
    "mpc",
    law="law_the_total_is_the_plain_sum",
    harm="The client masks its own update in place, and keeps noise instead of it.",
)
class InPlace(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        reply = Sharing.split(vector, round, servers)
        vector.copy_(reply.shares["0"])
        return reply


@dataclass(frozen=True)
class Careless(mpc.Servers):
    """Servers that add whatever share reaches them."""

    def taken(self, reply) -> bool:
        return True

    def aggregate(self, names, ask_input):
        questions = {name: ask_input(name, {}) for name in names}
        replies = [each for each in self.network.ask(questions) if self.taken(each[1])]
        found = [reply.shares["0"] for _, reply in replies if "0" in reply.shares]
        total = torch.zeros_like(found[0]) if found else None
        for _, reply in replies:
            for share in reply.shares.values() if found else ():
                if share.dtype == torch.uint8:
                    add_mask(total, to_bytes(share), 1)
                elif share.shape == total.shape:
                    total += share
        return total, [name for name, _ in replies]


@mutant(
    "mpc",
    law="law_a_client_reaches_all_servers_or_is_in_no_sum",
    harm="Each server adds what reaches it: one lost share leaves a mask in the sum.",
)
class EachAddsWhatItGot(Sharing):
    Servers = Careless


@mutant(
    "mpc",
    law="law_a_client_reaches_all_servers_or_is_in_no_sum",
    harm="Only one client came in time, and the sum is opened: it is that client's update.",
)
class AnyFew(Sharing):
    @dataclass(frozen=True)
    class Servers(Careless):
        def taken(self, reply):
            return len(reply.shares) == self.count


@mutant(
    "mpc",
    law="law_the_threshold_of_a_shared_sum_is_a_majority",
    harm="With a threshold of one the sum may be a single client's update.",
)
class AnyThreshold(Sharing):
    Servers = Careless


@mutant(
    "mpc",
    law="law_a_vector_unlike_the_others_is_refused",
    harm="A client with another model is added to the sum, cut to its ring, without a word.",
)
class AnyVector(Sharing):
    Servers = Careless


@mutant(
    "mpc",
    law="law_all_servers_but_one_see_noise",
    harm="One seed for all servers: the first and any other read every update together.",
)
class OneSeedForAll(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        return shared(vector, round, [secrets.token_bytes(32)] * (servers - 1))


@mutant(
    "mpc",
    law="law_all_servers_but_one_see_noise",
    harm="Masks only as large as the numbers: the first server reads the leading digits.",
)
class SmallMasks(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        shares = mpc.split(vector, round, servers).shares
        half = torch.iinfo(vector.dtype).bits // 2
        return mpc.Shares(round, {**shares, "0": vector + (shares["0"] >> half)})


@mutant(
    "mpc",
    law="law_all_servers_but_one_see_noise",
    harm="The last server gets the update itself, for the sum to be checked.",
)
class OneServerSeesAll(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        shares = Sharing.split(vector, round, servers).shares
        return mpc.Shares(round, {**shares, str(servers - 1): vector})


@mutant(
    "mpc",
    law="law_every_sum_has_seeds_of_its_own",
    harm="Seeds that stay from round to round: two rounds' first shares give their difference.",
)
class SeedsOfLastRound(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        return shared(vector, round, [bytes([i]) * 32 for i in range(1, servers)])


@mutant(
    "mpc",
    law="law_every_sum_has_seeds_of_its_own",
    harm="Seeds of 32 bits: whoever tries four billion reads every update.",
)
class SeedsOf32Bits(Sharing):
    @staticmethod
    def split(vector, round, servers, generator="shake"):
        seeds = [secrets.token_bytes(4) + bytes(28) for _ in range(1, servers)]
        return shared(vector, round, seeds)
