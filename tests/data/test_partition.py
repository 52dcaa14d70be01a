"""Partitions at their borders: too many hospitals, sites without training, plug-ins."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from fedmini.data import store
from fedmini.data.partition import IID, Dirichlet, Quantity, Scheme, Site, partition
from fedmini.data.patients import patient_table
from fedmini.errors import UserError
from fedmini.options import options_of
from tests.data.factory import segmentation_dataset, table


@pytest.mark.parametrize("clients", [None, -1, 0, 31, 10**9])
def test_an_impossible_number_of_hospitals_is_refused(clients):
    patients = table(patients=50)
    assert (patients.split == 0).sum() == 30
    with pytest.raises(UserError, match=f"--clients {clients}: must be 1 to 30"):
        partition(IID(), patients, clients, 0)


@pytest.mark.parametrize("scheme", [IID(), Dirichlet(1e-300), Dirichlet(1e6), Quantity(10.0)])
def test_as_many_hospitals_as_training_patients(scheme):
    patients = table(patients=50)
    result = partition(scheme, patients, 30, 0)
    assert sorted(result.client[patients.split == 0]) == list(range(30))
    assert result.names[0] == "hospital-1" and result.names[-1] == "hospital-30"


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: Dirichlet(0.0), "--alpha 0.0: must be above 0"),
        (lambda: Dirichlet(-1.0), "--alpha -1.0"),
        (lambda: Dirichlet(float("nan")), "--alpha nan: must be a finite number"),
        (lambda: Dirichlet(float("inf")), "--alpha inf"),
        (lambda: Quantity(-0.1), "--sigma -0.1: must be at least 0"),
        (lambda: Quantity(11.0), "--sigma 11.0: must be at most 10"),
    ],
)
def test_options_out_of_range(build, line):
    with pytest.raises(UserError, match=line):
        build()


def test_options_are_fields_with_help():
    found = {each.flag: each for scheme in (Dirichlet, Quantity) for each in options_of(scheme)}
    assert found["--alpha"].default == 0.5 and found["--sigma"].default == 1.0
    assert all(each.help for each in found.values())


def test_site_takes_the_number_of_sites_or_none():
    patients = table(patients=30, sites=3)
    assert partition(Site(), patients, 3, 0).names == ("site-A", "site-B", "site-C")
    with pytest.raises(UserError, match="--clients 4: --partition site gives 3"):
        partition(Site(), patients, 4, 0)


def test_a_site_without_training_patients_is_named():
    patients = table(patients=30, sites=3)
    split = np.where(patients.site == 1, 2, patients.split)
    with pytest.raises(UserError, match="site-B has no training patient; --split-seed"):
        partition(Site(), dataclasses.replace(patients, split=split), None, 0)


def test_site_without_sites_is_one_hospital():
    assert partition(Site(), table(sites=0), None, 0).names == ("unknown site",)


def test_sites_nobody_comes_from_are_no_hospitals():
    patients = table(patients=30, sites=2)
    more = dataclasses.replace(patients, site_names=("site-A", "site-B", "site-C"))
    assert partition(Site(), more, None, 0).names == ("site-A", "site-B")


@dataclass(frozen=True)
class Given(Scheme):
    """A rule as a student may write one."""

    client: tuple = ()

    def assign(self, table, clients, generator):
        return list(self.client)


def test_a_rule_of_ones_own():
    patients = table(patients=6)
    result = partition(Given((0, 1, 0, 1, 0, 1)), patients, 2, 0)
    assert result.client.dtype == np.int64 and result.client.tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("client", [(0, 1), (0, 1, 2, 0, 1, 2), (0, 1, -1, 0, 1, 0), (0.5,) * 6])
def test_a_rule_that_loses_patients_is_refused(client):
    with pytest.raises(UserError, match="Given.assign must give each patient an index below 2"):
        partition(Given(client), table(patients=6), 2, 0)


def test_the_richest_hospital_helps_the_empty_one():
    patients = table(patients=12)
    training = np.flatnonzero(patients.split == 0)
    client = np.ones(12, int)
    client[training[0]] = 0
    result = partition(Given(tuple(client)), patients, 3, 0)
    moved = np.flatnonzero(result.client != client)
    assert moved.tolist() == [training[-1]] and result.client[moved] == [2]


def test_the_order_of_a_file_changes_no_hospital():
    dataset = segmentation_dataset(patients=20, slices=2, size=4)
    backwards = {
        name: getattr(dataset, name)[::-1]
        for name in ("images", "targets", "patient", "split", "site")
    }
    one, other = patient_table(dataset), patient_table(dataclasses.replace(dataset, **backwards))
    for scheme in (IID(), Dirichlet(), Quantity(), Site()):
        clients = None if scheme == Site() else 3
        first, second = (partition(scheme, each, clients, 1) for each in (one, other))
        assert (first.client == second.client).all()


@pytest.mark.realdata
def test_real_hospitals_are_clients(shared_data):
    patients = patient_table(store.read(shared_data / "lgg96.h5"))
    result = partition(Site(), patients, None, 0)
    assert result.names == ("CS", "DU", "EZ", "FG", "HT")
    assert np.bincount(result.client).tolist() == [16, 45, 1, 14, 34]
