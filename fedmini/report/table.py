"""What a run and a comparison found, as tables: for the console, and as Markdown for a page.

They are read from the dictionaries that stand in summary.json and comparison.json. A comparison
has "dataset", "synthetic", "primary" (the metric of the differences), "repeats" and "rows"; a row
has "algorithm", "metrics" {metric: interval}, "differences" {an earlier algorithm: {metric:
interval}}, "bytes_up", "bytes_down" and "seconds". An interval is that of `fedmini.report.words`.
"""

from __future__ import annotations

from fedmini.report.words import byte_unit, metric_words, verdict, written

CONSOLE = 100  # characters in a line
GAP = "  "
Column = list[str]  # the heading, then the cells


def summary_table(summary: dict) -> str:
    """The test metrics of one run: every hospital, the worst one named, and all together."""
    tested = sum(each["patients"] for each in summary["hospitals"].values())
    places = {"all hospitals": summary["test"] | {"patients": tested}} | summary["hospitals"]
    names = [f"{name} (worst)" if name == summary["worst"] else name for name in places]
    patients = [str(each["patients"]) for each in places.values()]
    metrics = _metric_columns(list(places.values()), list(summary["test"]))
    totals = summary["totals"]
    size, unit = byte_unit(max(totals["bytes_up"], totals["bytes_down"]))
    head = f"{summary['algorithm']} after round {summary['round']}"
    return "\n\n".join([
        _headline(head, summary),
        _wrapped([["", *names], ["patients", *patients], *metrics]),
        f"{totals['bytes_up'] / size:.1f} {unit} up, {totals['bytes_down'] / size:.1f} {unit} "
        f"down, {totals['seconds']:.1f} seconds",
    ])  # fmt: skip


def comparison_table(comparison: dict) -> str:
    """The algorithms side by side, and under them every paired difference with its verdict."""
    tables = [_headline(_repeats(comparison), comparison), _wrapped(_columns(comparison["rows"]))]
    differences = _difference_columns(comparison)
    if len(differences[0]) > 1:
        lines = _aligned([column[1:] for column in differences], left=(0, 2))
        tables.append(f"{_caption(comparison)}\n{lines}")
    return "\n\n".join(tables)


def comparison_markdown(comparison: dict) -> str:
    """The same in Markdown, every column in one table."""
    tables = [_headline(_repeats(comparison), comparison), _piped(_columns(comparison["rows"]))]
    differences = _difference_columns(comparison)
    if len(differences[0]) > 1:
        tables += [_caption(comparison), _piped(differences)]
    return "\n\n".join(tables)


def _headline(words: str, content: dict) -> str:
    stamp = " (SYNTHETIC DATA)" if content["synthetic"] else ""
    return f"{content['dataset']}{stamp}, {words}: test metrics with 95% intervals over patients"


def _repeats(comparison: dict) -> str:
    many = comparison["repeats"]
    return "one run each" if many == 1 else f"means of {many} runs each"


def _caption(comparison: dict) -> str:
    return f"Paired differences in {metric_words(comparison['primary'])}:"


def _columns(rows: list[dict]) -> list[Column]:
    metrics = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    size, unit = byte_unit(max(max(row["bytes_up"], row["bytes_down"]) for row in rows))
    return [
        ["", *(row["algorithm"] for row in rows)],
        *_metric_columns([row["metrics"] for row in rows], metrics),
        [f"{unit} up", *(f"{row['bytes_up'] / size:.1f}" for row in rows)],
        [f"{unit} down", *(f"{row['bytes_down'] / size:.1f}" for row in rows)],
        ["seconds", *(f"{row['seconds']:.1f}" for row in rows)],
    ]


def _metric_columns(rows: list[dict], metrics: list[str]) -> list[Column]:
    return [[metric_words(name), *(written(row.get(name)) for row in rows)] for name in metrics]


def _difference_columns(comparison: dict) -> list[Column]:
    lines = [("difference", "95% interval", "verdict")]
    for row in comparison["rows"]:
        for other, metrics in row["differences"].items():
            interval = metrics.get(comparison["primary"])
            names = f"{row['algorithm']} - {other}"
            lines.append((names, written(interval, "+"), verdict(row["algorithm"], interval)))
    return [list(column) for column in zip(*lines, strict=True)]


def _width(column: Column) -> int:
    return max(map(len, column))


def _wrapped(columns: list[Column]) -> str:
    """Aligned text; columns that do not fit a line follow below, beside the first one again."""
    head, *others = columns
    blocks, block, used = [], [head], _width(head)
    for column in others:
        used += len(GAP) + _width(column)
        if used > CONSOLE and len(block) > 1:
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


def _piped(columns: list[Column]) -> str:
    head, *lines = zip(*columns, strict=True)
    rule = [":---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
