"""What secret sharing among computing servers promises: exact sums, shares that tell nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from hypothesis import strategies as st

from fedmini.network import Network
from fedmini.secagg import Aborted, mpc
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import MaskedInput, ProtocolError, to_bytes
from tests.contracts.framework import law, real
from tests.secagg.rounds import chi_square, plain_sum, refused, vectors

real("mpc", "fedmini.secagg:mpc")

SEED = st.integers(0, 2**40)
DTYPE = st.sampled_from([torch.int32, torch.int64])
SERVERS = st.integers(2, 5)
# For each client the servers that it does not reach, or None where it sends nothing at all
REACH = st.lists(
    st.none() | st.sets(st.integers(0, 4), max_size=2) | st.just(set()), min_size=2, max_size=6
)


class Owner:
    """A client with a vector to share."""

    def __init__(self, impl, vector, servers) -> None:
        self.split, self.vector, self.servers = impl.split, vector, servers

    def answer(self, question):
        return self.split(self.vector, question.round, self.servers)


class Lossy(Network):
    """A network on which some shares of an answer, or all of it, get lost; replies can change."""

    def __init__(self, clients, reach, change=lambda name, reply: reply) -> None:
        super().__init__(clients)
        self.reach, self.change, self.asked = reach, change, []

    def ask(self, questions):
        self.asked.append(list(questions))
        for name, reply in super().ask(questions):
            missed = self.reach[int(name)]
            if missed is not None:
                kept = {to: x for to, x in reply.shares.items() if int(to) not in missed}
                yield name, self.change(name, replace(reply, shares=kept))


def play(impl, given, reach, servers, threshold, change=lambda name, reply: reply):
    """The sum and the survivors; None, None where the round was aborted; the network."""
    clients = {str(i): Owner(impl, x, servers) for i, x in enumerate(given)}
    network = Lossy(clients, reach, change)
    side = impl.Servers(network, 7, threshold, count=servers)
    try:
        total, survivors = side.aggregate(clients, lambda name, letters: MaskedInput(7, letters))
    except Aborted:
        return None, None, network
    return total, sorted(map(int, survivors)), network


@law("mpc", seed=SEED, dtype=DTYPE, servers=SERVERS, size=st.sampled_from([0, 1, 5, 300]))
def law_the_total_is_the_plain_sum(impl, seed, dtype, servers, size):
    given = vectors(seed, 4, size, dtype)
    before = [each.clone() for each in given]
    total, survivors, _ = play(impl, given, [set()] * 4, servers, 3)
    assert survivors == [0, 1, 2, 3] and torch.equal(total, plain_sum(given))
    assert all(map(torch.equal, before, given)), "a client's own vector was changed"


@law("mpc", seed=SEED, dtype=DTYPE, servers=SERVERS, reach=REACH)
def law_a_client_reaches_all_servers_or_is_in_no_sum(impl, seed, dtype, servers, reach):
    given = vectors(seed, len(reach), 5, dtype)
    threshold = len(reach) // 2 + 1
    total, survivors, network = play(impl, given, reach, servers, threshold)
    whole = [
        i for i, missed in enumerate(reach)
        if missed is not None and not missed & set(range(servers))
    ]  # fmt: skip
    assert len(network.asked) == 1, "the clients have nothing to say but their shares"
    if len(whole) < threshold:
        assert total is None, "too few reached all servers, and a sum was opened"
        return
    assert survivors == whole, "the survivors are those who reached all servers"
    assert torch.equal(total, plain_sum([given[i] for i in whole])), "not the survivors' sum"


@law("mpc", threshold=st.integers(-1, 6), count=st.integers(1, 4))
def law_the_threshold_of_a_shared_sum_is_a_majority(impl, threshold, count):
    given = vectors(1, count, 2, torch.int32)
    majority = count > 1 and count < 2 * threshold <= 2 * count
    assert refused(lambda: play(impl, given, [set()] * count, 3, threshold)) != majority


CHANGES = {
    "another length": lambda x: x[:1],
    "another type": lambda x: x.long(),
    "no vector": lambda x: x.reshape(1, -1),
}


@law("mpc", change=st.sampled_from(sorted(CHANGES)), who=st.integers(1, 2))
def law_a_vector_unlike_the_others_is_refused(impl, change, who):
    def strange(name, reply):
        if int(name) != who:
            return reply
        return replace(reply, shares={**reply.shares, "0": CHANGES[change](reply.shares["0"])})

    try:
        play(impl, vectors(1, 3, 4, torch.int32), [set()] * 3, 3, 2, strange)
    except ProtocolError:
        return
    raise AssertionError(f"a share of {change} was added")


def opened(share: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The words that a share stands for."""
    if share.dtype != torch.uint8:
        return share
    words = torch.zeros_like(like)
    add_mask(words, to_bytes(share), 1)
    return words


@law("mpc", word=st.sampled_from([0, 1, -1, 12345]), servers=st.integers(2, 4), dtype=DTYPE)
def law_all_servers_but_one_see_noise(impl, word, servers, dtype):
    """4,000 words, shared: what some servers see has no part in common, and none with the word.

    The lowest bits of all shares but one, two of each at least, are put side by side as one byte:
    for uniform and independent shares that byte is uniform, whatever the word.
    """
    vector = torch.full((4000,), word, dtype=dtype)
    for shares in (impl.split(vector, 7, servers).shares for _ in range(2)):
        words = [opened(shares[to], vector) for to in sorted(shares)]
        assert len(words) == servers
        for seen in combinations(words, servers - 1):
            bits = 8 // len(seen)
            byte = sum((each & (2**bits - 1)) << i * bits for i, each in enumerate(seen))
            counts = np.bincount(byte.numpy(), minlength=2 ** (bits * len(seen)))
            expected = len(vector) / len(counts)
            statistic = ((counts - expected) ** 2).sum() / expected
            assert statistic < 430, f"the servers see a pattern: chi-square {statistic:.0f}"
        for each in words:
            assert chi_square(each.numpy().tobytes()) < 430, "one server sees a pattern"


@law("mpc", servers=SERVERS)
def law_every_sum_has_seeds_of_its_own(impl, servers):
    vector = torch.zeros(8, dtype=torch.int64)
    dealt = [impl.split(vector, 7, servers).shares for _ in range(64)]
    seeds = [to_bytes(each[str(to)]) for each in dealt for to in range(1, servers)]
    assert len(set(seeds)) == len(seeds), "a seed was used twice"
    assert all(len(seed) == 32 for seed in seeds)
    assert all(len(set(column)) > 16 for column in zip(*seeds, strict=True)), "bytes that stay"
