"""Runs on images with labels: the network, the thresholds, what is refused, what is predicted."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from data_prep.store import write
from fedmini import predict
from fedmini.models import resnet18
from tests.cli.conftest import SIZELESS, Run
from tests.data.factory import labels_dataset

LABELS = f"{SIZELESS} --rounds 2 --width 2"
SPLIT = [0, 0, 1, 2] * 15
TASKS = ("multilabel", "binary", "multiclass")


@pytest.fixture
def prepared(tmp_path):
    """Prepared files with labels, by task."""

    def made(task):
        path = tmp_path / f"{task}.h5"
        write(path, labels_dataset(task=task, patients=60, split=SPLIT, size=16))
        return path

    return made


@pytest.fixture
def trained(command, prepared):
    """A finished run on labels of a task."""

    def run(task, options="", out="run"):
        done = command(f"{LABELS} {options}", "--data", prepared(task), "--out", out)
        assert (done.status, done.err) == (0, ""), done.err
        return Run(Path(out).absolute())

    return run


@pytest.mark.parametrize("task", TASKS)
def test_the_file_decides_on_network_and_metrics(trained, task):
    run = trained(task)
    config, summary = run.json("config.json"), run.summary
    assert config["model"] == "resnet18" and config["stem"] == "small" and config["depth"] is None
    assert config["batch_size"] == 16 and config["augment"] == "mirror" and config["task"] == task
    assert summary["primary"] == "auc" and 0 <= summary["test"]["auc"]["value"] <= 1
    assert {"ap", "sensitivity", "specificity", "accuracy", "f1", "ece"} < summary["test"].keys()
    assert all("auc" in line for line in run.lines)


def test_decisions_of_the_test_are_made_at_thresholds_of_the_validation(trained, prepared):
    run = trained("multilabel")
    (cuts, *others) = run.summary["thresholds"].values()
    assert list(cuts) == ["class-0", "class-1", "class-2"] and all(cuts == each for each in others)
    kept = torch.load(run.path / "model.pt")["thresholds"].values()
    assert all(each == list(cuts.values()) for each in kept)
    with np.load(run.path / "evaluation-test.npz") as kept:
        probability, _, decision = np.moveaxis(kept["evidence"], 2, 0)
    np.testing.assert_array_equal(decision, probability >= np.array(list(cuts.values())))


def test_a_finding_of_too_few_patients_is_named_and_not_in_the_mean(command, tmp_path):
    dataset = labels_dataset(patients=60, split=SPLIT, size=16)
    dataset.targets[dataset.split == 2, 1] = 0
    write(tmp_path / "rare.h5", dataset)
    done = command(f"{LABELS} --out run", "--data", tmp_path / "rare.h5")
    assert "Not in the means, with too few test patients: class-1" in done.out
    summary = Run(tmp_path / "cwd" / "run").summary
    assert "class-1" in summary["left_out"] and summary["test"]["auc_class-1"]["value"] is None


@pytest.mark.parametrize("task", TASKS)
def test_a_run_predicts_what_it_measured(trained, prepared, capsys, task):
    run = trained(task)
    assert predict.main([str(run.path), "--data", str(prepared(task)), "--figure", "none"]) == 0
    assert f"{run.summary['test']['auc']['value']:.3f}" in capsys.readouterr().out
    with h5py.File(run.path / "prediction-test.h5") as file:
        said, order = file["probabilities"][:], np.argsort(file["index"][:])
        assert file["decisions"].dtype == np.uint8 and len(file.attrs["findings"]) == said.shape[1]
    with np.load(run.path / "evaluation-test.npz") as kept:
        expected = kept["evidence"][..., 0]
    np.testing.assert_allclose(np.sort(said[order], 0), np.sort(expected, 0), atol=1e-5)


def test_a_comparison_of_labels(command, prepared):
    done = command(f"{LABELS} --algo fedavg,local --out two", "--data", prepared("multilabel"))
    assert done.status == 0 and "Paired differences in AUC" in done.out


def test_weights_of_a_file_begin_the_run_and_are_said(command, prepared, tmp_path):
    weights = resnet18(3, 1000, norm="batch", width=2, stem="small").state_dict()
    torch.save({name: torch.full_like(each, 0.01) for name, each in weights.items()}, "w.pth")
    options = f"{LABELS} --norm batch --batch-norm average --pretrained w.pth --lr 1e-30 --out run"
    loud = options.replace("--quiet", "")
    done = command(loud, "--data", prepared("multilabel"))
    assert done.status == 0, done.err
    assert "summed over 3 channels" in done.out and "left at its first values" in done.out
    run = Run(tmp_path / "cwd" / "run")
    state = torch.load(run.path / "model.pt")["state_dict"]
    assert torch.allclose(state["conv1.weight"], torch.tensor(0.03))
    assert any("summed over 3 channels" in each for each in run.summary["pretrained"])


REFUSED = {
    "--depth 3": "--depth is not read by --model resnet18",
    "--model unet --depth 1": "--model unet: answers (3, 16, 16) to an image",
    "--pretrained missing.pth": "missing.pth cannot be read",
    "--stem tiny": "--stem tiny: choose from large, small",
    "--norm none": "--norm none",
    "--norm batch": "--batch-norm average or local",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_does_not_fit_labels_is_refused(refused, prepared, options):
    line = refused(f"{LABELS} {options} --out never", "--data", prepared("multilabel"))
    assert REFUSED[options] in line


def test_a_resnet_is_refused_for_masks(refused, data):
    line = refused(f"{LABELS} --model resnet18 --out never", "--data", data)
    assert "--model resnet18: answers (3,) to an image" in line
