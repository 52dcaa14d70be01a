"""What patients and hospitals promise: no patient on two sides, no image lost or borrowed."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
from hypothesis import strategies as st

from fedmini.data import schema
from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.partition import IID, Partition, partition
from fedmini.data.patients import patient_table
from fedmini.errors import UserError
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real
from tests.data import factory

real("patient_table", "fedmini.data.patients:patient_table")
real("resplit", "fedmini.data.patients:resplit")
real("hospitals", "fedmini.data.examples:hospitals")
real("validate", "fedmini.data.schema:validate")

SEEDS = st.integers(0, 2**70)
SITES = st.integers(0, 4)
PATIENTS = st.integers(5, 40)


def shuffled(dataset: Dataset, seed: int, **changes) -> Dataset:
    """The same data with its rows in another order."""
    order = numpy_stream(seed, "rows").permutation(len(dataset.images))
    rows = {
        name: getattr(dataset, name)[order]
        for name in ("images", "targets", "patient", "split", "site")
    }
    return dataclasses.replace(dataset, **rows, **changes)


def contents(images, targets, patients, splits) -> Counter:
    """Images with what belongs to them, in any order."""
    rows = zip(images, targets, patients.tolist(), splits.tolist(), strict=True)
    return Counter((x.tobytes(), y.tobytes(), patient, split) for x, y, patient, split in rows)


def refuses(impl, dataset: Dataset) -> bool:
    try:
        impl(dataset, "file.h5")
    except UserError as error:
        return str(error).startswith("file.h5: ")
    return False


@law("patient_table", patients=PATIENTS, sites=SITES, seed=SEEDS)
def law_one_row_a_patient(impl, patients, sites, seed):
    dataset = factory.segmentation_dataset(patients=patients, sites=sites, size=4, seed=seed)
    table = impl(shuffled(dataset, seed))
    rows = Counter(zip(dataset.patient.tolist(), dataset.split.tolist(), dataset.site.tolist()))
    assert list(zip(table.patient, table.split, table.site)) == sorted(rows)
    assert table.images.tolist() == [rows[row] for row in sorted(rows)]


@law("patient_table", patients=PATIENTS, seed=SEEDS)
def law_strata_are_tertiles_of_training_volumes(impl, patients, seed):
    dataset = factory.segmentation_dataset(patients=patients, size=8, seed=seed)
    targets = dataset.targets.copy()
    targets[dataset.split == 2] = 2  # tumours that training patients do not have
    table = impl(dataclasses.replace(dataset, targets=targets))
    volume = np.array([(targets[dataset.patient == each] > 0).sum() for each in table.patient])
    cuts = np.quantile(volume[table.split == 0], [1 / 3, 2 / 3])
    assert table.stratum.tolist() == [sum(v > cut for cut in cuts) for v in volume]


@law("resplit", patients=PATIENTS, sites=SITES, seed=SEEDS)
def law_no_patient_in_two_splits(impl, patients, sites, seed):
    dataset = shuffled(factory.segmentation_dataset(patients=patients, sites=sites, size=4), seed)
    split = impl(dataset, seed).split
    sides = set(zip(dataset.patient.tolist(), split.tolist()))
    assert len(sides) == patients, "the test split knows a patient of the training split"


@law("resplit", patients=PATIENTS, sites=SITES, seed=SEEDS)
def law_splits_keep_their_sizes_and_every_site_trains(impl, patients, sites, seed):
    alone = [each % max(sites, 1) if each else sites for each in range(patients)]
    dataset = factory.segmentation_dataset(patients=patients, site=alone, size=4)
    table = patient_table(impl(dataset, seed))
    trained = set(table.site[table.split == 0].tolist())
    assert trained == set(alone), "a site has nobody to train on"
    sizes = np.bincount(table.split, minlength=3)
    assert sizes[1:].min() >= 1, "nobody to validate or test on"
    before = np.bincount(patient_table(dataset).split, minlength=3)
    if before.min() >= 1 and before[0] > sites:
        assert sizes.tolist() == before.tolist()


@law("resplit", seed=SEEDS)
def law_sites_are_split_alike(impl, seed):
    dataset = factory.segmentation_dataset(patients=90, sites=3, slices=1, size=4)
    table = patient_table(impl(dataset, seed))
    for split in range(3):
        held = np.bincount(table.site[table.split == split], minlength=3)
        assert held.max() - held.min() <= 2


@law("resplit", seed=SEEDS)
def law_a_split_depends_on_its_seed_alone(impl, seed):
    dataset = factory.segmentation_dataset(patients=60, slices=1, size=4)
    order = np.argsort(dataset.patient)
    again = impl(shuffled(dataset, seed), seed)
    assert (again.split[np.argsort(again.patient)] == impl(dataset, seed).split[order]).all()
    assert (impl(dataset, seed + 2**64).split != impl(dataset, seed).split).any()


@law("resplit", seed=SEEDS)
def law_normalisation_knows_the_new_training_split_alone(impl, seed):
    dataset = factory.segmentation_dataset(patients=9, size=4)
    result = impl(dataset, seed)
    mean, std = channel_statistics(result.images[result.split == 0])
    assert np.allclose(result.mean, mean) and np.allclose(result.std, std)


@law("hospitals", clients=st.integers(1, 5), seed=SEEDS)
def law_every_image_once_and_where_it_belongs(impl, clients, seed):
    dataset = shuffled(factory.segmentation_dataset(patients=15, size=4), seed)
    table = patient_table(dataset)
    division = partition(IID(), table, clients, seed)
    held = impl(dataset, table, division)
    assert [each.name for each in held] == list(division.names), "a hospital was skipped"
    seen = Counter()
    for each in held:
        own = set(table.patient[division.client == each.number].tolist())
        for index, part in enumerate((each.train, each.validation, each.test)):
            assert len(part) == len(part.targets) == len(part.patients)
            assert own.issuperset(part.patients), "a patient's images lie at two hospitals"
            splits = np.full(len(part), index)
            seen += contents(part.images.numpy(), part.targets.numpy(), part.patients, splits)
    assert seen == contents(dataset.images, dataset.targets, dataset.patient, dataset.split)


@law("hospitals", seed=SEEDS)
def law_a_hospital_keeps_its_own_scanner(impl, seed):
    """Equal patients: what differs between hospitals is the scanner, and within one only noise."""
    dataset = factory.segmentation_dataset(patients=60, slices=1, size=8, sites=2)
    flat = np.broadcast_to(dataset.images[:1], dataset.images.shape).copy()
    dataset = dataclasses.replace(dataset, images=flat, std=np.float32([20, 20]))
    table = patient_table(dataset)
    whole = Partition(("a", "b"), table.site)
    first, second = impl(dataset, table, whole, scanner_shift=1.0, seed=seed)
    train, test, other = (
        part.images.float().mean(dim=0) for part in (first.train, first.test, second.train)
    )
    assert (train - test).abs().mean() < 2.5, "a hospital is tested on another scanner's images"
    assert (train - other).abs().mean() > 1.5, "all hospitals have the same scanner"
    fewer = dataclasses.replace(whole, client=np.where(table.patient > 400, 1, whole.client))
    same = impl(dataset, table, fewer, scanner_shift=1.0, seed=seed)[0].train.images.float()
    assert (same.mean(dim=0) - train).abs().mean() < 2.5, "a scanner depends on other patients"


@law("validate", patients=PATIENTS, field=st.sampled_from(["split", "site"]), seed=SEEDS)
def law_a_patient_in_two_places_is_refused(impl, patients, field, seed):
    dataset = shuffled(factory.segmentation_dataset(patients=patients, size=4), seed)
    impl(dataset, "file.h5")
    torn = getattr(dataset, field).copy()
    last = np.flatnonzero(dataset.patient == 100)[-1]
    torn[last] = (torn[last] + 1) % 3
    assert refuses(impl, dataclasses.replace(dataset, **{field: torn}))


@law("validate", where=st.integers(0, 35), task=st.sampled_from(schema.TASKS))
def law_targets_outside_the_classes_are_refused(impl, where, task):
    if task == "segmentation":
        dataset = factory.segmentation_dataset(patients=36, slices=1, size=4)
    else:
        dataset = factory.labels_dataset(task=task, patients=36, slices=1, size=4)
    impl(dataset, "file.h5")
    targets = dataset.targets.copy()
    targets[where].flat[-1] = 2 if task == "multilabel" else len(dataset.classes)
    assert refuses(impl, dataclasses.replace(dataset, targets=targets))


@law("validate", where=st.integers(0, 35), value=st.sampled_from([np.nan, np.inf, -np.inf]))
def law_numbers_that_are_none_are_refused(impl, where, value):
    dataset = factory.segmentation_dataset(patients=36, slices=1, size=4, dtype="float16")
    impl(dataset, "file.h5")
    images = dataset.images.copy()
    images[where, 0, 1, 2] = value
    assert refuses(impl, dataclasses.replace(dataset, images=images))
    scale = dataset.std.copy()
    scale[0] = value
    assert refuses(impl, dataclasses.replace(dataset, std=scale))
