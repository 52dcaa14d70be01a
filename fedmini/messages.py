"""What travels between server and clients: frozen dataclasses, and their exact wire form.

On the wire a message is four bytes of magic, the length of a JSON header (uint32), the header, then
every array raw, little-endian, in the header's order. The network in one process hands the objects
over as they are, and counts the bytes that `encode` would give.

Left out: encryption of the channel (a real deployment puts TLS underneath), versions of the form.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

MAGIC = b"FED1"
DTYPES = ("float32", "float64", "int32", "int64", "uint8")


@dataclass(frozen=True)
class Message:
    """One message of one round: scalars, tensors, and mappings from names to tensors."""

    round: int
    uploads = False  # does the answer carry the client's contribution to the round?

    def __post_init__(self) -> None:
        """Mappings become read-only: one message may go to many clients."""
        for name, value in vars(self).items():
            if isinstance(value, Mapping):
                object.__setattr__(self, name, MappingProxyType(dict(value)))


@dataclass(frozen=True)
class Train(Message):
    """Server to client: train from here, and answer with an `Upload`."""

    lr: float
    arrays: Mapping[str, Tensor]  # what the algorithm broadcasts; "model" holds shared coordinates
    acknowledged: int = 0  # the round of this client's last upload that entered the model
    work: float = 1.0  # the part of its steps that a straggler gets done, in (0, 1]
    uploads = True


@dataclass(frozen=True)
class Upload(Message):
    """Client to server: one contribution to the sum."""

    update: Tensor  # local minus global: shared coordinates, float32; fewer, or packed ones
    weight: float
    sums: Mapping[str, Tensor]
    packing: Mapping[str, Tensor] = field(default_factory=dict)  # what unpacks a packed update


def encode(message: Message) -> bytes:
    """The wire form of a message; TypeError if a field holds what neither JSON nor DTYPES can."""
    header = _header(message)
    arrays = (_raw(tensor) for _, tensor in tensors(message))
    return b"".join((MAGIC, struct.pack("<I", len(header)), header, *arrays))


def wire_size(message: Message) -> int:
    """len(encode(message)), without making the bytes."""
    arrays = sum(tensor.numel() * tensor.element_size() for _, tensor in tensors(message))
    return len(MAGIC) + 4 + len(_header(message)) + arrays


def decode(data: bytes) -> Message:
    """The message that `encode` wrote; ValueError if the bytes are not exactly one message."""
    try:
        if data[:4] != MAGIC:
            raise ValueError("wrong magic")
        (length,) = struct.unpack_from("<I", data, 4)
        header = json.loads(data[8 : 8 + length])
        kinds = {each.__name__: each for each in _kinds(Message)}
        fields, offset = dict(header["scalars"]), 8 + length
        for name, keys in header["mappings"].items():
            fields[name] = dict.fromkeys(keys)
        for name, key, dtype, shape in header["arrays"]:
            tensor, offset = _read(data, offset, dtype, shape)
            if key is None:
                fields[name] = tensor
            else:
                fields[name][key] = tensor
        if offset != len(data):
            raise ValueError(f"{len(data) - offset} bytes too many")
        return kinds[header["type"]](**fields)
    except Exception as error:  # bytes from outside can be wrong in any way
        raise ValueError(f"not a message: {error}") from error


def tensors(message: Message) -> Iterator[tuple[tuple[str, str | None], Tensor]]:
    """Every tensor of a message with its address: (field, None), or (field, key of the mapping)."""
    for name, value in vars(message).items():
        if isinstance(value, Tensor):
            yield (name, None), value
        elif isinstance(value, Mapping):
            for key, tensor in value.items():
                yield (name, key), tensor


def _header(message: Message) -> bytes:
    kind, values = type(message).__name__, vars(message).items()
    scalars = {name: each for name, each in values if not isinstance(each, (Mapping, Tensor))}
    mappings = {name: list(each) for name, each in values if isinstance(each, Mapping)}
    arrays = [(*place, _dtype(each), list(each.shape)) for place, each in tensors(message)]
    header = {"type": kind, "scalars": scalars, "mappings": mappings, "arrays": arrays}
    return json.dumps(header, separators=(",", ":")).encode("utf-8")


def _dtype(tensor: Tensor) -> str:
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise TypeError(f"a {name} tensor cannot travel; a message carries {', '.join(DTYPES)}")
    return name


def _raw(tensor: Tensor) -> bytes:
    little = np.dtype(_dtype(tensor)).newbyteorder("<")
    return tensor.detach().cpu().numpy().astype(little, copy=False).tobytes()


def _read(data: bytes, offset: int, dtype: str, shape: list[int]) -> tuple[Tensor, int]:
    little = np.dtype(dtype).newbyteorder("<")
    end = offset + prod(shape) * little.itemsize
    if dtype not in DTYPES or min(shape, default=0) < 0 or end > len(data):
        raise ValueError("the arrays are cut, or of another type")
    array = np.frombuffer(data[offset:end], dtype=little).reshape(shape)
    return torch.from_numpy(array.astype(dtype)), end


def _kinds(kind: type[Message]) -> Iterator[type[Message]]:
    """A kind of message, and all that are one too."""
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)
