"""What a stream of random numbers promises: it depends on all of its address, on nothing else."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from tests.contracts.framework import law, real

real("stream", "fedmini.rng:stream")

PARTS = st.one_of(st.integers(), st.text(max_size=3), st.binary(max_size=3))
ADDRESSES = st.lists(PARTS, min_size=1, max_size=3).map(tuple)
EASILY_CONFUSED = [
    ((0, 1), (0, "1")),
    ((0, "1"), (0, b"1")),
    ((0, "ab", "c"), (0, "a", "bc")),
    ((0, "a", "b"), (0, "ab")),
    ((0, 1, 23), (0, 12, 3)),
    ((0, 1, 2), (0, 2, 1)),
    ((0, "a"), (0, "a", "")),
    ((0, 1), (1, 0)),
    ((1, "a"), (-1, "a")),
    ((0, "é"), (0, "é".encode())),
]


def numbers(generator: torch.Generator, count: int = 3) -> list[float]:
    return torch.rand(count, dtype=torch.float64, generator=generator).tolist()


@law("stream", one=ADDRESSES, other=ADDRESSES)
def law_draws_differ_exactly_where_addresses_do(impl, one, other):
    assert numbers(impl(*one)) == numbers(impl(*one))
    assert (numbers(impl(*one)) == numbers(impl(*other))) == (one == other)


@law("stream")
def law_no_two_addresses_are_confused(impl):
    for one, other in EASILY_CONFUSED:
        assert numbers(impl(*one)) != numbers(impl(*other)), f"{one} draws like {other}"


@law("stream", clients=st.permutations(range(5)), seed=st.integers(0, 2**40))
def law_order_and_global_state_change_nothing(impl, clients, seed):
    expected = {client: numbers(impl(seed, "shuffle", client)) for client in range(5)}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        untouched = torch.get_rng_state()
        opened = {client: impl(seed, "shuffle", client) for client in clients}
        assert torch.equal(torch.get_rng_state(), untouched), "the global generator moved"
        found = {client: [] for client in clients}
        for _ in range(3):  # in turns, with draws of others between
            for client in clients:
                torch.rand(7)
                found[client] += numbers(opened[client], 1)
    assert found == expected


@law("stream", key=st.integers(0, 2**256 - 1), bit=st.integers(0, 255))
def law_every_bit_of_the_key_counts(impl, key, bit):
    for changed in (key ^ 1 << bit, key + 2**32, key + 2**64):
        assert numbers(impl(key, "noise")) != numbers(impl(changed, "noise"))


@law("stream", key=st.integers(0, 2**64))
def law_no_short_seed_behind_the_state(impl, key):
    state = impl(key, "noise").get_state().numpy()[24 : 24 + 8 * 624]
    words = np.frombuffer(state.tobytes(), dtype="<u8")
    # `manual_seed` grows the state from one word: x_i = 1812433253 (x_{i-1} ^ x_{i-1} >> 30) + i
    last, index = words[:-1], np.arange(1, 624, dtype=np.uint64)
    grown = (np.uint64(1812433253) * (last ^ last >> np.uint64(30)) + index) & np.uint64(2**32 - 1)
    assert (grown == words[1:]).mean() < 0.01, "the whole state follows from one word"


@law("stream")
def law_first_draws_are_uniform_over_addresses(impl):
    count, bins = 2048, 16
    first = np.array([numbers(impl(0, "cohort", round), 1)[0] for round in range(count)])
    hits = np.bincount((first * bins).astype(int), minlength=bins)
    chi_square = ((hits - count / bins) ** 2 / (count / bins)).sum()
    assert chi_square < 56, "beyond the 1 - 1e-6 quantile at 15 degrees of freedom"
    neighbours = np.corrcoef(first[:-1], first[1:])[0, 1]
    assert abs(neighbours) < 5 / count**0.5, "draws of successive rounds are correlated"
