"""The wire form, taken apart by hand, and headers that someone made up."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch

from fedmini.messages import Train, Upload, decode, encode, tensors, wire_size
from tests.contracts.laws_messages import EXAMPLE


def wire(header: object, payload: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return b"FED1" + struct.pack("<I", len(text)) + text + payload


def header(**changes: object) -> dict:
    plain = {"type": "Train", "scalars": {"round": 1, "lr": 0.1}, "mappings": {"arrays": ["m"]}}
    return plain | {"arrays": [["arrays", "m", "float32", [2]]]} | changes


def test_the_wire_form_by_hand():
    message = Upload(3, torch.tensor([[1.5], [-2.0]]), 7.0, {"n": torch.tensor(5)})
    data = encode(message)
    (length,) = struct.unpack("<I", data[4:8])
    assert data[:4] == b"FED1" and json.loads(data[8 : 8 + length])["type"] == "Upload"
    assert data[8 + length :] == struct.pack("<ffq", 1.5, -2.0, 5)


def test_what_was_made_by_hand_is_read():
    message = decode(wire(header(), np.array([1, 2], "<f4").tobytes()))
    assert isinstance(message, Train) and message.arrays["m"].tolist() == [1, 2]
    message.arrays["m"].add_(1)  # it owns its memory


@pytest.mark.parametrize(
    "made_up",
    [
        [],
        "Train",
        {},
        header(type="Nobody"),
        header(type=["Train"]),
        header(scalars=3),
        header(scalars={"round": 1}),
        header(scalars={"round": 1, "lr": 0.1, "more": 2}),
        header(mappings=[]),
        header(mappings={"arrays": 3}),
        header(arrays=[["arrays", "m", "float16", [2]]]),
        header(arrays=[["arrays", "m", "float32", [-2]]]),
        header(arrays=[["arrays", "m", "float32", [2**63, 0]]]),
        header(arrays=[["arrays", "m", "float32", [2.0]]]),
        header(arrays=[["arrays", "m", "float32", ["2"]]]),
        header(arrays=[["arrays", "m", "float32", None]]),
        header(arrays=[["arrays", "m", "float32", [1] * 70 + [2]]]),
        header(arrays=[["lr", "m", "float32", [2]]]),
        header(arrays=[["arrays", "m", "float32"]]),
    ],
)
def test_made_up_headers_are_no_message(made_up):
    with pytest.raises(ValueError, match="not a message"):
        decode(wire(made_up, bytes(8)))


@pytest.mark.parametrize(
    "data",
    [b"", b"FED1", b"FED1\xff\xff\xff\xff{}", b"GET / HTTP/1.1", wire({})[:-1] + b"\xff"],
)
def test_other_bytes_are_no_message(data):
    with pytest.raises(ValueError, match="not a message"):
        decode(data)


def test_no_part_of_a_message_is_a_message():
    data = encode(EXAMPLE)
    for length in range(len(data)):
        with pytest.raises(ValueError, match="not a message"):
            decode(data[:length])


def test_a_header_of_brackets_does_not_exhaust_the_stack():
    brackets = b"[" * 200_000
    with pytest.raises(ValueError, match="not a message"):
        decode(b"FED1" + struct.pack("<I", len(brackets)) + brackets)


def test_a_vector_costs_its_bytes_and_a_short_header():
    message = Train(1, 0.1, {"model": torch.zeros(10_000)})
    assert 40_000 < wire_size(message) < 40_200


def test_gradients_and_views_travel_as_plain_numbers():
    whole = torch.arange(6.0).requires_grad_()
    message = Train(1, 0.1, {"model": whole[::2]})
    assert decode(encode(message)).arrays["model"].tolist() == [0, 2, 4]


def test_tensors_are_addressed_in_the_order_of_the_wire():
    message = Upload(1, torch.zeros(1), 1.0, {"b": torch.ones(1), "a": torch.ones(2)})
    assert [address for address, _ in tensors(message)] == [
        ("update", None),
        ("sums", "b"),
        ("sums", "a"),
    ]
