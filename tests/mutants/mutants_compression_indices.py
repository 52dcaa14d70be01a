"""Wrong codes of indices."""

from __future__ import annotations

import numpy as np
import torch

from fedmini.compression import indices
from tests.contracts.framework import mutant


class Code:
    """The right code, of which mutants override a part."""

    encode, decode, most = map(staticmethod, (indices.encode, indices.decode, indices.most))


def gaps_of(chosen: torch.Tensor) -> np.ndarray:
    return np.diff(chosen.numpy(), prepend=-1) - 1


@mutant(
    "index_code",
    law="law_the_code_is_the_smaller_of_two",
    harm="Always gaps: a dense update costs up to eight times its bitmap.",
)
class AlwaysGaps(Code):
    @staticmethod
    def encode(chosen, size):
        body = indices._varints(gaps_of(chosen))
        return torch.from_numpy(np.concatenate([[0], body]).astype(np.uint8))


@mutant(
    "index_code",
    law="law_the_code_is_the_smaller_of_two",
    harm="Indices for gaps: three bytes where one would do.",
)
class WithoutGaps(Code):
    @staticmethod
    def encode(chosen, size):
        body = indices._varints(chosen.numpy())
        return torch.from_numpy(np.concatenate([[0], body]).astype(np.uint8))


@mutant(
    "index_code",
    law="law_the_code_comes_back",
    harm="The high bit is dropped: a wide gap ends after its first byte, and all after it shifts.",
)
class WithoutTheHighBit(Code):
    @staticmethod
    def encode(chosen, size):
        code = indices.encode(chosen, size)
        return code if code[0] else torch.where(code < 128, code, code - 128)

    @staticmethod
    def decode(code, size):
        if code[0]:
            return indices.decode(code, size)
        return torch.from_numpy(indices._ascending(code[1:].numpy()))


@mutant(
    "index_code",
    law="law_the_code_comes_back",
    harm="Gaps are added without the step to the next: every coordinate but the first is wrong.",
)
class SummedWithoutSteps(Code):
    @staticmethod
    def decode(code, size):
        chosen = indices.decode(code, size)
        return torch.from_numpy(np.cumsum(gaps_of(chosen)))


@mutant(
    "index_code",
    law="law_other_bytes_are_no_code",
    harm="Whatever comes is read: a cut upload puts its values where they do not belong.",
)
class TrustingCode(Code):
    @staticmethod
    def decode(code, size):
        if code[:1].tolist() == [0]:
            return torch.from_numpy(indices._ascending(code[1:].numpy()))
        return torch.from_numpy(np.flatnonzero(np.unpackbits(code[1:].numpy())))


@mutant(
    "index_code",
    law="law_only_ascending_coordinates_are_coded",
    harm="A student's unsorted coordinates are coded as a set: values meet the wrong weights.",
)
class SortingCode(Code):
    @staticmethod
    def encode(chosen, size):
        return indices.encode(chosen.clamp(0, size - 1).unique(), size)


@mutant(
    "index_code",
    law="law_no_code_is_longer_than_the_most",
    harm="Reserved for even gaps: an upload with uneven ones comes after the deadline.",
)
class MostOfEvenGaps(Code):
    @staticmethod
    def most(k, size):
        even = indices._varints(np.full(k, (size - k) // k if k else 0))
        return 1 + min(len(even), -(-size // 8))


@mutant(
    "index_code",
    law="law_no_code_is_longer_than_the_most",
    harm="Eight bytes an index: slow hospitals are told that they cannot make it.",
)
class MostOfInt64(Code):
    @staticmethod
    def most(k, size):
        return 1 + 8 * k
