"""Several algorithms, seeds or splits: run each in a folder of its own, then one table of all.

Every run of a comparison meets the identical hospitals for its seed and split, and what they are
compared by is paired: the same resampled patients for all (see `statistics`).
"""

import dataclasses
import sys
from pathlib import Path
from statistics import fmean

from fedmini.config import Config
from fedmini.data.dataset import Dataset
from fedmini.errors import RunFailed
from fedmini.files import disk_errors, write_json
from fedmini.outcome import NO_NOISE, plain
from fedmini.folder import RunFolder
from fedmini.report.page import PATIENTS, write_page
from fedmini.registry import resolve
from fedmini.rng import numpy_stream
from fedmini.simulation import build
from fedmini.statistics import Comparison, Evaluation, paired
from fedmini.tasks import Task
from fedmini.training import Training


def run_one(config: Config, dataset: Dataset, folder: RunFolder, quiet: bool) -> dict:
    """One run, from its checkpoint if there is one; of a finished run only the page is new."""
    if config.no_images:
        (folder.path / "figures" / f"{PATIENTS}.png").unlink(missing_ok=True)
    summary = folder.summary()
    if summary is None or summary["totals"]["rounds"] < config.rounds:
        federation = build(config, dataset, secret(config, folder))
        if federation.loaded and not quiet:
            print("\n".join(federation.loaded))
        for notice in federation.notices:
            print(f"fedmini: {notice}", file=sys.stderr)
        training = Training(federation, folder)
        training.resume()
        summary = training.run(quiet)
    write_page(folder.path)
    return summary


def secret(config: Config, folder: RunFolder) -> bytes | None:
    """The key of a private run, from its folder; None for any other run."""
    if config.unit is None:
        return None
    from fedmini.privacy.ledger import run_key  # no other run needs the privacy room

    return run_key(folder.path)


def compare_runs(config: Config, dataset: Dataset, folder: RunFolder, quiet: bool) -> dict:
    """All runs of a comparison; returns and writes comparison.json, and draws its figures."""
    runs: dict[str, list[RunFolder]] = {name: [] for name in config.algorithms}
    scores = {}
    for name, single in config.runs().items():
        own = RunFolder(folder.path / name)
        with disk_errors(own.path):
            own.path.mkdir(exist_ok=True)
        write_json(own.path / "config.json", folder.config() | dataclasses.asdict(single))
        try:
            summary = run_one(single, dataset, own, quiet)
        except RunFailed as error:
            raise RunFailed(f"{name}: {error}") from error
        runs[single.algo].append(own)
        scores[name] = {"score": summary["test"][summary["primary"]], "worst": summary["worst"]}
    task = resolve("task", dataset.task)(dataset.classes, dataset.regions)
    content = compare(task, runs) | {"runs": scores, "versions": summary["versions"]}
    from fedmini.drawing import draw_comparison  # matplotlib takes its time: not before now

    content["figures"] = draw_comparison(content, runs, folder.path / "figures")
    write_json(folder.path / "comparison.json", content)
    write_page(folder.path)
    return content


def compare(task: Task, runs: dict[str, list[RunFolder]]) -> dict:
    """Means over repeats with intervals, every pair's differences, totals: plain values."""
    evidence = {
        name: [Evaluation(**each.load_evaluation("test")) for each in repeats]
        for name, repeats in reversed(runs.items())  # a difference is later less earlier
    }
    found = paired(task.metrics, evidence, numpy_stream("comparison"))
    summaries = {name: [each.summary() for each in repeats] for name, repeats in runs.items()}
    names = list(runs)
    first = summaries[names[0]][0]
    return {
        "dataset": first["dataset"], "synthetic": first["synthetic"],
        "primary": task.primary, "repeats": len(runs[names[0]]),
        **sum_of_accounts([each for repeats in summaries.values() for each in repeats]),
        "rows": [row(n, names[:place], found, summaries[n]) for place, n in enumerate(names)],
    }  # fmt: skip


def sum_of_accounts(summaries: list[dict]) -> dict[str, object]:
    """What runs over the same data spend together: epsilon, None without noise, and words."""
    private = [each for each in summaries if each["epsilon"] is not None]
    if not private:
        return {"epsilon": None, "privacy": NO_NOISE}
    epsilon, delta = (sum(each[key] for each in private) for key in ("epsilon", "delta"))
    spent = f"they spend epsilon {epsilon:.4g} at delta {delta:.2g}"
    words = f"Private runs over the same data: {len(private)}. Published together {spent}."
    bare = ", ".join(sorted({each["algorithm"] for each in summaries if each["epsilon"] is None}))
    return {"epsilon": epsilon, "privacy": words + f" Without any noise: {bare}." * bool(bare)}


def row(name: str, earlier: list[str], found: Comparison, summaries: list[dict]) -> dict:
    """One algorithm: its metrics, its differences from every earlier one, its mean totals."""
    totals = ("bytes_up", "bytes_down", "seconds")
    hours = [each["totals"]["simulated_hours"] for each in summaries]
    return {
        "algorithm": name,
        "metrics": plain(found.algorithms[name]),
        "differences": {other: plain(found.differences[name, other]) for other in earlier},
        **{key: fmean(each["totals"][key] for each in summaries) for key in totals},
        "simulated_hours": None if None in hours else fmean(hours),
    }
