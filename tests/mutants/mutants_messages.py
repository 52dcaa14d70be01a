"""Wrong wire forms and messages that are not frozen."""

from __future__ import annotations

import dataclasses
import json
import struct
from dataclasses import dataclass

import torch

from fedmini import messages
from fedmini.messages import Message, Train, tensors
from tests.contracts.framework import mutant


class Wire:
    """The real functions; a mutant replaces one."""

    encode, decode, wire_size = map(
        staticmethod, (messages.encode, messages.decode, messages.wire_size)
    )


def with_tensors(message: Message, change) -> Message:
    """The message with `change` applied to each of its tensors."""
    fields = {f.name: getattr(message, f.name) for f in dataclasses.fields(message)}
    fields |= {name: dict(value) for name, value in fields.items() if hasattr(value, "items")}
    for (field, key), tensor in tensors(message):
        if key is None:
            fields[field] = change(tensor)
        else:
            fields[field][key] = change(tensor)
    return type(message)(**fields)


@mutant(
    "messages",
    law="law_wire_size_is_the_length_of_the_bytes",
    harm="Reported traffic leaves out headers: for small models most of what is sent.",
)
class HeaderForgotten(Wire):
    @staticmethod
    def wire_size(message):
        return sum(tensor.numel() * tensor.element_size() for _, tensor in tensors(message))


@mutant(
    "messages",
    law="law_wire_size_is_the_length_of_the_bytes",
    harm="A sum in a ring of 64 bits costs as much as one of 32 in every figure.",
)
class FourBytesEach(Wire):
    @staticmethod
    def wire_size(message):
        difference = sum(t.numel() * (t.element_size() - 4) for _, t in tensors(message))
        return messages.wire_size(message) - difference


@mutant(
    "messages",
    law="law_messages_come_back_the_same",
    harm="Sums of float64 and integers of a ring lose their low bits on the way: masks stay in.",
)
class EverythingSinglePrecision(Wire):
    @staticmethod
    def encode(message):
        return messages.encode(with_tensors(message, lambda tensor: tensor.float()))


@mutant(
    "messages",
    law="law_messages_come_back_the_same",
    harm="A transposed weight arrives in the order of its memory: the wrong matrix.",
)
class MemoryOrder(Wire):
    @staticmethod
    def encode(message):
        return messages.encode(
            with_tensors(message, lambda t: t.t().reshape(t.shape) if t.dim() == 2 else t)
        )


@mutant(
    "messages",
    law="law_cut_or_longer_bytes_are_no_message",
    harm="A cut upload is completed with zeros and pulls the model towards where it was.",
)
class CutFilledWithZeros(Wire):
    @staticmethod
    def decode(data):
        for missing in range(64):
            try:
                return messages.decode(data + bytes(missing))
            except ValueError:
                continue
        return messages.decode(data)


@mutant(
    "messages",
    law="law_flipped_bits_raise_nothing_but_value_error",
    harm="One damaged packet ends the server with KeyError, and the whole run with it.",
)
class ErrorsOfTheParser(Wire):
    @staticmethod
    def decode(data):
        (length,) = struct.unpack_from("<I", data, 4)
        if json.loads(data[8 : 8 + length])["type"] not in ("Train", "Upload", "Message"):
            raise KeyError("type")
        return messages.decode(data)


@mutant(
    "messages",
    law="law_decoded_messages_own_their_memory",
    harm="The next message overwrites the last client's update while it waits to be summed.",
)
class ViewsOfTheBuffer(Wire):
    @staticmethod
    def decode(data):
        message, end = messages.decode(bytes(data)), len(data)
        places = {}
        for _, tensor in reversed(list(tensors(message))):
            end -= tensor.numel() * tensor.element_size()
            places[id(tensor)] = end

        def view(tensor):
            if not tensor.numel():
                return tensor
            place, count = places[id(tensor)], tensor.numel()
            flat = torch.frombuffer(data, dtype=tensor.dtype, offset=place, count=count)
            return flat.view(tensor.shape)

        return with_tensors(message, view)


@mutant(
    "messages",
    law="law_what_cannot_travel_is_refused_and_not_dropped",
    harm="A mask of booleans is counted and delivered in the simulation; no real wire carries it.",
)
class OddFieldsDropped(Wire):
    @staticmethod
    def encode(message):
        try:
            return messages.encode(message)
        except TypeError:
            return messages.encode(Message(message.round))


@mutant(
    "message",
    law="law_messages_are_frozen",
    harm="One hospital sets another learning rate in the question that all the others get too.",
)
@dataclass
class Thawed:
    round: int
    lr: float
    arrays: dict


@mutant(
    "message",
    law="law_messages_are_frozen",
    harm="A plugin pops an array from the shared mapping; the next hospital fails for it.",
)
@dataclass(frozen=True)
class MappingOfTheSender(Train):
    def __post_init__(self):
        pass
