"""Whole federations behind secure aggregation, built from options."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from fedmini.algorithms.fedavg import FedAvg
from fedmini.config import Config
from fedmini.errors import RunFailed, UserError
from fedmini.federation import Federation
from fedmini.simulation import build, settle_defaults
from tests.core.test_simulation import DATA, TINY

SECRET, PLAIN = {"secagg": "masks"}, {"clip": 100.0, "weight_cap": 1000, "ring_bits": 32}
FAULTS = {"dropout": 0.3, "stragglers": 0.5, "straggler_policy": "partial"}
CLIENT = {"dp_unit": "client", "dp_noise_multiplier": 0.5, "clip": 0.3}


def federation(key: bytes | None = None, **given: object) -> Federation:
    chosen = {**TINY, "partition": "iid", "clients": 5, "device": "cpu", "algo": "fedavg"}
    return build(settle_defaults(Config.of({**chosen, **given}), DATA), DATA, key)


def played(run: Federation, rounds: int = 3) -> list:
    return list(run.server.run(rounds))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"algo": "fedprox", "mu": 0.1, "server_lr": 2.0},
        {"cohort": "3", "weight_cap": 4, "clip": 0.01},
        {"norm": "batch", "batch_norm": "local"},
        {"ring_bits": 64, "secagg_threshold": 4},
    ],
    ids=str,
)
def test_a_secure_run_is_the_plain_one(given):
    plain = {**PLAIN, **{k: v for k, v in given.items() if k != "secagg_threshold"}}
    secret, bare = federation(**SECRET, **given), federation(**plain)
    for hidden, seen in zip(played(secret), played(bare), strict=True):
        assert (hidden.cohort, hidden.dropped, hidden.aborted) == (seen.cohort, [], False)
        assert hidden.clipped == seen.clipped and seen.clipped in (0.0, 1.0)
        assert hidden.train_loss == pytest.approx(seen.train_loss, abs=5 / 2**11)
        assert hidden.bytes_up > seen.bytes_up
    assert torch.equal(secret.server.model, bare.server.model)
    digests = {each.weights_sha256(each.snapshot()) for each in (secret, bare)}
    assert len(digests) == 1


@dataclass
class Diverging(FedAvg):
    """One hospital sends numbers that are none."""

    def local_update(self, client, down):
        found = super().local_update(client, down)
        return replace(found, update=found.update * (torch.nan if client.name[-1] in BAD else 1))


@dataclass
class Variate(FedAvg):
    """An algorithm with a sum of its own."""

    def local_update(self, client, down):
        return replace(super().local_update(client, down), sums={"variate": torch.ones(())})


BAD = set()


def with_algorithm(algorithm: FedAvg, **given: object) -> Federation:
    run = federation(**given)
    run.server.algorithm = algorithm
    for each in run.clients.values():
        each.algorithm = algorithm
    return run


def test_a_hospital_that_diverges_is_named_and_left_out(monkeypatch):
    names = list(federation().clients)
    monkeypatch.setattr(f"{__name__}.BAD", {names[1][-1]})
    secret, bare = (with_algorithm(Diverging(), **each) for each in (SECRET, PLAIN))
    for hidden, seen in zip(played(secret), played(bare), strict=True):
        assert hidden.dropped == seen.dropped == [names[1]] == list(hidden.failures)
        assert "its update is not finite" in hidden.failures[names[1]]
    assert torch.equal(secret.server.model, bare.server.model)


def test_an_algorithm_with_sums_of_its_own_fails_in_a_line():
    with pytest.raises(RunFailed, match="its algorithm sends 'variate', for which a secure sum"):
        played(with_algorithm(Variate(), **SECRET))
    assert len(played(with_algorithm(Variate()))) == 3


def test_a_round_below_the_threshold_changes_nothing():
    run = federation(**SECRET, dropout=0.5)
    start, aborted = run.server.model.clone(), 0
    for record in run.server.run(6):
        aborted += record.aborted
        assert not record.aborted or record.dropped == record.cohort and record.train_loss is None
        assert record.aborted == torch.equal(run.server.model, start)
        start = run.server.model.clone()
    assert 0 < aborted < 6 and run.server.round == 6


def leaves(state: object) -> list:
    """Everything that a checkpoint holds, in its order."""
    if isinstance(state, dict):
        return [each for pair in state.items() for part in pair for each in leaves(part)]
    return [state.tolist() if isinstance(state, torch.Tensor) else state]


@pytest.mark.parametrize("extra", [{}, FAULTS, {**CLIENT, "cohort": "0.8"}])
def test_a_checkpoint_holds_nothing_fresh_and_resumes_with_the_same_bits(extra):
    """Two runs draw other secrets: what is the same in both is none of them."""
    straight, broken, resumed = (federation(b"k" * 32, **SECRET, **extra) for _ in range(3))
    played(straight), played(broken, 1)
    once = federation(b"k" * 32, **SECRET, **extra)
    played(once, 1)
    found = leaves(broken.state())
    assert found == leaves(once.state())
    assert {type(each) for each in found} <= {str, int, float, list}
    secret = next(iter(broken.server.network.clients.values())).participant
    assert secret is None or secret.seed.hex() not in repr(broken.server.network.clients)
    resumed.restore(broken.state())
    played(resumed)
    assert torch.equal(straight.server.model, resumed.server.model)
    assert leaves(straight.state()) == leaves(resumed.state())


def test_noise_of_client_privacy_comes_after_the_sum():
    """The run without masks, up to the resolution of the ring; and nothing if nobody is left."""
    key = b"k" * 32
    secret, bare = federation(key, **SECRET, **CLIENT), federation(key, **CLIENT)
    played(secret), played(bare)
    assert torch.allclose(secret.server.model, bare.server.model, atol=1e-4)
    lost = federation(key, **SECRET, **CLIENT, dropout=1.0)
    start = lost.server.model.clone()
    (record,) = lost.server.run(1)
    assert record.aborted and record.dropped == record.cohort
    assert torch.equal(lost.server.model, start)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"clients": 2, "cohort": "0.5"}, "cohorts of 1 and a threshold of .: right would be at"),
        ({"secagg_threshold": 2}, "--secagg-threshold 2: .* more than half of the 5 .*, 3 or more"),
        ({"secagg_threshold": 6}, "cohorts of 5 and a threshold of 6"),
        ({"cohort": "3", "secagg_threshold": 4}, "cohorts of 3 and a threshold of 4"),
        ({"cohort": "3", "min_survivors": 4}, "--min-survivors 4: a cohort has only 3"),
        ({"clip": 1e-3}, "--ring-bits 32: a sum of 5 updates of --clip 0.001 and"),
        ({"clip": 1e6}, "--ring-bits 32.*too coarse.*--ring-bits 64"),
        ({"weight_cap": 10**9}, "--ring-bits 32.*too coarse"),
    ],
)
def test_what_cannot_hold_is_refused(given, complaint):
    with pytest.raises(UserError, match=complaint):
        federation(**SECRET, **given)


def test_bounds_that_were_not_given():
    def bounds(**given):
        config = settle_defaults(Config.of({**TINY, **given}), DATA)
        return config.clip, config.weight_cap, config.ring_bits

    assert bounds() == (None, None, None)
    assert bounds(**SECRET) == (100.0, 1000, 32)
    assert bounds(**SECRET, clip=2.0, weight_cap=7, ring_bits=64) == (2.0, 7, 64)
    assert bounds(**SECRET, dp_unit="client", dp_epsilon=3.0) == (1.0, None, 32)
