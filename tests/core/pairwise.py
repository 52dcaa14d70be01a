"""A pairwise cover: few combinations of options that hold every pair of values that may meet.

Most faults of software show when two options meet (Kuhn, Wallace and Gallo 2004). Greedy, after
Cohen et al. 1997: each combination is grown around a pair not met yet, one option after the other,
by the value that meets most of those left. The diagram keeps out what is refused, so that no step
is taken back; the same combinations come every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import combinations

from tests.ground.diagram import Diagram

Pair = frozenset  # of two (option, value)


def cover(diagram: Diagram) -> list[dict[str, object]]:
    """Allowed combinations in which every pair of values stands that any allowed one holds."""
    every, found = pairs(diagram), []
    left = set(every)
    for pair in every:
        if pair in left:
            found.append(grown(diagram, pair, left))
            left -= held(found[-1])
    return found


def pairs(diagram: Diagram) -> list[Pair]:
    """Every pair of values that some allowed combination holds."""
    values = [(name, value) for name, each in diagram.values.items() for value in each]
    several = (pair for pair in combinations(values, 2) if pair[0][0] != pair[1][0])
    return [frozenset(pair) for pair in several if Reach(diagram, dict(pair)).some()]


def held(combination: Mapping[str, object]) -> set[Pair]:
    """The pairs of one combination."""
    return {frozenset(pair) for pair in combinations(combination.items(), 2)}


def grown(diagram: Diagram, pair: Pair, left: set[Pair]) -> dict[str, object]:
    """An allowed combination with this pair, and with as many as come easily of those left."""
    reach, chosen, node = Reach(diagram, dict(pair)), dict(pair), diagram.root

    def gain(place: int) -> int:
        new = option, diagram.values[option][place]
        return sum(frozenset([new, old]) in left for old in chosen.items() if old[0] != option)

    for depth, option in enumerate(diagram.options):
        place = max(reach.places(depth, node), key=gain)
        chosen[option] = diagram.values[option][place]
        node = diagram.step(depth, node, place)
    return {option: chosen[option] for option in diagram.options}


class Reach:
    """Which allowed combinations hold the values that are `wanted`, by option."""

    def __init__(self, diagram: Diagram, wanted: Mapping[str, object]) -> None:
        self.diagram, self.wanted = diagram, wanted
        self.some = cache(self.some)

    def some(self, depth: int = 0, node: tuple | None = None) -> bool:
        """Whether there is one below a node."""
        node = self.diagram.root if node is None else node
        if any(0 not in each.refused for each in node):
            return False
        return depth == len(self.diagram.options) or bool(self.places(depth, node))

    def places(self, depth: int, node: tuple) -> list[int]:
        """The values of the next option that lead to one."""
        option = self.diagram.options[depth]
        return [
            place
            for place, value in enumerate(self.diagram.values[option])
            if self.wanted.get(option, value) == value
            and self.some(depth + 1, self.diagram.step(depth, node, place))
        ]
