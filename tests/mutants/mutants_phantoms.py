"""Wrong phantoms with planted findings."""

from __future__ import annotations

import dataclasses

import numpy as np

from fedmini.data.dataset import channel_statistics
from data_prep.phantoms.clinics import draw
from data_prep.phantoms.draws import Draws
from data_prep.phantoms.hospitals import assemble
from data_prep.phantoms.nih import FINDINGS, FLOOR, PUBLISHED, draw_labels
from fedmini.rng import numpy_stream
from tests.contracts.framework import mutant

LIVES_ON = numpy_stream("a generator that nobody starts afresh")


@mutant(
    "draw",
    law="law_a_lesion_is_where_its_label_says",
    harm="Every image of a patient shows what one of them has: labels look wrong half of the time.",
)
def planted_on_every_day(name, clinics, plan, anatomy, findings):
    labels = []

    def ever(draws, where):
        labels.append(plan(draws, where))
        return np.stack([labels[0][draws.row == row].max(axis=0) for row in draws.row])

    patient, images, _, lesions = draw(name, clinics, ever, anatomy, findings)
    return patient, images, labels[0], lesions


@mutant(
    "draw",
    law="law_a_lesion_is_where_its_label_says",
    harm="Bits are counted from the last finding: explanations are scored against another one.",
)
def bits_from_the_other_end(name, clinics, plan, anatomy, findings):
    patient, images, present, lesions = draw(name, clinics, plan, anatomy, findings)
    last = len(findings) - 1
    turned = sum((lesions >> bit & 1) << (last - bit) for bit in range(last + 1))
    return patient, images, present, turned


@mutant(
    "draw",
    law="law_a_finding_that_nobody_can_see_is_not_there",
    harm="A finding behind the heart keeps its label: nothing can learn it, no mask explains it.",
)
def labels_as_planned(name, clinics, plan, anatomy, findings):
    planned = []

    def remembered(draws, where):
        planned.append(plan(draws, where))
        return planned[0].copy()

    patient, images, _, lesions = draw(name, clinics, remembered, anatomy, findings)
    return patient, images, planned[0], lesions


@mutant(
    "draw",
    law="law_a_finding_left_out_changes_nothing_else",
    harm="Findings share a generator: take one away, and all after it lie elsewhere.",
)
def one_generator_for_all(name, clinics, plan, anatomy, findings):
    rng = numpy_stream(name)

    def shared(look):
        return lambda body, draws: look(body, Draws(rng, draws.row))

    looks = {finding: shared(look) for finding, look in findings.items()}
    return draw(name, clinics, plan, anatomy, looks)


@mutant(
    "draw",
    law="law_phantoms_are_the_same_every_time",
    harm="A generator lives on between calls: two runs of one program train on other images.",
)
def drawn_from_what_is_left(name, clinics, plan, anatomy, findings):
    return draw(f"{name}{LIVES_ON.integers(2**60)}", clinics, plan, anatomy, findings)


@mutant(
    "draw",
    law="law_a_patient_looks_alike_every_day",
    harm="Every image is a new person: patient-wise splits and intervals seem not to matter.",
)
def a_new_body_every_day(name, clinics, plan, anatomy, findings):
    def strangers(draws):
        return anatomy(Draws(draws.rng, np.arange(len(draws.row))))

    return draw(name, clinics, plan, strangers, findings)


@mutant(
    "assemble",
    law="law_each_hospital_splits_its_patients",
    harm="Images are split, not patients: the test set is full of people trained on.",
)
def split_by_image(name, clinics, patient, images, **content):
    made = assemble(name, clinics, patient, images, **content)
    return dataclasses.replace(made, split=numpy_stream(name).permutation(made.split))


@mutant(
    "assemble",
    law="law_each_hospital_splits_its_patients",
    harm="Mean and deviation are taken over all images: test patients leak into training.",
)
def statistics_of_everything(name, clinics, patient, images, **content):
    made = assemble(name, clinics, patient, images, **content)
    mean, std = channel_statistics(images)
    return dataclasses.replace(made, mean=mean, std=std)


@mutant(
    "draw_labels",
    law="law_findings_are_as_frequent_as_published_above_the_floor",
    harm="No floor: a hospital's test set has no hernia, and the macro AUC no fourteenth part.",
)
def without_floor(draws, clinics):
    labels = draw_labels(draws, clinics)
    for column, (count, _) in zip(labels.T, FINDINGS.values(), strict=True):
        if count / PUBLISHED < FLOOR:
            column[np.flatnonzero(column)[round(count / PUBLISHED * len(labels)) :]] = 0
    return labels


@mutant(
    "draw_labels",
    law="law_findings_are_as_frequent_as_published_above_the_floor",
    harm="Findings come and go by chance: several images of a patient are independent evidence.",
)
def anew_for_every_image(draws, clinics):
    return draw_labels(Draws(draws.rng, np.arange(len(clinics))), clinics)
