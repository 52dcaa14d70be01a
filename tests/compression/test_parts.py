"""Parts by hand: their names and values, and those that are not consistent."""

from __future__ import annotations

import pytest
import torch

from fedmini.compression import Chain, ErrorFeedback, PrevK, Quantiser, RandomK, Sparsifier, TopK
from fedmini.compression.indices import decode, encode
from fedmini.rng import stream

VECTOR = torch.tensor([0.5, -4.0, 0.0, 3.0, -3.0, 1.0])


def test_top_k_by_hand():
    part = TopK(1 / 3).compress(VECTOR)
    assert part["values"].tolist() == [-4.0, 3.0], "of 3 and -3 the first"
    assert decode(part["indices"], 6).tolist() == [1, 3] and part["size"] == 6
    assert TopK(1 / 3).decompress(part).tolist() == [0, -4, 0, 3, 0, 0]


def test_codes_by_hand():
    # Gaps 3, 295 = 2 * 128 + 39: 0x03, 0x80 | 39, 2; a bitmap would take 38 bytes
    assert encode(torch.tensor([3, 299]), 300).tolist() == [0, 3, 128 + 39, 2]
    assert encode(torch.arange(1, 8), 8).tolist() == [1, 0b01111111]


def test_a_part_that_is_not_consistent_is_refused():
    part = TopK(1 / 3).compress(VECTOR)
    with pytest.raises(ValueError, match="1 values came for 2"):
        TopK(1 / 3).decompress(part | {"values": part["values"][:1]})
    with pytest.raises(ValueError, match=r"within \[0, 3\)"):
        TopK(1 / 3).decompress(part | {"size": torch.tensor(3)})
    chain = Chain(TopK(1 / 3), Quantiser(4))
    with pytest.raises(ValueError, match="no 20 values"):
        chain.decompress(chain.compress(VECTOR, stream(0)) | {"size": torch.tensor(60)})


def test_a_class_of_a_student_says_only_which():
    class Even(Sparsifier):
        def coordinates(self, vector, generator=None):
            return torch.arange(0, len(vector), 2)

    assert Even(0.5).decompress(Even(0.5).compress(VECTOR)).tolist() == [0.5, 0, 0, 0, -3, 0]
    with pytest.raises(NotImplementedError):
        Sparsifier(0.5).compress(VECTOR)


def test_which_coordinates_are_the_same_for_all_clients():
    assert [each.common for each in (TopK, RandomK, PrevK)] == [False, True, True]


def test_prevk_alone_draws_a_first_round():
    one, same, other = (PrevK(0.5).compress(VECTOR, stream(key)) for key in (0, 0, 5))
    assert torch.equal(one["indices"], same["indices"])
    assert not torch.equal(one["indices"], other["indices"]) and len(one["values"]) == 3


def test_error_feedback_sends_every_coordinate_in_the_end():
    feedback, total = ErrorFeedback(TopK(0.2)), torch.zeros(6)
    for round in range(60):
        total += feedback.decompress(feedback.compress(VECTOR))
        feedback.commit()
    assert torch.allclose(total / 60, VECTOR, atol=4 / 60 * 3)
