"""A set of coordinates in few bytes: gaps as varints, or a bitmap, whichever is smaller.

The first byte says which. A gap is the number of coordinates skipped since the last one; a varint
(LEB128) holds it in groups of seven bits, the lowest first, with the high bit set on all bytes but
the last. A set has exactly one code: bytes that are not what their set is written as are refused.

Left out: entropy codes, which would come closer to the bits that a set needs.
"""

import numpy as np
import torch
from torch import Tensor

GAPS, BITMAP = 0, 1


def encode(indices: Tensor, size: int) -> Tensor:
    """The code, uint8, of strictly ascending int64 indices (k,) in [0, size); else ValueError."""
    rows = indices.cpu().numpy()
    gaps = np.diff(rows, prepend=-1) - 1
    if (gaps < 0).any() or (rows >= size).any():
        raise ValueError(f"coordinates must ascend strictly within [0, {size})")
    if len(gaps) < _bitmap_bytes(size):  # a gap takes a byte at least
        varints = _varints(gaps)
        if len(varints) < _bitmap_bytes(size):
            return _code(GAPS, varints)
    bits = np.zeros(size, dtype=bool)
    bits[rows] = True
    return _code(BITMAP, np.packbits(bits))


def decode(code: Tensor, size: int) -> Tensor:
    """The indices (k,) int64; ValueError unless `code` is exactly what `encode` gives for them."""
    kind, body = code[:1].tolist(), code[1:].cpu().numpy()
    rows = _ascending(body) if kind == [GAPS] else np.flatnonzero(np.unpackbits(body))
    indices = torch.from_numpy(rows)
    if not torch.equal(encode(indices, size), code.cpu()):
        raise ValueError(f"these {len(code)} bytes are no set of coordinates within [0, {size})")
    return indices


def most(k: int, size: int) -> int:
    """No code of k coordinates out of `size` takes more bytes than this."""
    # size - k are skipped: at most (size - k) / 128^j gaps are so long that they take a byte j + 1
    varints = k + sum(min(k, (size - k) // 128**j) for j in range(1, 9))
    return 1 + min(varints, _bitmap_bytes(size))


def _bitmap_bytes(size: int) -> int:
    return -(-size // 8)


def _code(kind: int, body: np.ndarray) -> Tensor:
    return torch.from_numpy(np.concatenate([np.array([kind], dtype=np.uint8), body]))


def _varints(gaps: np.ndarray) -> np.ndarray:
    """The varints of the gaps (k,), one after the other: uint8."""
    groups = max(1, -(-int(gaps.max(initial=0)).bit_length() // 7))
    rest = gaps[:, None] >> 7 * np.arange(groups)  # a row a gap, with what is still to say
    sent = rest > 0
    sent[:, 0] = True
    return (rest & 127 | (rest > 127) * 128).astype(np.uint8)[sent]


def _ascending(varints: np.ndarray) -> np.ndarray:
    """The indices, int64, between which these gaps lie."""
    ends = varints < 128
    starts = np.flatnonzero(np.concatenate([[True], ends])[: len(varints)])
    place = np.arange(len(varints)) - np.repeat(starts, np.diff(starts, append=len(varints)))
    groups = (varints & 127).astype(np.int64) << 7 * place
    return np.cumsum(np.add.reduceat(groups, starts) + 1) - 1
