"""Every combination of options at once: a decision diagram of what the rows of a table refuse.

Options are decided one after the other. What is left of a row is a table over the options that it
still reads, and where equal tables are left, the rest is worked out once (Bryant 1986). So billions
of combinations are counted exactly in a second, though each row looks at single ones only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod

from fedmini.combinations import Row
from fedmini.config import Config


class Watched:
    """Options of which it is known who looked at them; those that are not given have defaults."""

    def __init__(self, options: Mapping[str, object]) -> None:
        self.options, self.seen = options, set()

    def __getattr__(self, name: str) -> object:
        derived = getattr(Config, name)
        if isinstance(derived, property):
            return derived.fget(self)
        self.seen.add(name)
        return self.options.get(name, derived)


def read_by(row: Row, values: Mapping[str, Sequence]) -> list[str]:
    """The options that a row reads for any of these values, in their order; unknown ones last."""
    seen: list[str] = []
    while True:
        found = set(seen)
        for chosen in product(*(values.get(name, ()) for name in seen)):
            watched = Watched(dict(zip(seen, chosen, strict=True)))
            row.forbids(watched)
            found |= watched.seen
        if found == set(seen):
            return seen
        seen = sorted(found, key=lambda name: [*values, name].index(name))


@dataclass(frozen=True)
class Rest:
    """What is left of a row: a byte for each combination of the options it reads, 1 if refused."""

    row: str
    reads: tuple[str, ...]
    refused: bytes

    def given(self, option: str, place: int, of: int) -> Rest:
        """The rest once this option has value number `place` of so many."""
        if self.reads[:1] != (option,):
            return self
        size = len(self.refused) // of
        return Rest(self.row, self.reads[1:], self.refused[place * size : (place + 1) * size])


def rest(row: Row, values: Mapping[str, Sequence]) -> Rest:
    """The whole row."""
    reads = read_by(row, values)
    cases = product(*(values[name] for name in reads))
    refused = (bool(row.forbids(Watched(dict(zip(reads, case, strict=True))))) for case in cases)
    return Rest(row.name, tuple(reads), bytes(refused))


class Diagram:
    """All combinations of `values`, by option, and the first row that refuses each, if any."""

    def __init__(self, values: Mapping[str, Sequence], rows: Sequence[Row]) -> None:
        self.values, self.options = values, list(values)
        self.root = live(rest(row, values) for row in rows)
        self.count, self.step = cache(self.count), cache(self.step)

    def step(self, depth: int, node: tuple[Rest, ...], place: int) -> tuple[Rest, ...]:
        """The node under this one, where the next option has its value number `place`."""
        option = self.options[depth]
        return live(each.given(option, place, len(self.values[option])) for each in node)

    def count(self, depth: int = 0, node: tuple[Rest, ...] | None = None) -> Counter:
        """How many combinations below a node each row is the first to refuse; None: allowed."""
        node = self.root if node is None else node
        if not node or 0 not in node[0].refused:
            below = prod(len(self.values[name]) for name in self.options[depth:])
            return Counter({node[0].row if node else None: below})
        places = range(len(self.values[self.options[depth]]))
        return sum((self.count(depth + 1, self.step(depth, node, k)) for k in places), Counter())


def live(rests) -> tuple[Rest, ...]:
    """The rows that still may be the first to refuse."""
    found = []
    for each in rests:
        if 1 in each.refused:
            found.append(each)
        if 0 not in each.refused:
            break
    return tuple(found)
