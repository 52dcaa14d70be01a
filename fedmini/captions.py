"""What is to be seen in a figure, in words with numbers, for whoever cannot see it.

The page takes them as the alternative texts of its images. Arguments are those of the figures in
`fedmini.report`, or stand in summary.json and comparison.json.
"""

from collections.abc import Mapping
from statistics import fmean

from fedmini.report.words import sized, defined, metric_words, pairs, verdict, written


def learning_curves(curves: Mapping[str, list[list[dict]]], metric: str) -> str:
    """Where the curve of each algorithm begins and ends, as means over its repeats."""
    courses = []
    for label, repeats in curves.items():
        measured = [[line for line in lines if line.get(metric) is not None] for lines in repeats]
        if all(measured):
            first, last = (fmean(lines[place][metric] for lines in measured) for place in (0, -1))
            start, end = (measured[0][place]["round"] for place in (0, -1))
            sent = sized(fmean(sum(line["bytes_up"] for line in lines) for lines in repeats))
            way = f"from {first:.3f} after round {start} to {last:.3f} after round {end}"
            courses.append(f"{label} {way}, with {sent} sent up")
    return f"{metric_words(metric)} of validation patients: {'; '.join(courses)}."


def intervals(kind: str, rows: Mapping[str, dict], pooled: dict, metric: str) -> str:
    """The lowest and the highest of some hospitals, or findings, beside all together."""
    measured = [name for name in rows if defined(rows[name])]
    ranked = sorted(measured, key=lambda name: rows[name]["value"])
    parts = [f"all together {written(pooled)}"]
    for word, name in zip(("lowest", "highest"), (*ranked[:1], *ranked[1:][-1:]), strict=False):
        parts.append(f"{word} {name}, {written(rows[name])}")
    return f"{metric_words(metric)} of {len(measured)} {kind}: {'; '.join(parts)}."


def partition(members: Mapping[str, dict]) -> str:
    """The hospitals with the fewest and the most training patients and images."""
    ranges = []
    for key in ("training_patients", "training_images"):
        low, high = (end(members, key=lambda name: members[name][key]) for end in (min, max))
        words = f"from {members[low][key]} at {low} to {members[high][key]} at {high}"
        ranges.append(f"{metric_words(key)} {words}")
    return f"A row for each of {len(members)} hospitals: {'; '.join(ranges)}."


def predictions(labels: list[str]) -> str:
    """The patients of each row."""
    rows = "; ".join(label.replace("\n", ", ") for label in labels)
    what = "Images, the truth and what the model says, a row each"
    return f"{what}, from the worst patient to the best: {rows}."


def comparison(content: dict) -> str:
    """The level of every algorithm, and every difference with its verdict."""
    metric, rows = content["primary"], content["rows"]
    parts = [f"{row['algorithm']} {written(row['metrics'].get(metric))}" for row in rows]
    for name, other, found in pairs(rows, metric):
        parts.append(f"{name} minus {other} {written(found, '+')}: {verdict(name, found)}")
    return f"{metric_words(metric)}: {'; '.join(parts)}."
