"""report.html: what a run or a comparison found, as one page without script or outside resource.

The words stand in `templates/`, the numbers in the files of the run folder; nothing else is needed,
so that the page of a finished run can be made again at any time. A template may name every option
(config.json), everything found (summary.json, comparison.json) and what is computed here.
"""

from pathlib import Path
from urllib.parse import quote

from fedmini.command import command
from fedmini.errors import UserError
from fedmini.files import write_bytes
from fedmini.report import columns, rounds
from fedmini.folder import RunFolder
from fedmini.report.markup import Html, each, fill, image, table, text
from fedmini.report.words import metric_words, written

FIGURES = ("predictions", "hospitals", "learning_curves", "partition", "comparison")
PATIENTS = "predictions"  # the figure that shows them


def write_page(path: str | Path, no_images: bool = False) -> Path:
    """Write report.html into the folder of a finished run or comparison; returns its path.

    With `no_images`, here or in config.json, nothing that shows a patient enters it. Raises
    UserError where the folder holds no finished run, RunFailed where the disk refuses.
    """
    folder = RunFolder.open(path)
    config, page = folder.config(), folder.path / "report.html"
    pictures = {file.stem: file.read_bytes() for file in (folder.path / "figures").glob("*.png")}
    if no_images or config["no_images"]:
        pictures.pop(PATIENTS, None)
    if comparison := folder.comparison():
        content = comparison_page(config, comparison, pictures)
    elif summary := folder.summary():
        content = run_page(config, summary, folder.records(), pictures)
    else:
        raise UserError(f"{path} holds no finished run: go on with it by --resume {path}")
    write_bytes(page, content.encode())
    return page


def run_page(config: dict, summary: dict, records: list[dict], pictures: dict[str, bytes]) -> Html:
    """The page of one run: config.json, summary.json, the lines of metrics.jsonl, PNGs by name."""
    metric, worst = summary["primary"], summary["worst"]
    hospitals = columns.hospital_columns(summary)
    found = summary | summary["totals"] | rounds.count(records) | {
        "title": f"{summary['algorithm']} on {summary['dataset']}",
        "until": config["deadline"] or "none is set",
        "patients": hospitals[1][1],
        "score": written(summary["test"][metric]),
        "worst": worst or "none could be measured",
        "worst_score": written(summary["hospitals"].get(worst, {}).get(metric)),
        "costs": columns.costs(summary["totals"]),
        "cases": fill(f"cases-{metric}.html"),
        "pretrained": "; ".join(summary["pretrained"]),
        **_findings(summary, pictures),
        "hospital_table": table("Test patients of every hospital", hospitals),
        "member_table": table("Patients", columns.named_columns("hospital", summary["members"])),
        "round_table": table("Rounds", columns.named_columns("round", rounds.round_rows(records))),
        "seen": fill(f"seen-{summary['exchange']}.html"),
    }  # fmt: skip
    return _page("run.html", config, found, pictures)


def _findings(summary: dict, pictures: dict[str, bytes]) -> dict[str, Html]:
    """The section on single findings and the link to it; empty where there are none."""
    parts = columns.part_columns(summary)
    if not parts[0][1:]:
        return {"findings": Html(), "findings_link": Html()}
    figure = image(pictures.get("findings"), summary["figures"].get("findings", ""))
    words = {"findings_figure": figure, "left_out": columns.left_out(summary)}
    section = fill("findings.html", part_table=table("Findings", parts), **words)
    return {"findings": section, "findings_link": Html('<a href="#findings">Findings</a>')}


def comparison_page(config: dict, comparison: dict, pictures: dict[str, bytes]) -> Html:
    """The page of a comparison, from its config.json, its comparison.json and PNGs by name."""
    runs, rows = comparison["runs"], comparison["rows"]
    links = [f'<a href="{text(quote(name))}/report.html">{text(name)}</a>' for name in runs]
    found = comparison | {
        "title": f"{', '.join(row['algorithm'] for row in rows)} on {comparison['dataset']}",
        "repeats": columns.repeats(comparison),
        "difference_table": table("Paired differences", columns.difference_columns(comparison)),
        "metric_table": table("All metrics", columns.algorithm_columns(rows)),
        "run_table": table("Runs", [
            ["run", *map(Html, links)],
            ["all patients", *(written(run["score"]) for run in runs.values())],
            ["lowest hospital", *(run["worst"] or "-" for run in runs.values())],
        ]),
    }  # fmt: skip
    return _page("comparison.html", config, found, pictures)


def _page(template: str, config: dict, found: dict, pictures: dict[str, bytes]) -> Html:
    """Fill what both pages have: the stamp, the figures, the command, the origin of the data."""
    stamp = "patients" if PATIENTS in pictures else "no-images"
    content = config | found | {
        "stamp": fill(f"stamp-{'synthetic' if found['synthetic'] else stamp}.html"),
        "metric": metric_words(found["primary"]),
        "about": fill(f"about-{found['primary']}.html"),
        "command": each("span", command(config)),
        "data": config["data_sha256"] or "made by the program",
        "versions": ", ".join(f"{name} {number}" for name, number in found["versions"].items()),
        "option_table": table("All options", [["option", *config], ["value", *config.values()]]),
        **{f"{n}_figure": image(pictures.get(n), found["figures"].get(n, n)) for n in FIGURES},
    }  # fmt: skip
    return fill("page.html", title=found["title"], content=fill(template, **content))
