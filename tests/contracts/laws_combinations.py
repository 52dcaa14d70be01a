"""Laws about what may not be combined, against a table of pairs written down by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from fedmini.errors import UserError
from fedmini.run_options import RunOptions
from tests.contracts.framework import law, real

real("refuse", "fedmini.combinations:refuse")
real("kinds", "fedmini.combinations:kinds")

BOUNDS, CLIENT = {"clip": 1.0, "weight_cap": 9}, {"dp_unit": "client", "dp_epsilon": 3.0}
PARTS = {
    "dp-client": CLIENT,
    "dp-record": {"dp_unit": "record", "dp_epsilon": 3.0},
    "dp-patient": {"dp_unit": "patient", "dp_noise_multiplier": 1.0},
    "secagg": {"secagg": "masks"},
    "mpc": {"secagg": "mpc:3"},
    "ring-bits": {"ring_bits": 64, **BOUNDS},
    "distributed": {**CLIENT, "secagg": "masks", "dp_mode": "distributed"},
    "median": {"aggregator": "my.py:Median"},
    "nothing": BOUNDS,
    "topk": {"compress": "topk:0.1"},
    "own": {"compress": "topk.py:Mine:0.1"},
    "randk": {"compress": "randk:0.1"},
    "prevk": {"compress": "prevk:0.1"},
    "quant": {"compress": "quant:4"},
    "both": {"compress": "randk:0.1+quant:4"},
    "robust": {"aggregator": "my.py:Median"},
    "norm": {"norm": "batch", "batch_norm": "local"},
    "poisson": {"sampling": "poisson"},
}
PAIRS = """
            topk  own  randk  prevk  quant  both  robust  norm  poisson
dp-client     x    x     .      .      x      x      x      x      .
dp-record     .    .     .      .      .      .      .      x      .
dp-patient    .    .     .      .      .      .      .      x      .
secagg        x    x     .      .      x      x      x      .      .
mpc           x    x     .      .      x      x      x      .      .
ring-bits     x    x     .      .      x      x      x      .      .
distributed   x    x     .      .      x      x      x      x      x
median        x    x     .      .      .      .      .      .      .
nothing       .    .     .      .      .      .      .      .      .
"""  # x: refused


def pairs(mark: str) -> dict[str, dict]:
    """The options of every pair with this mark, by name."""
    above, *lines = PAIRS.strip().splitlines()
    return {
        f"{left} x {right}": PARTS[left] | PARTS[right]
        for left, *marks in map(str.split, lines)
        for right, each in zip(above.split(), marks, strict=True)
        if each == mark
    }


def refusal(impl, options: dict) -> str | None:
    """The line that refuses these options, if any does."""
    try:
        impl(RunOptions(**options))
    except UserError as error:
        return str(error)
    return None


@law("refuse")
def law_pairs_that_break_a_promise_are_refused_in_a_line(impl):
    """One that names an option."""
    for name, options in pairs("x").items():
        line = refusal(impl, options)
        assert line, f"{name} was let through"
        assert "--" in line and "\n" not in line, f"{name}: {line}"


@law("refuse")
def law_all_other_pairs_are_let_through(impl):
    for name, options in pairs(".").items():
        line = refusal(impl, options)
        assert line is None, f"{name}: {line}"


WORDS = st.text("abcdquant_", min_size=1, max_size=8)
PLACES = st.one_of(WORDS, st.tuples(WORDS, WORDS).map("{0[0]}.py:{0[1]}".format))


@law("kinds", parts=st.lists(st.tuples(PLACES, st.floats(0.001, 1.0)), max_size=2))
def law_every_part_of_a_compressor_is_named(impl, parts):
    """Whole, and none besides."""
    spec = "+".join(f"{place}:{number}" for place, number in parts) or "none"
    assert impl(spec) == {place for place, _ in parts}
