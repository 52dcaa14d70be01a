"""Whole private federations, with a U-Net of a few hundred weights on factory data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tests.contracts.laws_private import config_of, hospitals, releases
from tests.core.federations import federation, normed
from tests.data.factory import segmentation_dataset

from fedmini.algorithms.fedavg import FedAvg
from fedmini.algorithms.local import Local
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.federation import Federation
from fedmini.private import protect, public
from fedmini.simulation import build, settle_defaults

DATA = segmentation_dataset(patients=15, slices=2, sites=3)
TINY = {"width": 2, "depth": 1, "rounds": 2, "batch_size": 4, "lr": 0.01, "partition": "site"}
KEY = b"k" * 32


def private(unit: str, key: bytes | None = KEY, **given: object) -> Federation:
    given = {**TINY, "device": "cpu", "dp_unit": unit, "dp_epsilon": 9.0, **given}
    return build(settle_defaults(Config.of(given), DATA), DATA, key)


def trained(run: Federation) -> torch.Tensor:
    records = list(run.server.run(2))
    assert not any(record.failures for record in records)
    return run.server.model


@pytest.mark.parametrize(
    ("unit", "given"),
    [
        ("client", {"sampling": "poisson", "cohort": "0.5", "dropout": 0.3}),
        ("record", {"algo": "fedprox", "stragglers": 0.5, "dropout": 0.3}),
        ("patient", {"dp_images_per_patient": 1, "local_epochs": 0.5}),
        ("patient", {"algo": "centralized", "optimizer": "sgd"}),
    ],
)
def test_the_run_key_and_nothing_else_decides_the_bits(unit, given):
    first = trained(private(unit, **given))
    torch.rand(1)
    assert torch.equal(first, trained(private(unit, **given)))
    assert not torch.equal(first, trained(private(unit, b"o" * 32, **given)))
    trials = [trained(private(unit, None, **given)) for _ in range(2)]
    assert not torch.equal(*trials), "a run without a key of its own has a public one"


@pytest.mark.parametrize("unit", ["record", "patient"])
def test_hospitals_that_train_alone_are_private_too(unit):
    run, other = private(unit, algo="local"), private(unit, b"o" * 32, algo="local")
    trained(run), trained(other)
    kept = zip(run.snapshot().private.values(), other.snapshot().private.values(), strict=True)
    assert all(torch.isfinite(a).all() and not torch.equal(a, b) for a, b in kept)


def test_client_privacy_without_an_upload_says_that_there_is_none():
    run = private("client", algo="local")
    assert run.plan is None and "no noise" in run.notices[0]
    assert trained(run).isfinite().all()


@pytest.mark.parametrize("unit", ["client", "record", "patient"])
def test_a_network_with_buffers_is_refused(unit):
    made = federation(build_model=normed)
    made.config = config_of(unit)
    with pytest.raises(UserError, match="buffers.*--norm group"):
        protect(made, KEY)


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_pixels_are_normalised_by_numbers_that_tell_nothing(dtype):
    one, two = (segmentation_dataset(dtype=dtype, seed=seed) for seed in (1, 2))
    assert not np.array_equal(one.mean, two.mean)
    for mean, other in ((public(one).mean, public(two).mean), (public(one).std, public(two).std)):
        assert np.array_equal(mean, other) and mean.dtype == one.mean.dtype
    run = private("record")
    assert run.normalise.mean.flatten().tolist() == [127.5] * DATA.channels


def test_what_stays_at_a_hospital_has_no_noise_and_is_refused():
    class Half(FedAvg):
        def shared(self, model):
            return model.mask(lambda name: name.endswith("weight"))

    made = federation(algorithm=Half())
    made.config = config_of("client")
    with pytest.raises(UserError, match="keeps a part of the model at each hospital"):
        protect(made, KEY)


def test_a_cohort_in_which_all_drop_out_is_noise():
    config = config_of("client", cohort="1.0", dropout=1.0)
    made = hospitals(protect, config)
    made.server.network.faults = dataclasses.replace(made.server.network.faults, dropout=1.0)
    records, released = releases(made, 12)
    silent = [number for number, each in enumerate(records) if len(each.dropped) == 4]
    assert silent and (released[silent] != 0).all()


def test_an_algorithm_that_shares_nothing_needs_no_plan():
    made = federation(algorithm=Local())
    made.config = config_of("client", algo="local")
    protect(made, KEY)
    assert made.plan is None and made.server.min_survivors == 1
