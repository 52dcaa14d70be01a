"""Numbers in words: metrics, sizes, and intervals with what they allow to be said.

An interval is a plain dict {"value", "low", "high"}, as it stands in summary.json: "low" and "high"
are None, NaN or missing where there is no interval; "value" is None or NaN where the metric is
undefined, as an AUC without a positive patient is.
"""

import math

METRICS = {
    "dice": "Dice", "auc": "AUC", "ap": "Average precision",
    "sensitivity": "Sensitivity", "specificity": "Specificity",
    "accuracy": "Accuracy", "f1": "F1", "ece": "Calibration error",
}  # fmt: skip


def metric_words(metric: str) -> str:
    """`dice_whole tumour` is `Dice, whole tumour`; a key that is no metric keeps its own words."""
    kind, _, part = metric.partition("_")
    part = part.replace("_", " ")
    if kind not in METRICS:
        return metric.replace("_", " ")
    return f"{METRICS[kind]}, {part}" if part else METRICS[kind]


def byte_unit(largest: float) -> tuple[float, str]:
    """The decimal unit for sizes up to `largest` bytes: its size in bytes and its name."""
    for size, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if largest >= size:
            return size, name
    return 1.0, "bytes"


def sized(count: float) -> str:
    """`1.8 kB`: a number of bytes."""
    size, unit = byte_unit(count)
    return f"{count / size:.{0 if size == 1 else 1}f} {unit}"


def lasting(hours: float | None) -> str:
    """`2.3 h`, `1.5 min`, `0.016 s`: simulated time; `-` where no clock ran."""
    if hours is None:
        return "-"
    for size, unit in ((1, "h"), (60, "min")):
        if hours * size >= 1:
            return f"{hours * size:,.1f} {unit}"
    return f"{hours * 3600:.2g} s"


def defined(interval: dict | None) -> bool:
    """Whether there is a value to show."""
    return interval is not None and _finite(interval["value"])


def spread(interval: dict) -> tuple[float, float]:
    """The ends of the interval; the value twice where there is none."""
    if _has_ends(interval):
        return interval["low"], interval["high"]
    return interval["value"], interval["value"]


def unresolved(difference: dict) -> bool:
    """Whether a difference may as well be none: its interval holds 0, or it has no interval."""
    low, high = spread(difference)
    return not _has_ends(difference) or low <= 0 <= high


def written(interval: dict | None, sign: str = "") -> str:
    """`0.812 [0.771, 0.843]`; with sign "+", `+0.012 [-0.003, +0.027]`; `-` where undefined."""
    if not defined(interval):
        return "-"
    form = f"{{:{sign}.3f}}"
    text = form.format(interval["value"])
    if _has_ends(interval):
        text += f" [{form.format(interval['low'])}, {form.format(interval['high'])}]"
    return text


def verdict(first: str, difference: dict) -> str:
    """What `first` minus another says: `not resolved`, `fedprox is higher`, `fedprox is lower`."""
    if not defined(difference) or unresolved(difference):
        return "not resolved"
    return f"{first} is {'higher' if difference['value'] > 0 else 'lower'}"


def pairs(rows: list[dict], metric: str) -> list[tuple[str, str, dict | None]]:
    """Of the rows of a comparison: an algorithm, an earlier one, their difference in a metric."""
    return [
        (row["algorithm"], other, metrics.get(metric))
        for row in rows
        for other, metrics in row["differences"].items()
    ]


def _has_ends(interval: dict) -> bool:
    return _finite(interval.get("low")) and _finite(interval.get("high"))


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
