"""What the code of indices and the quantiser promise."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from fedmini.compression import Quantiser, TopK
from fedmini.rng import stream
from tests.contracts.framework import law, real
from tests.contracts.laws_compression import FLOATS, KEYS, VECTORS, through_bytes

real("index_code", "fedmini.compression:indices")
real("quantiser", "fedmini.compression:Quantiser")
real("chain", "fedmini.compression:Chain")

BITS = st.integers(2, 8)
SCALES = st.sampled_from([1e-40, 1e-12, 1.0, 3e30])
LENGTHS = st.sampled_from([1, 2, 7, 511, 512, 513, 1500])


@st.composite
def sets(draw) -> tuple[list[int], int]:
    """Coordinates and the size that they are of: gaps of one, two and three bytes."""
    reach = draw(st.sampled_from([0, 3, 127, 128, 300, 20_000]))
    gaps = draw(st.lists(st.just(0) | st.integers(0, reach), max_size=30))
    indices = (np.cumsum(np.array(gaps, dtype=np.int64) + 1) - 1).tolist()
    return indices, (indices or [0])[-1] + 1 + draw(st.sampled_from([0, 5, 300]))


def leb128(number: int) -> list[int]:
    """The oracle: one byte after the other."""
    found = [number % 128]
    while number := number // 128:
        found[-1] += 128
        found.append(number % 128)
    return found


def by_hand(indices: list[int], size: int) -> list[int]:
    """The oracle: both codes, and the smaller one; the bitmap where both are as long."""
    before = [-1, *indices[:-1]] if indices else []
    gaps = [now - last - 1 for now, last in zip(indices, before, strict=True)]
    bitmap = [0] * -(-size // 8)
    for index in indices:
        bitmap[index // 8] |= 128 >> index % 8
    return min([1, *bitmap], [0, *(byte for gap in gaps for byte in leb128(gap))], key=len)


def refused(action, *arguments) -> bool:
    try:
        action(*arguments)
    except ValueError:
        return True
    return False


@law("index_code", case=sets())
def law_the_code_is_the_smaller_of_two(impl, case):
    indices, size = case
    code = impl.encode(torch.tensor(indices, dtype=torch.int64), size)
    assert code.dtype == torch.uint8
    assert code.tolist() == by_hand(indices, size)


@law("index_code", case=sets())
def law_the_code_comes_back(impl, case):
    indices, size = torch.tensor(case[0], dtype=torch.int64), case[1]
    back = impl.decode(impl.encode(indices, size), size)
    assert back.dtype == torch.int64 and torch.equal(back, indices)


@law("index_code", case=sets(), place=st.integers(0, 40), byte=st.none() | st.integers(0, 255))
def law_other_bytes_are_no_code(impl, case, place, byte):
    """Bytes cut, changed or added: refused, unless they are the code of another set."""
    indices, size = case
    code = by_hand(indices, size)
    place %= len(code) + 1
    wrong = code[:place] if byte is None else [*code[:place], byte, *code[place + 1 :]]
    try:
        found = impl.decode(torch.tensor(wrong, dtype=torch.uint8), size).tolist()
    except ValueError:
        return
    assert found == sorted(set(found)) and all(0 <= index < size for index in found)
    assert by_hand(found, size) == wrong


@law("index_code", case=sets(), wrong=st.sampled_from(["twice", "beyond", "below", "backwards"]))
def law_only_ascending_coordinates_are_coded(impl, case, wrong):
    indices, size = [0, *(index + 1 for index in case[0])], case[1] + 1
    bad = {
        "twice": [*indices, indices[-1]],
        "beyond": [*indices, size],
        "below": [-1, *indices],
        "backwards": [*indices, 0],
    }[wrong]
    assert refused(impl.encode, torch.tensor(bad), size)


@law("index_code", case=sets())
def law_no_code_is_longer_than_the_most(impl, case):
    indices, size = case
    most = impl.most(len(indices), size)
    assert len(by_hand(indices, size)) <= most, "the time of an upload is underestimated"
    assert most <= 1 + min(-(-size // 8), 3 * len(indices)), "longer than any"


@law("quantiser", bits=BITS, part=st.floats(-1, 1, width=32), key=KEYS)
def law_rounding_is_unbiased(impl, bits, part, key):
    values = torch.full((40, 512), part)
    values[:, 0] = 1.0
    quantiser, step = impl(bits), 1 / (2 ** (bits - 1) - 1)
    found = quantiser.decompress(quantiser.compress(values.view(-1), stream(key)))
    mean = found.view(40, 512)[:, 1:].double().mean().item()
    # Six deviations of a mean of 20,440 draws, each of half a step at most
    assert abs(mean - part) < 6 * step / 2 / 20_440**0.5


@law("quantiser", bits=BITS, length=LENGTHS, scale=SCALES, key=KEYS)
def law_a_value_goes_to_a_level_beside_it(impl, bits, length, scale, key):
    """Within one step of its bucket's scale, and never beyond the scale, which stays exact."""
    values = torch.randn(length, generator=stream(key, "values")) * scale
    quantiser, s = impl(bits), 2 ** (bits - 1) - 1
    found = quantiser.decompress(through_bytes(quantiser.compress(values, stream(key))))
    assert found.dtype == torch.float32 and found.shape == values.shape
    for before, after in zip(values.double().split(512), found.double().split(512), strict=True):
        largest = before.abs().max()
        assert (after.abs() <= largest).all()
        levels = after / largest * s
        slack = 1e-3 if scale > 1e-30 else s / 100  # few bits are left below 1e-38
        assert ((levels - levels.round()).abs() <= slack).all()
        assert ((before / largest * s - levels).abs() <= 1 + slack).all()
        assert after[before.abs().argmax()].abs() == largest


@law("quantiser", bits=BITS, length=LENGTHS, value=st.just(0.0) | FLOATS, key=KEYS)
def law_zeros_and_constants_stay_as_they_are(impl, bits, length, value, key):
    values = torch.full((length,), value)
    found = impl(bits).decompress(impl(bits).compress(values, stream(key)))
    assert torch.equal(found, values)


@law("quantiser", bits=BITS, length=LENGTHS, key=KEYS)
def law_bits_are_really_packed(impl, bits, length, key):
    part = impl(bits).pack(torch.ones(length), stream(key))
    assert sorted(part) == ["levels", "scales"]
    assert part["levels"].dtype == torch.uint8 and part["scales"].dtype == torch.float32
    assert len(part["levels"]) == -(-length * bits // 8)
    assert len(part["scales"]) == -(-length // 512)


WRONG = st.sampled_from(["cut", "more", "scale", "level"])


@law("quantiser", bits=BITS, length=LENGTHS, wrong=WRONG)
def law_parts_of_another_length_or_level_are_refused(impl, bits, length, wrong):
    part = impl(bits).pack(torch.ones(length), stream(0))
    levels, scales = part["levels"], part["scales"]
    bad = {
        "cut": {"levels": levels[:-1], "scales": scales},
        "more": {"levels": torch.cat([levels, levels[:1]]), "scales": scales},
        "scale": {"levels": levels, "scales": scales.repeat(2)},
        "level": {"levels": torch.full_like(levels, 255), "scales": scales},
    }[wrong]
    assert refused(impl(bits).unpack, bad, length)


@law("quantiser", bits=BITS, key=KEYS)
def law_draws_are_the_generators(impl, bits, key):
    values = torch.randn(600, generator=stream(key, "values"))
    keys = (key, key, key + 1)
    one, same, other = (impl(bits).pack(values, stream(each))["levels"] for each in keys)
    assert torch.equal(one, same) and not torch.equal(one, other)


@law("chain", values=VECTORS, ratio=st.sampled_from([0.07, 0.5, 1.0]), bits=BITS, key=KEYS)
def law_a_chain_rounds_what_was_kept(impl, values, ratio, bits, key):
    vector, sparsifier, quantiser = torch.tensor(values), TopK(ratio), Quantiser(bits)
    chain, chosen = impl(sparsifier, quantiser), sparsifier.coordinates(vector)
    part = chain.compress(vector, stream(key))
    assert sorted(part) == ["indices", "levels", "scales", "size"]
    found, expected = chain.decompress(through_bytes(part)), torch.zeros(len(values))
    kept = vector[chosen]
    expected[chosen] = quantiser.unpack(quantiser.pack(kept, stream(key)), len(kept))
    assert torch.equal(found, expected)
