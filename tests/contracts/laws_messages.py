"""What the wire form promises: exact size, exact return, and a clear error for damaged bytes."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor

import fedmini.messages  # noqa: F401  so that fedmini:messages is found
from fedmini.messages import Message, Train, Upload
from fedmini.rng import stream
from tests.contracts.framework import law, real

real("messages", "fedmini:messages")
real("message", "fedmini.messages:Train")

DTYPES = [torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8]
SHAPES = st.sampled_from([(), (0,), (1,), (5,), (2, 3), (3, 0, 2), (2, 2, 2)])


def tensor(dtype: torch.dtype, shape: tuple[int, ...], seed: int, transposed: bool) -> Tensor:
    """Numbers that use every byte of the dtype; transposed: not contiguous in memory."""
    numbers = torch.randn(shape, dtype=torch.float64, generator=stream(seed, "test"))
    if not dtype.is_floating_point:
        numbers = numbers * (2.0 ** (8 * dtype.itemsize - 5))
        numbers = numbers.abs() % 256 if dtype == torch.uint8 else numbers
    whole = numbers.to(dtype)
    return whole.t().contiguous().t() if transposed and whole.dim() == 2 else whole


TENSORS = st.builds(
    tensor, st.sampled_from(DTYPES), SHAPES, st.integers(0, 10**6), st.booleans()
)
MAPPINGS = st.dictionaries(st.text(max_size=4), TENSORS, max_size=3)
NUMBERS = st.floats()
COUNTS = st.integers(-(2**70), 2**70)
MESSAGES = st.one_of(
    st.builds(Message, COUNTS),
    st.builds(Train, COUNTS, NUMBERS, MAPPINGS, acknowledged=COUNTS, work=NUMBERS),
    st.builds(Upload, COUNTS, TENSORS, NUMBERS, MAPPINGS),
)
EXAMPLE = Upload(3, torch.arange(4.0), 17.5, {"loss": torch.tensor(0.25), "é": torch.zeros(0)})


def contents(value: object) -> object:
    """A form of a message, or of a part of it, in which == means the same to the last bit."""
    if isinstance(value, Tensor):
        return value.dtype, tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    if isinstance(value, Message):
        fields = dataclasses.fields(value)
        return type(value), [(f.name, contents(getattr(value, f.name))) for f in fields]
    if hasattr(value, "items"):
        return [(name, contents(each)) for name, each in value.items()]
    return type(value), value


def outcome(impl, data: bytes) -> object:
    """What `decode` made of the bytes: a message, ValueError, or an error that must not be."""
    try:
        return impl.decode(data)
    except ValueError:
        return ValueError
    except Exception as error:
        raise AssertionError(f"damaged bytes raised {type(error).__name__}: {error}") from error


@law("messages", message=MESSAGES)
def law_messages_come_back_the_same(impl, message):
    before = contents(message)
    back = impl.decode(impl.encode(message))
    assert contents(back) == before
    assert contents(message) == before, "encoding changed the message"


@law("messages", message=MESSAGES)
def law_wire_size_is_the_length_of_the_bytes(impl, message):
    assert impl.wire_size(message) == len(impl.encode(message))


@law("messages")
def law_flipped_bits_raise_nothing_but_value_error(impl):
    data = impl.encode(EXAMPLE)
    for place in range(len(data)):
        for bit in range(8):
            outcome(impl, data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])


@law("messages", message=MESSAGES, part=st.floats(0, 1, exclude_max=True))
def law_cut_or_longer_bytes_are_no_message(impl, message, part):
    data = impl.encode(message)
    for wrong in (data[: int(part * len(data))], data[:-1], data + b"\0", b"\0" + data, data * 2):
        assert outcome(impl, wrong) is ValueError, "other bytes passed for a message"


@law("messages", message=MESSAGES)
def law_decoded_messages_own_their_memory(impl, message):
    buffer = bytearray(impl.encode(message))
    back = impl.decode(buffer)
    buffer[:] = bytes(len(buffer))  # the network reuses its buffer for the next message
    assert contents(back) == contents(message), "the message lives in the buffer it came from"


@law("messages", bad=st.sampled_from([torch.zeros(2).bool(), torch.zeros(2).half(), b"x"]))
def law_what_cannot_travel_is_refused_and_not_dropped(impl, bad):
    for function in (impl.encode, impl.wire_size):
        try:
            function(Upload(1, bad, 1.0, {}))
        except TypeError:
            continue
        raise AssertionError(f"{type(bad).__name__} was left out without a word")


@law("message", name=st.sampled_from(["round", "lr", "arrays", "extra"]))
def law_messages_are_frozen(impl, name):
    arrays = {"model": torch.zeros(2)}
    message = impl(1, 0.1, arrays)
    for change in (
        lambda: setattr(message, name, 0),
        lambda: message.arrays.update(model=torch.ones(2)),
        lambda: message.arrays.pop("model"),
    ):
        try:
            change()
        except (AttributeError, TypeError):
            continue
        raise AssertionError("a message that goes to many clients was changed by one")
    arrays["later"] = torch.ones(1)
    assert list(message.arrays) == ["model"], "the sender changed it after it was sent"
