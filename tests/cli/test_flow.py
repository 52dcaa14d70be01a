"""What a run leaves behind, and what a comparison holds still."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import TINY, Run

FILES = {
    "config.json",
    "metrics.jsonl",
    "checkpoint.pt",
    "model.pt",
    "summary.json",
    "report.html",
    "evaluation-test.npz",
}
PNG = b"\x89PNG\r\n\x1a\n"
LEFT = ("fedprox", "local", "centralized", "fedprox --secagg")
MEASURED = {
    "clipped",
    "round",
    "cohort",
    "dropped",
    "failures",
    "train_loss",
    "aborted",
    "dice",
    "bytes_up",
    "bytes_down",
    "simulated_hours",
    "seconds",
    "epsilon",
}


def names(path) -> set[str]:
    return {each.name for each in path.iterdir()}


def test_the_folder_of_a_run(play, figures):
    run = play("")
    assert names(run.path) == FILES | {"figures"}
    assert names(run.path / "figures") == {
        f"{name}.png" for name in ("learning_curves", "hospitals", "partition", "predictions")
    }
    for picture in (run.path / "figures").iterdir():
        assert picture.read_bytes().startswith(PNG)


def test_without_images_no_patient_is_drawn_or_shown(play, command, figures):
    path = play("--no-images").path
    assert names(path / "figures") == {"learning_curves.png", "hospitals.png", "partition.png"}
    page = (path / "report.html").read_text()
    assert page.count("<img") == 3 and "--no-images true" in page
    assert json.loads((path / "config.json").read_text())["no_images"] is True


def test_images_can_be_left_out_later(play, command, figures):
    path = play("").path
    assert (path / "report.html").read_text().count("<img") == 4
    (path / "report.html").unlink()
    assert command("--quiet --resume run").status == 0
    assert (path / "report.html").read_text().count("<img") == 4
    assert command("--quiet --resume run --no-images").status == 0
    assert (path / "report.html").read_text().count("<img") == 3
    assert "predictions.png" not in names(path / "figures")
    assert command("--quiet --resume run --rounds 4").status == 0
    assert "predictions.png" not in names(path / "figures")


def test_every_round_has_a_line(play):
    lines = play("").lines
    assert [line["round"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert line.keys() == MEASURED | {"dice_tumour-1", "dice_tumour-2"}
        assert line["cohort"] == ["site-A", "site-B", "site-C"]
        assert line["dropped"] == [] and line["failures"] == {} and not line["aborted"]
        assert line["bytes_up"] > 0 and line["bytes_down"] > 0 and line["seconds"] > 0
        assert line["epsilon"] is None and 0 <= line["dice"] <= 1 and line["train_loss"] > 0


def test_the_summary_says_what_was_measured(play):
    run = play("--rounds 2")
    summary = run.summary
    assert summary["dataset"] == "factory" and summary["synthetic"] is True
    assert summary["algorithm"] == "fedprox" and summary["round"] == 2
    assert summary["hospitals"].keys() == {"site-A", "site-B", "site-C"}
    assert sum(each["patients"] for each in summary["hospitals"].values()) == 3
    scores = {name: each["dice"]["value"] for name, each in summary["hospitals"].items()}
    assert scores[summary["worst"]] == min(scores.values())
    for metric in ("dice", "dice_tumour-1", "dice_tumour-2"):
        found = summary["test"][metric]
        assert found["low"] <= found["value"] <= found["high"]
    totals = summary["totals"]
    assert totals["rounds"] == 2 and totals["dropped"] == totals["aborted"] == 0
    for name in ("bytes_up", "bytes_down"):
        assert totals[name] == sum(line[name] for line in run.lines)
    assert summary["versions"].keys() == {"fedmini", "python", "torch", "numpy"}


def test_the_checkpoint_is_the_model(play):
    run = play("")
    weights = run.checkpoint["model"]
    assert weights.dtype == torch.float32 and weights.dim() == 1
    digest = hashlib.sha256(weights.numpy().astype("<f4").tobytes()).hexdigest()
    assert run.summary["weights_sha256"] == digest
    state = torch.load(run.path / "model.pt", weights_only=True)["state_dict"]
    assert torch.equal(torch.cat([each.reshape(-1) for each in state.values()]), weights)


def test_the_config_holds_every_option_and_the_data(play, data, command):
    run = play("--mu 0.5 --lr 0.01")
    config = run.json("config.json")
    assert config["settings"] == {"mu": 0.5} and config["lr"] == 0.01 and config["rounds"] == 3
    assert config["partition"] == "site" and config["clients"] == 3 and config["device"] == "cpu"
    assert config["data_sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
    printed = json.loads(command(f"{TINY} --mu 0.5 --lr 0.01 --print-config").out)
    added = {"fedmini", "torch", "task", "data_sha256", "plugins_sha256"}
    assert printed.keys() == config.keys() - added
    assert printed["clients"] is None and printed["settings"] == {"mu": 0.5}


def test_what_is_printed(command, data):
    quiet = command(f"{TINY} --rounds 1 --out quiet", "--data", data)
    loud = command(TINY.replace("--quiet", "--rounds 1 --out loud"), "--data", data)
    first, second, *result = loud.out.splitlines()
    assert first.startswith("SYNTHETIC DATA")
    assert "30 images of 16x16 at 3 hospitals (site)" in second
    assert quiet.out.splitlines()[:-1] == [
        re.sub(r"[\d.]+ seconds", time, line)
        for line in result[:-1]
        for time in re.findall(r"[\d.]+ seconds", quiet.out)
    ]
    assert "(SYNTHETIC DATA), fedprox after round 1" in quiet.out and "(worst)" in quiet.out
    assert quiet.out.endswith("figures, metrics and the model: quiet\n") and quiet.err == ""


def test_the_folder_has_a_name_where_none_is_given(command, data):
    done = command(f"{TINY} --rounds 1 --algo fedavg", "--data", data)
    path = re.search(r"model: (.*)\n", done.out)[1]
    assert re.fullmatch(r"runs/brats-fedavg-\d{8}-\d{6}", path)
    assert Run(Path(path)).summary["round"] == 1


def test_equal_commands_give_equal_runs(play):
    first, again = play("--dropout 0.3", "first"), play("--dropout 0.3", "again")
    assert first.timeless() == again.timeless()
    assert play("--seed 1", "other").timeless() != first.timeless()


def test_lost_and_slow_hospitals_are_recorded(play):
    run = play("--rounds 6 --dropout 0.5 --stragglers 0.3 --straggler-policy drop --algo fedavg")
    dropped = [line["dropped"] for line in run.lines]
    assert any(dropped) and not all(dropped)
    assert run.summary["totals"]["dropped"] == sum(map(len, dropped))


def test_members_say_who_holds_what_and_who_was_missing(play):
    run = play("--rounds 5 --dropout 0.5 --algo fedavg")
    for name, each in run.summary["members"].items():
        assert each["asked"] == 5
        assert each["missing"] == sum(name in line["dropped"] for line in run.lines)
        assert each["training_images"] == 2 * each["training_patients"]
    kinds = ("training_patients", "validation_patients", "test_patients")
    held = [each[kind] for each in run.summary["members"].values() for kind in kinds]
    assert sum(held) == 15


@pytest.mark.parametrize(
    ("algo", "leaves"), [*zip(LEFT, ("updates", "nothing", "images", "sums"), strict=True)]
)
def test_what_left_a_hospital(play, algo, leaves):
    assert play(f"--algo {algo}").summary["exchange"] == leaves


def test_too_few_survivors_abort_the_round(play):
    run = play("--rounds 4 --dropout 0.5 --min-survivors 3")
    for line in run.lines:
        assert line["aborted"] == (len(line["dropped"]) > 0)
    assert run.summary["totals"]["aborted"] == sum(line["aborted"] for line in run.lines) > 0


@pytest.mark.parametrize("options", ["--algo local --dropout 0.5", "--algo centralized", ""])
def test_how_often_is_measured_and_kept_changes_nothing(play, options):
    often, seldom = (
        play(f"{options} --rounds 5 --eval-every {n} --checkpoint-every {n}", f"every-{n}")
        for n in (1, 3)
    )
    assert [line["round"] for line in seldom.lines if "dice" in line] == [3, 5]
    assert seldom.summary["weights_sha256"] == often.summary["weights_sha256"]
    assert seldom.checkpoint["round"] == 5


def test_best_val_tests_the_best_round(play):
    options = "--rounds 6 --lr 0.05 --algo fedavg"
    best = play(f"{options} --select best-val", "best")
    scores = [line["dice"] for line in best.lines]
    chosen = 1 + int(np.argmax(scores))
    assert best.summary["round"] == chosen
    straight = play(f"{options} --rounds {chosen}", "straight")
    assert best.summary["weights_sha256"] == straight.summary["weights_sha256"]
    assert best.summary["test"] == straight.summary["test"]


@pytest.mark.parametrize("option", ["--norm batch --batch-norm local", "--algo local"])
def test_models_that_hospitals_keep(play, option):
    model = torch.load(play(option).path / "model.pt", weights_only=True)
    assert model["hospitals"].keys() == {"site-A", "site-B", "site-C"}
    first, second = (list(model["hospitals"][f"site-{name}"].values()) for name in "AB")
    assert any(not torch.equal(*pair) for pair in zip(first, second))


def test_a_diverged_run_names_the_cause(command, data):
    done = command(f"{TINY} --rounds 30 --optimizer sgd --lr 1e12 --out run", "--data", data)
    assert done.status == 1 and done.err.count("\n") == 1
    assert re.search(r"round \d+: .*diverged; try a lower --lr", done.err), done.err
    assert not Path("run/summary.json").exists()


def test_a_diverged_run_keeps_its_last_checkpoint(command, data):
    Path("my.py").write_text(
        "from fedmini.algorithms.fedavg import FedAvg\n"
        "class Explodes(FedAvg):\n"
        "    def server_step(self, server, total):\n"
        "        server.model += total.mean * (float('inf') if server.round == 3 else 1)\n"
    )
    done = command(f"{TINY} --rounds 5 --algo my.py:Explodes --out run", "--data", data)
    assert done.status == 1 and done.err.count("\n") == 1
    assert "round 3: the model is no longer finite" in done.err
    assert Run(Path("run")).checkpoint["round"] == len(Run(Path("run")).lines) == 2


def test_images_in_the_file_give_the_same_bits_as_images_in_memory(play):
    memory, file = play("--in-memory yes", "memory"), play("--in-memory no", "file")
    assert memory.summary["weights_sha256"] == file.summary["weights_sha256"]
    assert memory.summary["test"] == file.summary["test"]


def test_a_scanner_needs_the_images_in_memory(refused, data):
    line = refused(f"{TINY} --in-memory no --scanner-shift 1 --out never", "--data", data)
    assert "--scanner-shift" in line and "--in-memory yes" in line
