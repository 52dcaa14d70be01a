"""What sharing out patients promises: no patient lost, no idle hospital, the skew asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import strategies as st

from fedmini.data.partition import IID, Dirichlet, Quantity, Site, Specialty
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real
from tests.data import factory

real("partition", "fedmini.data.partition:partition")
real("iid", "fedmini.data.partition:IID")
real("quantity", "fedmini.data.partition:Quantity")
real("dirichlet", "fedmini.data.partition:Dirichlet")
real("dirichlet_of_unequal_sizes", "fedmini.data.partition:Dirichlet")
real("specialty", "fedmini.data.partition:Specialty")
real("site", "fedmini.data.partition:Site")

SCHEMES = st.sampled_from([
    IID(), Dirichlet(0.05), Dirichlet(5.0, 1.0), Quantity(0.5), Quantity(3.0), Specialty(0.9, 0.5),
])  # fmt: skip
PATIENTS = st.integers(5, 60)
SEEDS = st.integers(0, 2**70)
DRAWS = 300  # where a law is about an average


def shares(client: np.ndarray, clients: int, *groups: np.ndarray) -> np.ndarray:
    """The part of the patients in all groups that each client has."""
    rows = np.logical_and.reduce(groups)
    return np.bincount(client[rows], minlength=clients) / max(rows.sum(), 1)


@law("partition", scheme=SCHEMES, patients=PATIENTS, clients=st.integers(1, 12), seed=SEEDS)
def law_every_patient_is_at_one_hospital(impl, scheme, patients, clients, seed):
    table = factory.table(patients=patients)
    clients = min(clients, int((table.split == 0).sum()))
    result = impl(scheme, table, clients, seed)
    assert len(set(result.names)) == len(result.names) == clients
    assert result.client.shape == (patients,), "patients were lost or copied"
    assert result.client.min() >= 0 and result.client.max() < clients, "patients without hospital"


@law("partition", scheme=SCHEMES, patients=PATIENTS, seed=SEEDS)
def law_every_hospital_trains(impl, scheme, patients, seed):
    table = factory.table(patients=patients)
    training = table.split == 0
    for clients in {1, max(1, int(training.sum()) // 2), int(training.sum())}:
        client = impl(scheme, table, clients, seed).client
        held = np.bincount(client[training], minlength=clients)
        assert (held > 0).all(), "a hospital has no patient to train on"


@law("partition", scheme=SCHEMES, seed=SEEDS)
def law_partition_depends_on_its_address_alone(impl, scheme, seed):
    table = factory.table(patients=200)
    first = impl(scheme, table, 8, seed).client
    assert (impl(scheme, table, 8, seed).client == first).all(), "drawn twice, not the same"
    assert (impl(scheme, table, 8, seed + 2**64).client != first).any(), "two seeds, one partition"


@law("partition", scheme=SCHEMES, seed=SEEDS)
def law_test_patients_do_not_sway_the_training_share(impl, scheme, seed):
    """Where every hospital has training patients anyway, nobody is moved for the sake of others."""
    table = factory.table(patients=200)
    drawn = scheme.assign(table, 4, numpy_stream(seed, "partition"))
    if (np.bincount(drawn[table.split == 0], minlength=4) > 0).all():
        assert (impl(scheme, table, 4, seed).client == drawn).all()


@law("iid", patients=PATIENTS, clients=st.integers(1, 12), seed=SEEDS)
def law_equal_shares_of_every_split(impl, patients, clients, seed):
    table = factory.table(patients=patients)
    client = impl().assign(table, clients, numpy_stream(seed))
    for split in range(3):
        held = np.bincount(client[table.split == split], minlength=clients)
        assert held.max() - held.min() <= 1, "equal hospitals differ by more than one patient"


@law("iid", seed=SEEDS)
def law_order_of_patients_tells_nothing(impl, seed):
    """Two patients share one of two hospitals as often as chance would have it."""
    table = factory.table(patients=50)
    rows = np.flatnonzero(table.split == 0)[:2]
    draw = numpy_stream(seed)
    together = [len(set(impl().assign(table, 2, draw)[rows])) == 1 for _ in range(DRAWS)]
    assert 0.3 < np.mean(together) < 0.7


@law("quantity", sigma=st.sampled_from([0.0, 0.2, 0.5]), seed=SEEDS)
def law_log_sizes_spread_by_sigma(impl, sigma, seed):
    table, draw = factory.table(patients=4000), numpy_stream(seed)
    drawn = [impl(sigma).assign(table, 4, draw) for _ in range(40)]
    sizes = np.log([shares(client, 4, table.split == 0) for client in drawn])
    spread = np.sqrt(sizes.var(axis=1, ddof=1).mean())
    assert abs(spread - sigma) <= 0.25 * sigma + 0.01


@law("quantity", seed=SEEDS)
@law("dirichlet", seed=SEEDS)
@law("specialty", seed=SEEDS)
@law("iid", seed=SEEDS)
def law_a_hospital_is_tested_on_its_kind_of_patients(impl, seed):
    table = factory.table(patients=600)
    client = impl().assign(table, 4, numpy_stream(seed))
    for stratum in range(3):
        kind = table.stratum == stratum
        trained = shares(client, 4, kind, table.split == 0)
        for split in (1, 2):
            tested = shares(client, 4, kind, table.split == split)
            assert np.abs(trained - tested).max() < 0.15 + 0.15 * (impl is not Dirichlet)


@law("specialty", clients=st.integers(2, 9), focus=st.sampled_from([0.0, 0.5, 1.0]), seed=SEEDS)
def law_specialists_see_their_kind_more_often(impl, clients, focus, seed):
    """The expected share of a kind: (1 - focus) / clients, and focus among its specialists."""
    table, draw = factory.table(patients=1200), numpy_stream(seed)
    client = impl(focus).assign(table, clients, draw)
    part = np.stack([shares(client, clients, table.stratum == kind) for kind in range(3)])
    special = part > (1 - focus) / clients + focus / 10 if focus else np.ones_like(part, bool)
    assert special.any(axis=1).all(), "a kind of patients has no specialist"
    assert special.any(axis=0).all(), "a hospital has no specialty"
    expected = (1 - focus) / clients + focus * special / special.sum(axis=1, keepdims=True)
    assert np.abs(part - expected).max() < 0.03
    if clients >= 3:
        assert special.sum() == clients or not focus, "a hospital is a specialist for everything"


@law("specialty", seed=SEEDS)
@law("dirichlet_of_unequal_sizes", seed=SEEDS)
def law_sizes_and_kinds_are_unequal_together(impl, seed):
    """Sigma 1 spreads the sizes on top of the kinds, as much as for kinds that are all alike."""
    table, draw = factory.table(patients=3000), numpy_stream(seed)
    kinds = 1e6 if issubclass(impl, Dirichlet) else 0.0  # alpha, or focus: kinds are alike
    drawn = [impl(kinds, 1.0).assign(table, 4, draw) for _ in range(40)]
    sizes = np.log([shares(client, 4, table.split == 0) for client in drawn])
    assert 0.75 < np.sqrt(sizes.var(axis=1, ddof=1).mean()) < 1.3
    even = shares(impl(kinds, 0.0).assign(table, 4, draw), 4, table.split == 0)
    assert np.abs(even - 0.25).max() < 0.02


@law("dirichlet", alpha=st.sampled_from([0.05, 0.3, 1.0, 10.0]), seed=SEEDS)
def law_concentration_follows_alpha(impl, alpha, seed):
    table, draw, clients = factory.table(patients=600), numpy_stream(seed), 5
    drawn = [impl(alpha).assign(table, clients, draw) for _ in range(60)]
    parts = [shares(client, clients, table.stratum == c) for client in drawn for c in range(3)]
    # E[sum_k s_k^2] = (alpha + 1) / (clients alpha + 1)
    expected = (alpha + 1) / (clients * alpha + 1)
    assert abs(np.square(parts).sum(axis=1).mean() - expected) < 0.08


@law("dirichlet", seed=SEEDS)
def law_each_stratum_has_its_own_shares(impl, seed):
    table, draw = factory.table(patients=600), numpy_stream(seed)
    drawn = [impl(0.1).assign(table, 5, draw) for _ in range(20)]
    richest = [
        {shares(client, 5, table.stratum == c).argmax() for c in range(3)} for client in drawn
    ]
    assert np.mean([len(each) > 1 for each in richest]) > 0.5, "sizes differ, kinds do not"


@law("site", sites=st.integers(1, 6), unknown=st.booleans())
def law_a_hospital_is_a_site(impl, sites, unknown):
    table = factory.table(patients=60, sites=sites)
    if unknown:
        table = dataclasses.replace(table, site=np.where(table.patient % 5, table.site, -1))
    names = impl().names(table, None)
    client = impl().assign(table, len(names), numpy_stream(0))
    expected = [table.site_names[site] if site >= 0 else "unknown site" for site in table.site]
    assert [names[each] for each in client] == expected, "two hospitals' patients are mixed"
    assert len(set(names)) == len(names) == len(set(expected))
