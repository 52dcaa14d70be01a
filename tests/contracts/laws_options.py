"""What an option promises: a value of its type and range, or one line that names the flag."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from fedmini.errors import UserError
from tests.contracts.framework import law, real

real("option", "fedmini.options:Option")

NUMBERS = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf]))
WORDS = st.sampled_from(["True", "False", "true", "false", "yes", "0", "1", "", "no"])


def converted(option, text: str) -> object:
    """The option's value, or UserError where it is refused with its name in the line."""
    try:
        return option.convert(text)
    except UserError as error:
        assert option.flag in str(error) and "\n" not in str(error), str(error)
        return UserError


@law("option", value=NUMBERS)
def law_ranges_hold_to_the_last_number(impl, value):
    half_open = impl("mu", float, 0.5, above=0.0, high=1.0)
    closed = impl("dropout", float, 0.5, low=0.0, high=1.0)
    free = impl("shift", float, 0.5)
    text = repr(value)
    assert (converted(half_open, text) is UserError) == (not 0 < value <= 1), text
    assert (converted(closed, text) is UserError) == (not 0 <= value <= 1), text
    assert (converted(free, text) is UserError) == (not math.isfinite(value)), text
    if 0 < value <= 1:
        assert converted(half_open, text) == value


@law("option", text=WORDS)
def law_false_is_not_true(impl, text):
    expected = {"true": True, "false": False}.get(text, UserError)
    assert converted(impl("nesterov", bool, False), text) is expected


@law("option", text=st.text("0123456789.e-_xn ", max_size=4), kind=st.sampled_from([int, float]))
def law_what_is_no_number_is_refused(impl, text, kind):
    try:
        expected = kind(text)
    except ValueError:
        expected = UserError
    if isinstance(expected, float) and not math.isfinite(expected):
        expected = UserError
    assert converted(impl("rounds", kind, 1), text) == expected


@law("option", text=st.sampled_from(["sgd", "adam", "adan", "SGD", "", "sgd,adam"]))
def law_choices_are_the_only_ones(impl, text):
    option = impl("optimizer", str, "sgd", choices=("sgd", "adam"))
    assert converted(option, text) == (text if text in ("sgd", "adam") else UserError)
