"""The result of a run or a comparison on the console: its columns of words in line."""

from textwrap import fill

from fedmini.report import columns
from fedmini.report.columns import Column
from fedmini.report.words import metric_words

WIDTH = 100  # characters in a line
GAP = "  "


def summary_table(summary: dict) -> str:
    """The test metrics of one run: every hospital, the worst one named, and all together."""
    head = f"{summary['algorithm']} after round {summary['round']}"
    parts = columns.part_columns(summary)
    findings = _aligned(parts) if parts[0][1:] else ""
    tables = (_wrapped(columns.hospital_columns(summary)), findings, columns.left_out(summary))
    ends = (columns.costs(summary["totals"]), _privacy(summary))
    return "\n\n".join(filter(None, [_headline(head, summary), *tables, *ends]))


def comparison_table(comparison: dict) -> str:
    """The algorithms side by side, and under them every paired difference with its verdict."""
    head = _headline(columns.repeats(comparison), comparison)
    tables = [head, _wrapped(columns.algorithm_columns(comparison["rows"]))]
    differences = columns.difference_columns(comparison)
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


def _wrapped(table: list[Column]) -> str:
    """Aligned text; columns that do not fit a line follow below, beside the first one again."""
    head, *others = table
    blocks = [[head]]
    for column in others:
        used = sum(len(GAP) + _width(each) for each in blocks[-1]) + _width(column)
        if used > WIDTH and len(blocks[-1]) > 1:
            blocks.append([head])
        blocks[-1].append(column)
    return "\n\n".join(map(_aligned, blocks))


def _aligned(table: list[Column], left: tuple[int, ...] = (0,)) -> str:
    """Columns side by side: those in `left` hold words, the others end in line."""
    padded = []
    for place, column in enumerate(table):
        align = str.ljust if place in left else str.rjust
        padded.append([align(cell, _width(column)) for cell in column])
    return "\n".join(GAP.join(line).rstrip() for line in zip(*padded, strict=True))
