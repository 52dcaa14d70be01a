"""A private run as its user sees it: what is printed, what is kept, and when it stops."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fedmini.privacy.accountant import epsilon
from tests.cli.conftest import TINY, Run
from tests.cli.test_flow import FILES, names

UNITS = {"client": "hospital", "record": "image", "patient": "patient"}
AGAINST = {
    "client": "but not against the server",
    "record": "and against the server",
    "patient": "and against the server",
}
POISSON = "--dp-unit client --cohort 1 --sampling poisson --dp-epsilon 6"
KEPT = FILES | {"privacy.jsonl", "run.key"}


def ledger(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / "privacy.jsonl").open()]


def flowing(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def loud(command, data):
    """A private run in the folder "run" that must succeed; returns what it printed."""

    def run(options: str) -> str:
        tiny = f"{TINY} --rounds 3 --batch-size 2 --out run"
        done = command(tiny, "--data", data, *options.split())
        assert done.status == 0, done.err
        return flowing(done.out)

    return run


@pytest.mark.parametrize("unit", UNITS)
def test_a_run_says_what_it_spent_and_whom_that_protects(loud, unit):
    printed = loud(f"--dp-unit {unit} --dp-epsilon 6")
    run = Run(Path("run"))
    summary, page = run.summary, flowing((run.path / "report.html").read_text())
    assert names(run.path) == KEPT
    spent = [line["epsilon"] for line in run.lines]
    assert spent == sorted(set(spent)) and 6 * 0.999 <= spent[-1] <= 6
    assert spent == [line["epsilon"] for line in ledger(run.path)]
    assert summary["epsilon"] == spent[-1] == max(summary["spent"].values())
    assert (summary["delta"], summary["unit"]) == (1e-5, unit)
    assert summary["noise"].keys() == summary["spent"].keys()
    for words in (f"Differential privacy of each {UNITS[unit]}", f"{spent[-1]:.4g}", AGAINST[unit]):
        assert words in summary["privacy"]
    assert summary["privacy"] in printed and summary["privacy"] in page


@pytest.mark.parametrize("unit", UNITS)
def test_key_and_noise_stay_secret(loud, unit):
    loud(f"--dp-unit {unit} --dp-epsilon 6")
    path = Path("run")
    key = (path / "run.key").read_bytes()
    assert len(key) == 32 and (path / "run.key").stat().st_mode & 0o777 == 0o600
    for file in (each for each in path.rglob("*") if each.is_file() and each.name != "run.key"):
        content = file.read_bytes()
        assert key not in content and key.hex().encode() not in content, file
    first = Run(path).summary["weights_sha256"]
    path.rename("first")
    loud(f"--dp-unit {unit} --dp-epsilon 6")
    assert (path / "run.key").read_bytes() != key
    assert Run(path).summary["weights_sha256"] != first  # of equal options, --seed among them


def test_a_secret_cohort_leaves_no_trace(loud):
    """Two runs that ask other hospitals log the same names and counts."""
    logs = []
    for turn in range(2):
        loud(f"{POISSON} --dropout 0.4 --rounds 8")
        Path("run").rename(f"{turn}")
        run = Run(Path(f"{turn}"))
        counts = ("cohort", "dropped", "failures", "seconds", "bytes_up", "bytes_down", "aborted")
        lines = [{name: line[name] for name in counts} for line in run.lines]
        assert all(line["cohort"] == line["dropped"] == [] for line in lines)
        totals = {name: n for name, n in run.summary["totals"].items() if name != "seconds"}
        page = (run.path / "report.html").read_text()
        answers = re.search('<section id="answers".*?</section>', page, re.DOTALL)[0]
        logs.append((lines, run.summary["members"], totals, answers))
        assert "site-" not in str(lines) and "site-" not in logs[-1][3]
    assert logs[0] == logs[1]


def test_noise_may_be_given_instead_of_a_budget(loud):
    printed = loud("--dp-noise-multiplier 2 --dp-unit client")
    expected = epsilon(sample_rate=1.0, noise_multiplier=2.0, steps=3, delta=1e-5)
    assert Run(Path("run")).summary["epsilon"] == pytest.approx(expected)
    assert f"epsilon {expected:.4g}" in printed and "Training stopped" not in printed


@pytest.mark.parametrize("often", [1, 2])
def test_training_stops_before_the_round_that_would_pass_the_budget(loud, command, often):
    after = [
        epsilon(sample_rate=1.0, noise_multiplier=2.0, steps=steps, delta=1e-5) for steps in (3, 4)
    ]
    budget = sum(after) / 2
    options = f"--dp-unit client --dp-noise-multiplier 2 --dp-epsilon {budget} --rounds 9"
    printed = loud(f"{options} --checkpoint-every {often}")
    run = Run(Path("run"))
    assert len(run.lines) == len(ledger(run.path)) == run.summary["totals"]["rounds"] == 3
    assert run.summary["epsilon"] == pytest.approx(after[0]) and after[0] <= budget < after[1]
    for text in (printed, run.summary["privacy"], (run.path / "report.html").read_text()):
        assert "Training stopped after round 3 of 9" in flowing(text)
    assert run.checkpoint["round"] == 3
    before = run.timeless(), (run.path / "privacy.jsonl").read_bytes()
    assert command("--quiet --resume run").status == 0
    assert (run.timeless(), (run.path / "privacy.jsonl").read_bytes()) == before


def test_a_budget_too_small_for_one_round(command, data):
    options = "--dp-unit client --dp-noise-multiplier 2 --dp-epsilon 1 --out run"
    done = command(f"{TINY} {options}", "--data", data)
    assert done.status == 1 and done.err.count("\n") == 1
    assert "the first round alone would spend epsilon" in done.err and "of 1:" in done.err
    assert not (Path("run") / "privacy.jsonl").exists() and not (Path("run") / "model.pt").exists()


def test_a_comparison_adds_its_accounts_up(loud):
    printed = loud("--algo fedavg,local --dp-unit patient --dp-epsilon 6")
    path = Path("run")
    found = [Run(path / name).summary["epsilon"] for name in ("fedavg", "local")]
    first, second = (ledger(path / name) for name in ("fedavg", "local"))
    assert [line.pop("key") for line in first] != [line.pop("key") for line in second]
    assert first == second
    keys = {(path / name / "run.key").read_bytes() for name in ("fedavg", "local")}
    content = Run(path).json("comparison.json")
    assert len(keys) == 2 and content["epsilon"] == pytest.approx(sum(found))
    assert f"epsilon {sum(found):.4g} at delta 2e-05" in content["privacy"]
    assert content["privacy"] in printed
    assert content["privacy"] in flowing((path / "report.html").read_text())


@pytest.mark.parametrize("algo", ["centralized", "local"])
def test_where_no_update_is_sent_no_client_is_protected(command, data, algo):
    options = f"--rounds 2 --out run --algo {algo} --dp-unit client --dp-epsilon 6"
    done = command(f"{TINY} {options}", "--data", data)
    run = Run(Path("run"))
    assert done.status == 0 and run.summary["epsilon"] is None
    assert re.search(f"{algo} .*--dp-unit client", done.err)
    assert [line["epsilon"] for line in run.lines] == [None, None]
    assert "No differential privacy" in run.summary["privacy"]
    assert not (run.path / "privacy.jsonl").exists()
