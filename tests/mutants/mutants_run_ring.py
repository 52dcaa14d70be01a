"""Wrong rings of a run: too fine for the sum, too coarse for an update."""

from __future__ import annotations

from dataclasses import replace

from fedmini.errors import UserError
from fedmini.ring import Ring
from fedmini.uplink import ring
from tests.contracts.framework import mutant

LAW = "law_the_finest_ring_in_which_no_sum_wraps"


@mutant("run_ring", law=LAW, harm="Too fine by one bit: the sum wraps, and so the mean flips.")
def one_bit_too_fine(config, clients):
    found = ring(config, clients)
    return found and Ring(found.bits, found.fractional_bits + (found.fractional_bits < 32))


@mutant("run_ring", law=LAW, harm="Too coarse by one bit: each update loses a bit for nothing.")
def one_bit_too_coarse(config, clients):
    found = ring(config, clients)
    return found and Ring(found.bits, found.fractional_bits - 1)


@mutant("run_ring", law=LAW, harm="Room for one client: the sum of a cohort wraps.")
def room_for_one(config, clients):
    return ring(config, 1)


@mutant("run_ring", law=LAW, harm="No room for the weights of large hospitals: their sum wraps.")
def forgets_the_cap(config, clients):
    return ring(replace(config, weight_cap=1), clients)


@mutant("run_ring", law=LAW, harm="Where nothing fits, updates become zeros, and nobody is told.")
def never_refuses(config, clients):
    try:
        return ring(config, clients)
    except UserError:
        return Ring(config.ring_bits, 0)


@mutant(
    "run_ring",
    law="law_without_ring_bits_there_is_no_ring",
    harm="Plain sums in a coarse ring that nobody asked for: small updates are lost.",
)
def a_ring_for_everyone(config, clients):
    return ring(replace(config, ring_bits=config.ring_bits or 32), clients)
