"""Computing servers in the rounds of a federation: faults, bytes, and the same bits as masks."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.faults import STAGES, Fate
from fedmini.messages import encode, wire_size
from fedmini.network import Network
from fedmini.secagg import Aborted, mpc, secure_sum
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import MaskedInput, to_bytes
from fedmini.simulation import build, settle_defaults
from tests.contracts.laws_mpc import Lossy, Owner
from tests.data.factory import segmentation_dataset
from tests.secagg.rounds import vectors


def test_the_sum_is_that_of_masks():
    given = vectors(1, 5, 300, torch.int32)
    masked, _ = secure_sum(given, dropped=[2])
    clients = {str(i): Owner(mpc, x, 3) for i, x in enumerate(given)}
    network = Lossy(clients, [set(), set(), None, set(), set()])
    total, survivors = mpc.Servers(network, 7, 3).aggregate(
        clients, lambda name, letters: MaskedInput(7, letters)
    )
    assert survivors == list("0134") and torch.equal(total, masked)


def test_a_server_is_handed_its_own_share_only(monkeypatch):
    given, handed = vectors(1, 3, 10, torch.int32), {}

    def watched(total, share, generator):
        handed.setdefault(id(total), []).append(share)
        real(total, share, generator)

    real = mpc.add
    monkeypatch.setattr(mpc, "add", watched)
    clients = {str(i): Owner(mpc, x, 4) for i, x in enumerate(given)}
    side = mpc.Servers(Network(clients), 7, 2, count=4)
    side.aggregate(clients, lambda name, letters: MaskedInput(7, letters))
    assert [[each.dtype for each in got] for got in handed.values()] == [
        [torch.int32] * 3, *[[torch.uint8] * 3] * 3
    ]  # fmt: skip
    seeds = [to_bytes(each) for got in list(handed.values())[1:] for each in got]
    assert len(set(seeds)) == 9


def test_bytes_are_a_vector_and_a_seed_for_each_other_server():
    shares = mpc.split(torch.zeros(1000, dtype=torch.int32), 1, 3)
    assert wire_size(shares) == len(encode(shares))
    assert 0 < wire_size(shares) - 4 * 1000 - 2 * 32 < 250
    assert repr(shares) == "Shares(round=1)"


def test_shares_are_vector_less_the_masks_of_the_seeds():
    vector = torch.arange(5)
    rest, *seeds = mpc.split(vector, 1, 4).shares.values()
    for seed in seeds:
        add_mask(rest, to_bytes(seed), 1)
    assert torch.equal(rest, vector)


def test_too_few_are_one_line():
    clients = {str(i): Owner(mpc, x, 3) for i, x in enumerate(vectors(1, 4, 2, torch.int32))}
    side = mpc.Servers(Lossy(clients, [set(), set(), {1}, {0}]), 7, 3)
    with pytest.raises(Aborted, match="^round 7: only 2 clients reached all servers$"):
        side.aggregate(clients, lambda name, letters: MaskedInput(7, letters))


def federation(**given):
    dataset = segmentation_dataset()
    common = {
        "algo": "fedavg", "preset": "tiny", "width": 1, "depth": 1, "clients": 3, "threads": 1,
        "partition": "iid", "rounds": 2, "clip": 1.0, "weight_cap": 3, "ring_bits": 32,
    }  # fmt: skip
    config = Config.of({**common, **given})
    return build(settle_defaults(config, dataset), dataset)


@pytest.mark.parametrize("secagg", ["mpc:2", "mpc:3", "masks"])
def test_rounds_come_to_the_bits_of_a_plain_ring(secagg):
    plain, secure = federation(), federation(secagg=secagg)
    rounds = [list(each.server.run(2)) for each in (plain, secure)]
    assert torch.equal(plain.server.model, secure.server.model)
    assert not any(each.dropped or each.aborted for each in rounds[1])


def test_a_client_that_vanishes_after_its_answer_is_in_the_sum():
    """With masks this round is aborted: too few are left to help."""
    plain, secure = federation(), federation(secagg="mpc:3")
    faults = secure.server.network.faults
    fates = {name: Fate(dropout=STAGES[2]) for name in secure.clients}
    secure.server.network.faults = Foretold(fates)
    assert faults.dropout == 0.0
    for each in (plain, secure):
        next(each.server.run(1))
    assert torch.equal(plain.server.model, secure.server.model)


@dataclasses.dataclass
class Foretold:
    """Faults that are written down."""

    fates: dict[str, Fate]
    keep_partial: bool = True

    def fate(self, round, client):
        return self.fates[client]


@pytest.mark.parametrize("kind", ["mpc", "mpc:1", "mpc:10", "mpc:3.0", "mpc:x", "shares"])
def test_other_kinds_are_refused(kind):
    with pytest.raises(UserError, match=f"^--secagg {kind}: choose from masks, mpc:2, "):
        Config.of({"secagg": kind})
