"""What a ring promises: exact sums in any order, no enlarged norm, an error before it wraps."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from hypothesis import strategies as st

from fedmini.ring import Ring
from tests.contracts.framework import law, real

real("ring", "fedmini.ring:Ring")
real("ring_sum", "fedmini.ring:RingSum")

FORMATS = st.sampled_from([(32, 0), (32, 16), (32, 31), (64, 0), (64, 32), (64, 48)])
UNITS = st.floats(-1, 1)  # parts of a range
SIGNS = st.sampled_from([1, -1])


def scaled(format: tuple[int, int], units: list[float], count: int = 1) -> torch.Tensor:
    """Numbers of which a sum of `count` always fits."""
    bits, fractional = format
    return torch.tensor(units, dtype=torch.float64) * (2.0 ** (bits - 2 - fractional) / count)


def truncated(x: torch.Tensor, fractional: int) -> list[int]:
    """The oracle: whole multiples of 2^-f, rounded toward zero, in Python's own integers."""
    return [int(Fraction(value) * 2**fractional) for value in x.tolist()]


def refused(error: type[Exception], action, *arguments) -> bool:
    try:
        action(*arguments)
    except error:
        return True
    return False


@law("ring", format=FORMATS, units=st.lists(UNITS, max_size=5), single=st.booleans())
def law_encoding_rounds_toward_zero(impl, format, units, single):
    ring, x = impl(*format), scaled(format, units)
    x = x.float() if single else x
    before = x.clone()
    encoded = ring.encode(x)
    assert encoded.tolist() == truncated(x, format[1])
    assert 8 * encoded.element_size() == format[0] and not encoded.dtype.is_floating_point
    assert torch.equal(x, before), "encoding wrote into its input"


@law("ring", format=FORMATS, units=st.lists(UNITS, min_size=1, max_size=5))
def law_decoding_comes_back_and_never_enlarges(impl, format, units):
    ring, x = impl(*format), scaled(format, units)
    back = ring.decode(ring.encode(x))
    assert back.dtype == torch.float64
    assert (back.abs() <= x.abs()).all(), "a clipped norm grew"
    assert ((back - x).abs() < 2.0 ** -format[1]).all()
    assert torch.equal(ring.encode(back), ring.encode(x)), "the second trip moved it again"


@law("ring", format=FORMATS, count=st.integers(1, 1000), offset=st.integers(-2, 2), sign=SIGNS)
def law_wrapping_is_refused_at_the_exact_boundary(impl, format, count, offset, sign):
    (bits, fractional), ring = format, impl(*format)
    largest = 2 ** (bits - 1) - 1
    bound = math.ldexp(float(largest // count + offset), -fractional)
    wraps = count * int(Fraction(bound) * 2**fractional) > largest
    assert refused(OverflowError, ring.check, count, bound) == wraps
    x = torch.tensor([0.0, sign * bound], dtype=torch.float64)
    assert refused(OverflowError, ring.encode, x, count) == wraps


@law(
    "ring",
    bad=st.sampled_from([math.nan, math.inf, -math.inf]),
    place=st.integers(0, 4),
    single=st.booleans(),
)
def law_what_is_not_finite_is_refused(impl, bad, place, single):
    x = torch.zeros(5, dtype=torch.float32 if single else torch.float64)
    x[place] = bad
    assert refused(ValueError, impl(64, 32).encode, x), "it entered the sum"


@law(
    "ring_sum",
    format=st.sampled_from([(32, 16), (64, 32)]),
    terms=st.lists(st.lists(UNITS, min_size=3, max_size=3), min_size=1, max_size=6),
    random=st.randoms(use_true_random=False),
)
def law_sums_are_exact_in_any_order(impl, format, terms, random):
    vectors = [scaled(format, units, len(terms)) for units in terms]
    columns = zip(*(truncated(vector, format[1]) for vector in vectors), strict=True)
    expected = [float(Fraction(sum(column), 2 ** format[1])) for column in columns]
    for _ in range(2):
        total = impl(Ring(*format), len(vectors))
        for vector in vectors:
            before = vector.clone()
            total.add(vector)
            assert torch.equal(vector, before), "adding wrote into a term"
        assert total.value().tolist() == expected
        random.shuffle(vectors)


@law("ring_sum", count=st.integers(1, 5))
def law_a_sum_takes_no_more_terms_than_it_has_room_for(impl, count):
    total = impl(Ring(32, 16), count)
    largest = torch.tensor([math.ldexp((2**31 - 1) // count, -16)], dtype=torch.float64)
    for _ in range(count):
        total.add(largest)
    exact = float(Fraction((2**31 - 1) // count * count, 2**16))
    assert total.value().item() == exact, "terms that fit did not"
    assert refused(ValueError, total.add, largest), "one term more would have wrapped"
    assert total.value().item() == exact


@law("ring_sum", wrong=st.sampled_from([(), (1,), (2, 3), (4,)]))
def law_all_terms_have_one_shape(impl, wrong):
    total = impl(Ring(), 2)
    total.add(torch.ones(3))
    assert refused(ValueError, total.add, torch.ones(wrong)), "one number was added everywhere"
    assert total.value().tolist() == [1.0, 1.0, 1.0]
