"""Several algorithms, seeds and splits: what is held still between them, and what is printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fedmini.comparison as comparison
from tests.cli.conftest import TINY, Run
from tests.cli.test_flow import FILES, names


def test_a_comparison_has_a_folder_for_each_run(play, command, figures, data):
    command(f"{TINY} --rounds 2 --out both --algo fedavg --seed 0,1", "--data", data)
    path = Path("both")
    runs = {"fedavg-seed0", "fedavg-seed1"}
    assert names(path) == runs | {"config.json", "comparison.json", "report.html", "figures"}
    assert names(path / "figures") == {"comparison.png", "learning_curves.png"}
    for name in runs:
        assert names(path / name) == FILES | {"figures"}


def test_a_comparison_is_paired_and_printed(command, data):
    options = "--algo centralized,fedavg,local --seed 0,1 --split-seed 3,4 --rounds 2 --out all"
    done = command(f"{TINY} {options}", "--data", data)
    assert done.status == 0 and "means of 4 runs each" in done.out
    assert "fedavg - centralized" in done.out and "local - fedavg" in done.out
    found = Run(Path("all")).json("comparison.json")
    assert [row["algorithm"] for row in found["rows"]] == ["centralized", "fedavg", "local"]
    for row in found["rows"]:
        for other, metrics in row["differences"].items():
            values = {each["algorithm"]: each["metrics"]["dice"]["value"] for each in found["rows"]}
            gap = values[row["algorithm"]] - values[other]
            assert metrics["dice"]["value"] == pytest.approx(gap)
            assert metrics["dice"]["low"] <= metrics["dice"]["high"]


def test_algorithms_meet_the_same_hospitals_and_the_same_first_model(play, monkeypatch):
    built, starts = {}, {}
    build = comparison.build

    def watch(config, dataset, key):
        built[config.algo] = federation = build(config, dataset, key)
        starts[config.algo] = federation.server.model.clone()
        return federation

    monkeypatch.setattr(comparison, "build", watch)
    hospitals = "--partition dirichlet --clients 4 --scanner-shift 1"
    play(f"--algo fedavg,fedprox,local,centralized {hospitals}")
    first = built["fedavg"]
    for name, federation in built.items():
        assert np.array_equal(federation.partition.client, first.partition.client), name
        assert torch.equal(starts[name], starts["fedavg"]), name
        for mine, theirs in zip(federation.hospitals, first.hospitals, strict=True):
            assert torch.equal(mine.train.images, theirs.train.images), name
            assert torch.equal(mine.test.images, theirs.test.images), name
    assert len(built) == 4


def test_a_comparison_that_fails_names_the_run(command, data):
    options = "--algo fedavg,local --optimizer sgd --lr 1e30 --out run"
    done = command(f"{TINY} {options}", "--data", data)
    assert done.status == 1 and done.err.startswith("fedmini: fedavg: round 1: ")
