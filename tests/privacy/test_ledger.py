"""The ledger in the course of a run: on the disk first, whole after a crash, and what it says."""

from __future__ import annotations

import json
import os

import pytest
from tests.contracts.laws_ledger import CHARGES, on_disk, plan
from tests.contracts.laws_private import NOISE, config_of, hospitals
from tests.contracts.laws_run import Killed, KilledFolder, lines, stopped, weights
from tests.core.federations import federation

from fedmini.comparison import sum_of_accounts
from fedmini.dp_sgd import PrivateClient
from fedmini.errors import RunFailed, UserError
from fedmini.folder import RunFolder
from fedmini.privacy.ledger import Ledger, run_key
from fedmini.private import protect
from fedmini.training import Training

ASKED = [frozenset(CHARGES)] * 3
ROUNDS = 3


def private(unit: str, **given: object):
    """A tiny private run of three rounds, cohorts that may be empty among them."""
    config = config_of(unit, **{"rounds": ROUNDS, "cohort": "0.5", "sampling": "poisson", **given})
    if unit == "client":
        made = hospitals(protect, config, b"r" * 32)
    else:
        made = federation(client_kind=PrivateClient)
        made.config = config
        protect(made, b"r" * 32)
    return made


def test_a_charge_is_forced_to_the_disk_before_it_is_called_paid(tmp_path, monkeypatch):
    synced, ledger = [], Ledger(tmp_path, plan(ASKED))
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    for round in (1, 2, 3):
        assert ledger.pay(round)
        assert (tmp_path / "privacy.jsonl").stat().st_size in synced
        assert [each.name for each in tmp_path.iterdir()] == ["privacy.jsonl"]


def test_a_full_disk_ends_the_run_before_the_round(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path, plan(ASKED))
    ledger.pay(1)

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match=r"privacy.jsonl could not be written: No space"):
        ledger.pay(2)
    assert len(on_disk(tmp_path)) == len(ledger.lines) == 1


class Watched(RunFolder):
    """A folder that never keeps what its ledger does not hold."""

    def save_checkpoint(self, state):
        assert len(on_disk(self.path)) >= state["round"]
        super().save_checkpoint(state)

    def append(self, record):
        assert on_disk(self.path)[record["round"] - 1]["epsilon"] == record["epsilon"]
        super().append(record)


@pytest.mark.parametrize("unit", ["client", "record", "patient"])
def test_ledger_then_checkpoint_then_metrics(unit, tmp_path):
    folder = Watched.create(tmp_path / "run", {})
    stopped(Training)(private(unit), folder).run(quiet=True)
    spent = [line["epsilon"] for line in lines(folder)]
    assert spent == sorted(spent) and len(spent) == ROUNDS


@pytest.mark.parametrize(("unit", "every"), [("client", 1), ("client", 2), ("patient", 2)])
def test_a_killed_run_pays_once_and_releases_the_same_bits(unit, every, tmp_path):
    straight = stopped(Training)(private(unit), RunFolder.create(tmp_path / "straight", {}))
    straight.run(quiet=True)
    for number, after in [(number, after) for number in (1, 2, 3) for after in (False, True)]:
        folder = KilledFolder.create(tmp_path / f"{number}{after}", {})
        folder.round, folder.after = number, after
        with pytest.raises(Killed):
            stopped(Training)(private(unit, checkpoint_every=every), folder).run(quiet=True)
        assert len(on_disk(folder.path)) == number
        again = private(unit, checkpoint_every=every)
        training = stopped(Training)(again, RunFolder.open(folder.path))
        training.resume()
        training.run(quiet=True)
        assert weights(again) == weights(straight.federation)
        assert on_disk(folder.path) == on_disk(straight.folder.path)
        assert lines(folder) == lines(straight.folder)


def test_training_stops_before_the_round_that_would_pass_the_budget(tmp_path):
    given = {"rounds": 9, "cohort": "1.0"}
    plan = private("record", **given).plan
    four = max(plan.spent(map(plan.line, range(1, 5))).values())
    made = private("record", dp_epsilon=1.01 * four, dp_noise_multiplier=NOISE, **given)
    training = stopped(Training)(made, RunFolder.create(tmp_path / "run", {}))
    training.run(quiet=True)
    assert made.server.round == len(on_disk(tmp_path / "run")) == 4
    account = training.ledger.account(4)
    assert account["epsilon"] == four and account["unit"] == "record"
    assert "stopped after round 4 of 9" in account["privacy"]
    assert set(account["noise"]) == set(account["spent"]) == set(made.clients)


def test_a_budget_below_the_first_round_trains_nothing():
    with pytest.raises(RunFailed, match=r"first round alone would spend .* of 0.1: nothing was"):
        private("client", dp_epsilon=0.1, dp_noise_multiplier=0.3)


@pytest.mark.parametrize("damage", ["gone", "shorter", "of another noise"])
def test_training_does_not_go_on_with_a_ledger_that_lost_charges(damage, tmp_path):
    folder = RunFolder.create(tmp_path / "run", {})
    stopped(Training)(private("client"), folder).run(quiet=True)
    path = folder.path / "privacy.jsonl"
    whole = path.read_text().splitlines(keepends=True)
    path.unlink() if damage == "gone" else path.write_text("".join(whole[:2]))
    noise = 0.9 if damage == "of another noise" else 0.3
    with pytest.raises(UserError, match="privacy.jsonl"):
        stopped(Training)(private("client", dp_noise_multiplier=noise), folder).restore()


def test_the_key_is_in_no_other_file(tmp_path):
    key = run_key(tmp_path)
    Ledger(tmp_path, plan(ASKED)).pay(1)
    for path in tmp_path.iterdir():
        held = path.read_bytes()
        assert (key in held or key.hex().encode() in held) == (path.name == "run.key")


def test_runs_over_the_same_data_add_up():
    noisy = {"algorithm": "fedavg", "epsilon": 1.5, "delta": 1e-5}
    bare = {"algorithm": "local", "epsilon": None}
    found = sum_of_accounts([noisy, {**noisy, "epsilon": 2.0}, bare])
    assert found["epsilon"] == 3.5
    assert all(each in found["privacy"] for each in ("runs over the same data: 2.", "3.5", "2e-05", "local"))
    assert sum_of_accounts([bare])["epsilon"] is None
    assert json.dumps(found)
