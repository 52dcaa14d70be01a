"""Streams: one address gives torch and numpy the same words; addresses are encoded injectively."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedmini.rng import address_bytes, numpy_stream, stream
from tests.contracts.laws_rng import ADDRESSES, EASILY_CONFUSED


@given(one=ADDRESSES, other=ADDRESSES)
def test_the_encoding_is_injective(one, other):
    assert (address_bytes(*one) == address_bytes(*other)) == (one == other)


@pytest.mark.parametrize(("one", "other"), EASILY_CONFUSED)
def test_addresses_that_are_easily_confused_are_encoded_apart(one, other):
    assert address_bytes(*one) != address_bytes(*other)


@given(address=ADDRESSES)
def test_numpy_reads_torch_s_twister_the_same(address):
    """Two implementations of MT19937 agree only if both read the layout of the state right."""
    words = numpy_stream(*address).integers(0, 2**32, 1300, dtype=np.uint32)  # two twists
    drawn = torch.empty(1300, dtype=torch.int32).random_(generator=stream(*address))
    assert (words % 2**31).tolist() == drawn.tolist()


def test_known_first_draws():
    """Results depend on these numbers: another encoding of addresses is another experiment."""
    drawn = torch.rand(2, generator=stream(0, "shuffle", 1, "A"))
    assert drawn.tolist() == pytest.approx([0.7607607, 0.8388333])
    drawn = numpy_stream(0, "shuffle", 1, "A").random(2)
    assert drawn.tolist() == pytest.approx([0.2607842, 0.5984890])


@pytest.mark.parametrize("part", [True, 1.5, None, ("a",), np.int64(3)])
def test_other_parts_are_refused(part):
    with pytest.raises(TypeError, match=type(part).__name__):
        address_bytes(0, part)


def test_numpy_leaves_its_global_state_alone():
    before = np.random.get_state()[1].copy()
    numpy_stream(0, "a").random(5)
    assert (np.random.get_state()[1] == before).all()
