"""One run in several variants, compared patient by patient: `python -m tests.benchmarks.variants`.

    python -m tests.benchmarks.variants --out runs/sparse --options "--preset tiny --seed 0,1,2" \\
        dense= "top 1%=--compress topk:0.01" "no memory=--compress topk:0.01 --error-feedback false"

Every variant is a run, or one for each seed, with the same hospitals and patients; what is finished
already is not run again. Printed are the primary test metric with its interval, the paired
difference from the first variant with its verdict, uplink bytes and simulated hours; with --target
also the rounds, bytes and hours after which the validation metric first reached it.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import fmean

from fedmini.comparison import compare
from fedmini.folder import RunFolder
from fedmini.registry import resolve
from fedmini.report.words import verdict, written
from fedmini.tasks import Task

ROOT = Path(__file__).parents[2]
LINE = "{:24} {:>22} {:>24} {:13} {:>12} {:>8} {:>10}"


def run(out: Path, options: list[str]) -> list[RunFolder]:
    """The finished runs of a variant, one a seed."""
    given = ["--resume", str(out)] if (out / "config.json").exists() else ["--out", str(out)]
    extra = [] if given[0] == "--resume" else options
    command = [sys.executable, str(ROOT / "run.py"), *given, *extra, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [RunFolder(path.parent) for path in sorted(out.rglob("summary.json"))]


def task_of(folder: RunFolder) -> Task:
    """The task of a run, as its model knows it."""
    model = folder.load_model()
    return resolve("task", model["task"])(tuple(model["classes"]), model["regions"])


def reached(folder: RunFolder, metric: str, target: float) -> tuple[int, float, float] | None:
    """Round, uplink megabytes and simulated hours when validation first reached the target."""
    lines = folder.records()
    for count, line in enumerate(lines, start=1):
        if line.get(metric, -1) >= target:
            sent, hours = (
                sum(each[key] for each in lines[:count]) for key in ("bytes_up", "simulated_hours")
            )
            return line["round"], sent / 1e6, hours
    return None


def main() -> None:
    """Run all variants, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--options", default="", help="of every variant")
    parser.add_argument("--target", type=float, help="validation metric to be reached")
    parser.add_argument("variants", nargs="+", metavar="NAME=OPTIONS")
    given = parser.parse_args()
    runs = {}
    for each in given.variants:
        name, _, own = each.partition("=")
        folder = given.out / name.replace(" ", "-").replace("%", "")
        runs[name] = run(folder, shlex.split(given.options) + shlex.split(own))
    found = compare(task_of(next(iter(runs.values()))[0]), runs)
    metric, first = found["primary"], next(iter(runs))
    dense = found["rows"][0]["bytes_up"]
    print(LINE.format("variant", metric, f"minus {first}", "", "MB up", "fewer", "hours"))
    for row in found["rows"]:
        name, gap = row["algorithm"], row["differences"].get(first, {}).get(metric)
        hours = fmean(sum(line["simulated_hours"] for line in each.records()) for each in runs[name])
        words = "" if gap is None else verdict("it", gap)
        print(LINE.format(
            name, written(row["metrics"][metric]), written(gap, "+"), words,
            f"{row['bytes_up'] / 1e6:.4f}", f"{dense / row['bytes_up']:.1f}x", f"{hours:.3g}",
        ))  # fmt: skip
    for name, folders in runs.items() if given.target is not None else ():
        words = [reached(each, metric, given.target) for each in folders]
        shown = [x and f"round {x[0]}, {x[1]:.3f} MB up, {x[2]:.3g} h" for x in words]
        print(f"{name}: {metric} {given.target} on validation after", "; ".join(map(str, shown)))


if __name__ == "__main__":
    main()
