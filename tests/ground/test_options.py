"""Options beyond their laws: what is read from a dataclass or a constructor, what is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest

from fedmini.errors import UserError
from fedmini.options import Option, nearest, option, options_of


@dataclass
class Component:
    required: int
    mu: float = option(0.01, "pull", unit="1/step", low=0.0)
    clients: int | None = option(None, "hospitals", low=1)
    norm: Literal["group", "batch"] = option("group", "norm")
    bits: Literal[32, 64, None] = option(None, "bits")
    plain: int = 3
    made: list = field(default_factory=list)
    hidden: int = field(default=1, init=False)
    partial_work: ClassVar[bool] = True


class Network:
    def __init__(self, channels, *, width: int = 16, norm: str = "group", hook=None):
        pass


def test_fields_with_defaults_are_options():
    found = {each.name: each for each in options_of(Component)}
    assert list(found) == ["mu", "clients", "norm", "bits", "plain"]
    assert found["mu"] == Option("mu", float, 0.01, "pull", "1/step", low=0.0)
    assert found["clients"].type is int and found["clients"].default is None
    assert (found["norm"].type, found["norm"].choices) == (str, ("group", "batch"))
    assert (found["bits"].type, found["bits"].choices) == (int, (32, 64))


def test_a_constructor_s_defaults_are_options():
    assert [(each.name, each.type) for each in options_of(Network)] == [
        ("width", int),
        ("norm", str),
    ]


def test_flags_have_dashes():
    assert Option("batch_size", int, 8).flag == "--batch-size"


@pytest.mark.parametrize(
    ("given", "text", "said"),
    [
        (Option("rounds", int, 1, low=1), "0", "--rounds 0: must be at least 1"),
        (Option("rounds", int, 1), "two", "--rounds takes a whole number, not 'two'"),
        (Option("lr", float, 1.0, above=0.0), "0", "--lr 0.0: must be above 0.0"),
        (Option("lr", float, 1.0), "nan", "--lr nan: must be a finite number"),
        (Option("lr", float, 1.0), "fast", "--lr takes a number, not 'fast'"),
        (Option("p", float, 0.0, high=1.0), "1.1", "--p 1.1: must be at most 1.0"),
        (Option("fast", bool, False), "True", "--fast takes true or false, not 'True'"),
        (
            Option("ring_bits", int, None, choices=(32, 64)),
            "48",
            "--ring-bits 48: choose from 32, 64",
        ),
        (
            Option("norm", str, "group", choices=("group", "batch")),
            "grup",
            "--norm grup: choose from group, batch; did you mean group?",
        ),
    ],
)
def test_what_is_refused_and_how(given, text, said):
    with pytest.raises(UserError) as refused:
        given.convert(text)
    assert str(refused.value) == said


def test_what_was_not_given_is_not_checked():
    Option("clients", int, None, low=1).check(None)


def test_nearest():
    assert nearest("fedporx", ["fedavg", "fedprox"]) == "; did you mean fedprox?"
    assert nearest("zebra", ["fedavg", "fedprox"]) == ""
