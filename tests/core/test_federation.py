"""A federation beyond its laws: checksum, checkpoints on other devices, the bootstrap's unit."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from tests.core.federations import SquaredError, federation

from fedmini.algorithms.local import Local
from fedmini.evaluation import estimates, pool, scores
from fedmini.federation import Federation, Snapshot, copies
from fedmini.statistics import Evaluation


def test_checksum_is_of_the_little_endian_vector():
    run = federation()
    snapshot = run.snapshot()
    expected = hashlib.sha256(snapshot.model.numpy().astype("<f4").tobytes()).hexdigest()
    assert run.weights_sha256(snapshot) == expected


def test_checksum_covers_what_hospitals_keep():
    run = federation(algorithm=Local())
    before = run.weights_sha256(run.snapshot())
    list(run.server.run(1))
    after = run.snapshot()
    assert torch.equal(after.model, federation().server.model)
    assert run.weights_sha256(after) != before


def test_a_snapshot_does_not_train_on():
    run = federation(algorithm=Local())
    snapshot = run.snapshot()
    kept = Snapshot(snapshot.model.clone(), {k: v.clone() for k, v in snapshot.private.items()})
    list(run.server.run(2))
    run.snapshot()
    assert torch.equal(snapshot.model, kept.model)
    assert all(torch.equal(snapshot.private[name], kept.private[name]) for name in kept.private)


def test_hospitals_without_a_client_get_the_global_model():
    """As with centralised training, whose one client is no hospital."""
    run = federation()
    assert torch.equal(run.personal(run.snapshot(), "nowhere"), run.server.model)


def test_copies_keep_scalars_on_the_cpu_and_share_nothing():
    tensors = {"vector": torch.ones(3), "steps": torch.tensor(2.0)}
    moved = copies(tensors, "meta")
    assert moved["vector"].device.type == "meta" and moved["steps"].device.type == "cpu"
    copies(tensors, "cpu")["vector"].zero_()
    assert tensors["vector"].tolist() == [1.0, 1.0, 1.0]


def test_state_holds_plain_types():
    state = federation(algorithm=Local()).state()
    assert set(state) == {"round", "model", "server", "acknowledged", "clients"}
    assert {type(value) for value in state.values()} <= {int, dict, torch.Tensor}


def test_measured_is_the_pool_of_all_hospitals():
    run: Federation = federation((5, 2, 9))
    parts = run.evaluate(run.snapshot(), "test")
    whole = pool(parts.values())
    assert len(whole.evidence) == len(whole.patients) == 3 * 4
    errors = whole.evidence[:, 0]
    means = [errors[whole.patients == each].mean() for each in np.unique(whole.patients)]
    assert scores(SquaredError(), parts)["error"] == pytest.approx(np.mean(means))


def test_a_hospital_without_patients_adds_nothing():
    some = Evaluation(np.ones((2, 1)), np.array([1, 2]))
    none = Evaluation(np.zeros((0,)), np.array([], dtype=np.int64))
    assert pool([none, some, none]).evidence.shape == (2, 1)


def test_estimates_resample_patients_and_always_alike():
    evidence = np.array([[0.0], [0.0], [9.0]])
    one = estimates(SquaredError(), Evaluation(evidence, np.array([1, 1, 2])))["error"]
    assert one == estimates(SquaredError(), Evaluation(evidence, np.array([1, 1, 2])))["error"]
    assert (one.value, one.low, one.high) == (4.5, 0.0, 9.0)
