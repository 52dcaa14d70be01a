"""The result of a run or a comparison on the console: its columns of words in line."""

from __future__ import annotations

from textwrap import fill

from fedmini.report.columns import (
    Column, algorithm_columns, costs, difference_columns, hospital_columns, left_out, part_columns,
    repeats,
)  # fmt: skip
from fedmini.report.words import metric_words

WIDTH = 100  # characters in a line
GAP = "  "


def summary_table(summary: dict) -> str:
    """The test metrics of one run: every hospital, the worst one named, and all together."""
    head = f"{summary['algorithm']} after round {summary['round']}"
    parts, words = part_columns(summary), left_out(summary)
    tables = [_wrapped(hospital_columns(summary)), _aligned(parts) if parts[0][1:] else "", words]
    ends = (costs(summary["totals"]), _privacy(summary))
    return "\n\n".join(filter(None, [_headline(head, summary), *tables, *ends]))


def comparison_table(comparison: dict) -> str:
    """The algorithms side by side, and under them every paired difference with its verdict."""
    levels, differences = algorithm_columns(comparison["rows"]), difference_columns(comparison)
    tables = [_headline(repeats(comparison), comparison), _wrapped(levels)]
    if len(differences[0]) > 1:
        lines = _aligned([column[1:] for column in differences], left=(0, 2))
        tables.append(f"Paired differences in {metric_words(comparison['primary'])}:\n{lines}")
    return "\n\n".join(filter(None, [*tables, _privacy(comparison)]))


def _privacy(content: dict) -> str:
    """Whom an epsilon protects from whom; empty where no noise was added."""
    return "" if content["epsilon"] is None else fill(content["privacy"], WIDTH)


def _headline(words: str, content: dict) -> str:
    stamp = " (SYNTHETIC DATA)" if content["synthetic"] else ""
    return f"{content['dataset']}{stamp}, {words}: test metrics with 95% intervals over patients"


def _width(column: Column) -> int:
    return max(map(len, column))


def _wrapped(columns: list[Column]) -> str:
    """Aligned text; columns that do not fit a line follow below, beside the first one again."""
    head, *others = columns
    blocks, block, used = [], [head], _width(head)
    for column in others:
        used += len(GAP) + _width(column)
        if used > WIDTH and len(block) > 1:
            blocks.append(block)
            block, used = [head], _width(head) + len(GAP) + _width(column)
        block.append(column)
    return "\n\n".join(_aligned(each) for each in (*blocks, block))


def _aligned(columns: list[Column], left: tuple[int, ...] = (0,)) -> str:
    """Columns side by side: those in `left` hold words, the others end in line."""
    padded = []
    for place, column in enumerate(columns):
        align = str.ljust if place in left else str.rjust
        padded.append([align(cell, _width(column)) for cell in column])
    return "\n".join(GAP.join(line).rstrip() for line in zip(*padded, strict=True))
