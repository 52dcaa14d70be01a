"""Wrong ways to share out patients."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from fedmini.data.partition import IID, Dirichlet, Partition, Quantity, Site, Specialty, partition
from fedmini.rng import numpy_stream
from tests.contracts.framework import mutant


@mutant(
    "partition",
    law="law_every_patient_is_at_one_hospital",
    harm="Only training patients are shared out: no hospital can be tested on its own patients.",
)
def partition_of_training_patients(scheme, table, clients, seed):
    whole = partition(scheme, table, clients, seed)
    return Partition(whole.names, np.where(table.split == 0, whole.client, -1))


@mutant(
    "partition",
    law="law_every_hospital_trains",
    harm="A hospital drawn empty stays so: weight 0, a division by zero, or a client skipped.",
)
def partition_with_empty_hospitals(scheme, table, clients, seed):
    client = scheme.assign(table, clients, numpy_stream(seed, "partition"))
    return Partition(scheme.names(table, clients), client)


@mutant(
    "partition",
    law="law_every_hospital_trains",
    harm="A hospital with test patients alone counts as filled and has nothing to train on.",
)
def partition_filled_with_any_patient(scheme, table, clients, seed):
    client = scheme.assign(table, clients, numpy_stream(seed, "partition"))
    for empty in np.setdiff1d(np.arange(clients), client):
        client[np.flatnonzero(client == np.bincount(client).argmax())[0]] = empty
    return Partition(scheme.names(table, clients), client)


@mutant(
    "partition",
    law="law_partition_depends_on_its_address_alone",
    harm="Drawn from numpy's global state, compared algorithms see different hospitals.",
)
def partition_from_global_state(scheme, table, clients, seed):
    return partition(scheme, table, clients, int(np.random.randint(2**31)))


@mutant(
    "partition",
    law="law_partition_depends_on_its_address_alone",
    harm="Folded to 32 bits, different seeds give the same hospitals.",
)
def partition_of_folded_seed(scheme, table, clients, seed):
    return partition(scheme, table, clients, seed % 2**32)


@mutant(
    "partition",
    law="law_test_patients_do_not_sway_the_training_share",
    harm="Each hospital is given a test patient of another's: its score is not about its patients.",
)
def partition_with_borrowed_test_patients(scheme, table, clients, seed):
    whole = partition(scheme, table, clients, seed)
    client = whole.client.copy()
    client[np.flatnonzero(table.split == 2)[:clients]] = np.arange(clients)
    return Partition(whole.names, client)


@mutant(
    "iid",
    law="law_equal_shares_of_every_split",
    harm="Each patient tosses a coin: what is called equal shares is not.",
)
class CoinTossIID(IID):
    def assign(self, table, clients, generator):
        return generator.integers(0, clients, len(table))


@mutant(
    "iid",
    law="law_order_of_patients_tells_nothing",
    harm="Cut in the file's order, hospitals inherit whatever the file was sorted by.",
)
class UnshuffledIID(IID):
    def assign(self, table, clients, generator):
        client = np.empty(len(table), np.int64)
        for split in range(3):
            rows = np.flatnonzero(table.split == split)
            client[rows] = np.arange(len(rows)) % clients
        return client


@mutant(
    "iid",
    law="law_a_hospital_is_tested_on_its_kind_of_patients",
    harm="All test patients are the first hospital's: the others' scores are empty.",
)
class CentralTestIID(IID):
    def assign(self, table, clients, generator):
        client = super().assign(table, clients, generator)
        return np.where(table.split == 2, 0, client)


@mutant(
    "quantity",
    law="law_log_sizes_spread_by_sigma",
    harm="The option is read and forgotten: every quantity skew is the same.",
)
class IgnoresSigma(Quantity):
    def assign(self, table, clients, generator):
        return Quantity(1.0).assign(table, clients, generator)


@mutant(
    "quantity",
    law="law_a_hospital_is_tested_on_its_kind_of_patients",
    harm="Sizes are drawn again for every split: a large hospital has hardly a test patient.",
)
class QuantityDrawnPerSplit(Quantity):
    def assign(self, table, clients, generator):
        return drawn_per_split(super().assign, table, clients, generator)


@mutant(
    "dirichlet",
    law="law_concentration_follows_alpha",
    harm="Alpha is ignored: the non-IID experiment is an IID one.",
)
class IgnoresAlpha(Dirichlet):
    def assign(self, table, clients, generator):
        return IID().assign(table, clients, generator)


@mutant(
    "dirichlet",
    law="law_concentration_follows_alpha",
    harm="Alpha is divided by the number of hospitals: far more skew than the paper's alpha.",
)
class DividedAlpha(Dirichlet):
    def assign(self, table, clients, generator):
        return Dirichlet(self.alpha / clients).assign(table, clients, generator)


@mutant(
    "dirichlet",
    law="law_each_stratum_has_its_own_shares",
    harm="One draw for all strata: hospitals differ in size and not in kind.",
)
class OneDrawForAllStrata(Dirichlet):
    def assign(self, table, clients, generator):
        same = dataclasses.replace(table, stratum=np.zeros_like(table.stratum))
        return super().assign(same, clients, generator)


@mutant(
    "dirichlet",
    law="law_a_hospital_is_tested_on_its_kind_of_patients",
    harm="Shares are drawn again for every split: a hospital is tested on patients it never sees.",
)
class DirichletDrawnPerSplit(Dirichlet):
    def assign(self, table, clients, generator):
        return drawn_per_split(super().assign, table, clients, generator)


@mutant(
    "dirichlet_of_unequal_sizes",
    law="law_sizes_and_kinds_are_unequal_together",
    harm="Sigma is read and forgotten: unequal kinds in hospitals of equal size, called both.",
)
class DirichletOfEqualSizes(Dirichlet):
    def assign(self, table, clients, generator):
        return Dirichlet(self.alpha).assign(table, clients, generator)


@mutant(
    "specialty",
    law="law_sizes_and_kinds_are_unequal_together",
    harm="Sigma is read and forgotten: specialists of equal size, called unequal.",
)
class SpecialtyOfEqualSizes(Specialty):
    def assign(self, table, clients, generator):
        return Specialty(self.focus).assign(table, clients, generator)


@mutant(
    "specialty",
    law="law_specialists_see_their_kind_more_often",
    harm="Focus is ignored: the specialists are specialists in everything and nothing.",
)
class IgnoresFocus(Specialty):
    def assign(self, table, clients, generator):
        return IID().assign(table, clients, generator)


@mutant(
    "specialty",
    law="law_specialists_see_their_kind_more_often",
    harm="With more hospitals than kinds, the last hospitals have no specialty at all.",
)
class SpecialtyOfTheFirst(Specialty):
    def assign(self, table, clients, generator):
        few = min(clients, int(table.stratum.max()) + 1)
        shares = np.full((few, clients), (1 - self.focus) / clients)
        shares[np.arange(few), np.arange(few)] += self.focus
        client = np.empty(len(table), np.int64)
        for kind in range(few):
            rows = np.flatnonzero(table.stratum == kind)
            client[rows] = generator.choice(clients, len(rows), p=shares[kind])
        rest = table.stratum >= few
        client[rest] = generator.integers(0, clients, rest.sum())
        return client


@mutant(
    "specialty",
    law="law_a_hospital_is_tested_on_its_kind_of_patients",
    harm="Specialties are drawn again for every split: a hospital is tested on others' patients.",
)
class SpecialtyDrawnPerSplit(Specialty):
    def assign(self, table, clients, generator):
        return drawn_per_split(super().assign, table, clients, generator)


@mutant(
    "site",
    law="law_a_hospital_is_a_site",
    harm="Site -1 indexes from the end: patients of unknown site land in the last hospital.",
)
@dataclass(frozen=True)
class WrapsUnknownSite(Site):
    def names(self, table, clients):
        return table.site_names

    def assign(self, table, clients, generator):
        return np.arange(clients)[table.site]


def drawn_per_split(assign, table, clients, generator):
    draws = np.stack([assign(table, clients, generator) for _ in range(3)])
    return draws[table.split, np.arange(len(table))]
