"""Laws about the ring of a run: no sum of its hospitals wraps, and no finer one would hold it."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import strategies as st

from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.uplink import COARSEST, FINEST, LARGEST_LOSS
from tests.contracts.framework import law, real

real("run_ring", "fedmini.uplink:ring")

BITS, CAPS = st.sampled_from([32, 64]), st.integers(1, 5000)
CLIPS = st.floats(1e-3, 1e4) | st.sampled_from([0.5, 1.0, 64.0, 100.0])
CLIENTS = st.integers(2, 200) | st.sampled_from([2, 4, 8, 64, 128])
PRIVATE = {"secagg": "masks", "dp_unit": "client", "dp_noise_multiplier": 1.0}


@law("run_ring", bits=BITS, clip=CLIPS, cap=CAPS, clients=CLIENTS, private=st.booleans())
def law_the_finest_ring_in_which_no_sum_wraps(impl, bits, clip, cap, clients, private):
    """In exact numbers, with every update, loss and weight at its bound; or none is fine enough."""
    options = {"ring_bits": bits, "clip": clip, "weight_cap": cap, **(PRIVATE if private else {})}
    largest = clients * (1 if private else cap) * Fraction(max(clip, LARGEST_LOSS))
    try:
        found = impl(Config.of(options), clients)
    except UserError as error:
        # within one bit, as the bound is rounded up to a whole number
        coarse = min(clip, 1) * 2 ** (bits - 2) < 2**COARSEST * math.ceil(largest)
        assert f"--ring-bits {bits}" in str(error) and coarse, "refused, though it would do"
        return
    scale, limit = 2**found.fractional_bits, 2 ** (bits - 1)
    assert found.bits == bits and largest * scale < limit, "the sum wraps"
    assert min(clip, 1) * scale >= 2**COARSEST, "too coarse for an update"
    finest = 2 * math.ceil(largest) * scale >= limit
    assert found.fractional_bits == FINEST or finest, "one more bit would fit"


@law("run_ring", clients=CLIENTS)
def law_without_ring_bits_there_is_no_ring(impl, clients):
    assert impl(Config.of({"clip": 1.0, "weight_cap": 9}), clients) is None
