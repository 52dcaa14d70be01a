"""Wrong streams of random numbers, as found in the wild."""

from __future__ import annotations

import struct
import zlib

import torch

from fedmini.rng import stream
from tests.contracts.framework import mutant


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@mutant(
    "stream",
    law="law_no_short_seed_behind_the_state",
    harm="A key of 256 bits keeps 32: an attacker tries every seed and subtracts the noise.",
)
def full_hash_into_manual_seed(key, *address):
    return seeded(stream(key, *address).get_state()[24:32].view(torch.int64).item())


@mutant(
    "stream",
    law="law_every_bit_of_the_key_counts",
    harm="Two runs whose seeds are equal modulo 2^32 are taken for independent repetitions.",
)
def key_folded_to_32_bits(key, *address):
    return stream(key % 2**32 if isinstance(key, int) else key, *address)


@mutant(
    "stream",
    law="law_no_two_addresses_are_confused",
    harm="Round 1 of client 23 shuffles and drops out exactly like round 12 of client 3.",
)
def address_without_lengths(key, *address):
    return stream("".join(str(part) for part in (key, *address)))


@mutant(
    "stream",
    law="law_draws_differ_exactly_where_addresses_do",
    harm="Batches, cohort and noise of a run are all made of the same numbers.",
)
def address_ignored(key, *address):
    return stream(key)


@mutant(
    "stream",
    law="law_draws_differ_exactly_where_addresses_do",
    harm="A run repeated on the next day gives other numbers.",
)
def salted_by_the_process(key, *address, calls=[0]):
    calls[0] += 1  # stands for Python's salted hash(): another value whenever it is asked
    return stream(calls[0], key, *address)


@mutant(
    "stream",
    law="law_order_and_global_state_change_nothing",
    harm="What a hospital draws depends on who trained before it; a resumed run goes elsewhere.",
)
def global_seed_in_a_constructor(key, *address):
    return torch.manual_seed(zlib.crc32(repr((key, *address)).encode()))


@mutant(
    "stream",
    law="law_first_draws_are_uniform_over_addresses",
    harm="A Twister filled with small numbers starts near zero: nearly every client drops out.",
)
def state_filled_without_a_hash(key, *address):
    small = sum(part for part in (key, *address) if isinstance(part, int)) + 1
    words = struct.pack("<624Q", *range(small, small + 624))
    state = struct.pack("<QiiQ", 0, 1, 1, 0) + words + bytes(40)
    generator = torch.Generator()
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return generator
