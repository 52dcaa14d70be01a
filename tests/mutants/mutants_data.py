"""Wrong patients, splits and hospitals."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from fedmini.data.dataset import SPLITS
from fedmini.data.examples import hospitals
from fedmini.data.patients import patient_table, resplit
from fedmini.data.schema import validate
from fedmini.errors import UserError
from fedmini.rng import numpy_stream
from tests.contracts.framework import mutant


@mutant(
    "patient_table",
    law="law_one_row_a_patient",
    harm="Every image is a patient of its own: one person's slices train here and test there.",
)
def table_of_images(dataset):
    return patient_table(dataclasses.replace(dataset, patient=np.arange(len(dataset.images))))


@mutant(
    "patient_table",
    law="law_one_row_a_patient",
    harm="Rows in the file's order: the same seed gives other hospitals once the file is sorted.",
)
def table_in_file_order(dataset):
    table = patient_table(dataset)
    order = np.argsort(np.unique(dataset.patient, return_index=True)[1])
    rows = {
        name: getattr(table, name)[order]
        for name in ("patient", "split", "site", "images", "stratum")
    }
    return dataclasses.replace(table, **rows)


@mutant(
    "patient_table",
    law="law_strata_are_tertiles_of_training_volumes",
    harm="The cuts look at test patients: who trains where depends on the test labels.",
)
def table_cut_over_all_patients(dataset):
    everyone = patient_table(dataclasses.replace(dataset, split=np.zeros_like(dataset.split)))
    return dataclasses.replace(patient_table(dataset), stratum=everyone.stratum)


@mutant(
    "resplit",
    law="law_no_patient_in_two_splits",
    harm="Images are split instead of patients: the test set holds neighbours of training slices.",
)
def split_by_image(dataset, seed):
    split = numpy_stream(seed, "split").permutation(dataset.split)
    return dataclasses.replace(dataset, split=split)


@mutant(
    "resplit",
    law="law_splits_keep_their_sizes_and_every_site_trains",
    harm="A small site loses its only patient to the test split: that hospital cannot take part.",
)
def split_regardless_of_site(dataset, seed):
    nowhere = dataclasses.replace(dataset, site=np.full_like(dataset.site, -1))
    return dataclasses.replace(resplit(nowhere, seed), site=dataset.site)


@mutant(
    "resplit",
    law="law_sites_are_split_alike",
    harm="Some hospitals train on nearly all their patients and others test on nearly all.",
)
def split_unstratified(dataset, seed):
    return split_regardless_of_site(dataset, seed)


@mutant(
    "resplit",
    law="law_a_split_depends_on_its_seed_alone",
    harm="The seed is not used: three split seeds are the same experiment three times.",
)
def split_without_seed(dataset, seed):
    return resplit(dataset, 0)


@mutant(
    "resplit",
    law="law_normalisation_knows_the_new_training_split_alone",
    harm="Mean and std still come from the old training split, which holds today's test patients.",
)
def split_with_old_statistics(dataset, seed):
    return dataclasses.replace(resplit(dataset, seed), mean=dataset.mean, std=dataset.std)


@mutant(
    "hospitals",
    law="law_every_image_once_and_where_it_belongs",
    harm="Test patients are in the training data: every score is too good.",
)
def hospitals_training_on_test(dataset, table, partition, **options):
    return [
        dataclasses.replace(
            each,
            train=dataclasses.replace(
                each.train,
                images=torch.cat([each.train.images, each.test.images]),
                targets=torch.cat([each.train.targets, each.test.targets]),
                patients=np.concatenate([each.train.patients, each.test.patients]),
            ),
        )
        for each in hospitals(dataset, table, partition, **options)
    ]


@mutant(
    "hospitals",
    law="law_every_image_once_and_where_it_belongs",
    harm="Images go round the hospitals one by one: each patient's slices lie everywhere.",
)
def hospitals_dealt_by_image(dataset, table, partition, **options):
    images = np.arange(len(dataset.images))
    each = dataclasses.replace(dataset, patient=images)
    dealt = dataclasses.replace(partition, client=images % len(partition.names))
    return [
        dataclasses.replace(
            hospital,
            **{
                split: dataclasses.replace(part, patients=dataset.patient[part.patients])
                for split, part in parts_of(hospital).items()
            },
        )
        for hospital in hospitals(each, patient_table(each), dealt, **options)
    ]


@mutant(
    "hospitals",
    law="law_every_image_once_and_where_it_belongs",
    harm="A hospital smaller than a batch is left out: the rarest patients never count.",
)
def hospitals_above_a_batch(dataset, table, partition, **options):
    held = hospitals(dataset, table, partition, **options)
    return [each for each in held if len(each.train) >= 8]


@mutant(
    "hospitals",
    law="law_a_hospital_keeps_its_own_scanner",
    harm="One scanner for all: the feature shift that is announced is not there.",
)
def hospitals_with_one_scanner(dataset, table, partition, scanner_shift=0.0, seed=0):
    options = {"scanner_shift": scanner_shift, "seed": seed}
    alone = dataclasses.replace(partition, names=("all",), client=np.zeros_like(partition.client))
    images = np.empty_like(dataset.images)
    everything = hospitals(dataset, table, alone, **options)[0]
    for index, part in enumerate(parts_of(everything).values()):
        images[dataset.split == index] = part.images.numpy()
    return hospitals(dataclasses.replace(dataset, images=images), table, partition)


@mutant(
    "hospitals",
    law="law_a_hospital_keeps_its_own_scanner",
    harm="The scanner changes between training and test: a hospital's own images look foreign.",
)
def hospitals_with_a_scanner_a_split(dataset, table, partition, scanner_shift=0.0, seed=0):
    trained, tested = (
        hospitals(dataset, table, partition, scanner_shift=scanner_shift, seed=each)
        for each in (seed, seed + 1)
    )
    return [
        dataclasses.replace(before, test=after.test)
        for before, after in zip(trained, tested, strict=True)
    ]


@mutant(
    "validate",
    law="law_a_patient_in_two_places_is_refused",
    harm="Only neighbouring rows are compared: a shuffled file with leaking patients passes.",
)
def validate_neighbouring_rows(dataset, where):
    same = dataset.patient[1:] == dataset.patient[:-1]
    if (same & (dataset.split[1:] != dataset.split[:-1])).any():
        raise UserError(f"{where}: split: a patient in two splits")


@mutant(
    "validate",
    law="law_targets_outside_the_classes_are_refused",
    harm="Only the first images are looked at: BraTS label 4 crashes the loss rounds later.",
)
def validate_a_sample_of_targets(dataset, where):
    if dataset.targets[:10].max() >= len(dataset.classes):
        raise UserError(f"{where}: targets outside the classes")


@mutant(
    "validate",
    law="law_numbers_that_are_none_are_refused",
    harm="NaN compares as false, so it passes every bound: the global model turns NaN.",
)
def validate_by_bounds(dataset, where):
    if (dataset.std <= 0).any() or (np.abs(dataset.images) > 65504).any():
        raise UserError(f"{where}: images out of range")


def parts_of(hospital):
    return {split: getattr(hospital, split) for split in SPLITS}
