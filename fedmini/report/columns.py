"""What a run and a comparison found, as columns of words: the console and the page arrange them.

They are read from the dictionaries that stand in summary.json and comparison.json. A comparison has
"dataset", "synthetic", "primary" (the metric of the differences), "repeats" and "rows"; a row has
"algorithm", "metrics" {metric: interval}, "differences" {an earlier algorithm: {metric: interval}},
"bytes_up", "bytes_down", "seconds" and "simulated_hours". An interval is that of
`fedmini.report.words`.
"""

from collections.abc import Iterable, Mapping

from fedmini.report.words import lasting, metric_words, pairs, sized, verdict, written

Column = list[str]  # the heading, then the cells


def hospital_columns(summary: dict) -> list[Column]:
    """All hospitals together and each of them: patients, and every metric with its interval.

    Many findings are left to `part_columns`.
    """
    tested = sum(each["patients"] for each in summary["hospitals"].values())
    places = {"all hospitals": summary["test"] | {"patients": tested}} | summary["hospitals"]
    names = [f"{name} (worst)" if name == summary["worst"] else name for name in places]
    patients = [str(each["patients"]) for each in places.values()]
    metrics = _metric_columns(list(places.values()), _whole(summary["test"]))
    return [["", *names], ["patients", *patients], *metrics]


def part_columns(summary: dict) -> list[Column]:
    """The findings of all hospitals' patients, a row each; no row where there are none."""
    test = summary["test"]
    parts = [name for name in test if name.startswith("auc_")]
    cells = [written(test[name]) for name in parts]
    return [["", *map(metric_words, parts)], ["all hospitals", *cells]]


def left_out(summary: dict) -> str:
    """What the means do not count, in words; empty if they count all."""
    names = ", ".join(summary["left_out"])
    return f"Not in the means, with too few test patients: {names}." if names else ""


def algorithm_columns(rows: list[dict]) -> list[Column]:
    """Every algorithm's metrics, traffic and time."""
    metrics = _whole(dict.fromkeys(name for row in rows for name in row["metrics"]))
    return [
        ["", *(row["algorithm"] for row in rows)],
        *_metric_columns([row["metrics"] for row in rows], metrics),
        ["sent up", *(sized(row["bytes_up"]) for row in rows)],
        ["sent down", *(sized(row["bytes_down"]) for row in rows)],
        ["seconds", *(f"{row['seconds']:.1f}" for row in rows)],
        ["simulated", *(lasting(row["simulated_hours"]) for row in rows)],
    ]


def difference_columns(comparison: dict) -> list[Column]:
    """Every pair's difference in the primary metric, with its verdict."""
    lines = [("difference", "95% interval", "verdict")]
    for name, other, found in pairs(comparison["rows"], comparison["primary"]):
        lines.append((f"{name} - {other}", written(found, "+"), verdict(name, found)))
    return [list(column) for column in zip(*lines, strict=True)]


def named_columns(head: str, rows: Mapping[str, dict]) -> list[Column]:
    """Of rows by name: {"Aspen": {"test_patients": 3}} has the column `test patients`."""
    keys = next(iter(rows.values()), {})
    cells = [[metric_words(key), *(str(row[key]) for row in rows.values())] for key in keys]
    return [[head, *rows], *cells]


def costs(totals: dict) -> str:
    """`4.0 MB up, 4.3 MB down, 8.9 seconds (simulated federation: 1.5 h)`."""
    up, down, hours = (totals[key] for key in ("bytes_up", "bytes_down", "simulated_hours"))
    sent = f"{sized(up)} up, {sized(down)} down, {totals['seconds']:.1f} seconds"
    return f"{sent} (simulated federation: {lasting(hours)})"


def repeats(comparison: dict) -> str:
    """`one run each`, or `means of 3 runs each`."""
    many = comparison["repeats"]
    return "one run each" if many == 1 else f"means of {many} runs each"


def _whole(metrics: Iterable[str]) -> list[str]:
    """All metrics; of those with more than four parts, regions or findings, only the whole ones."""
    names = list(metrics)
    whole = [name for name in names if "_" not in name]
    return whole if whole and len(names) - len(whole) > 4 else names


def _metric_columns(rows: list[dict], metrics: list[str]) -> list[Column]:
    return [[metric_words(name), *(written(row.get(name)) for row in rows)] for name in metrics]
