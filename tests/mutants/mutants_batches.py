"""Wrong batches of DP-SGD: drawn otherwise than charged, or from what everyone knows."""

from __future__ import annotations

import dataclasses

import torch

from fedmini.dp_sgd import PrivateClient, units_of
from fedmini.rng import stream
from tests.contracts.framework import mutant

POISSON = "law_batches_are_poisson_samples_of_units"
SECRET = "law_secret_draws_have_addresses_under_the_run_key"


@mutant(
    "private_client",
    law=POISSON,
    harm="Shuffled batches of a fixed size, charged as Poisson ones: the epsilon is wrong.",
)
class ShufflesInstead(PrivateClient):
    def batches(self):
        size = round(self.release.charge.sample_rate * len(self.units))
        draws = stream(self.release.key, "batch", self.question.round, self.name)
        for _, step in super().batches():
            taken = torch.randperm(len(self.units), generator=draws)[: max(1, size)]
            rows = [self.units[unit] for unit in taken.tolist()]
            yield [(self.data.images[each], self.data.targets[each]) for each in rows], step


@mutant(
    "private_client",
    law=POISSON,
    harm="Images are sampled, not patients: a patient with ten is in nearly every batch.",
)
class SamplesImages(PrivateClient):
    def batches(self):
        right, self.units = self.units, units_of(self.data, "record")
        yield from super().batches()
        self.units = right


@mutant(
    "private_client",
    law=POISSON,
    harm="A unit may be drawn twice into one batch, and then moves the sum by two clip bounds.",
)
class DrawsWithReplacement(PrivateClient):
    def batches(self):
        for units, step in super().batches():
            yield units + units[:1] * (step % 2), step


@mutant(
    "private_client",
    law="law_a_step_uses_at_most_so_many_images_of_a_patient",
    harm="The first images of a patient are used for ever, the others never.",
)
class AlwaysTheFirstImages(PrivateClient):
    def some(self, rows, draws):
        return rows[: self.release.images]


@mutant(
    "private_client",
    law="law_a_step_uses_at_most_so_many_images_of_a_patient",
    harm="The cap is not kept: a patient with a thousand images fills the memory.",
)
class KnowsNoCap(PrivateClient):
    def some(self, rows, draws):
        return rows


@mutant(
    "private_client",
    law=SECRET,
    harm="Batches and noise from the public seed: whoever knows it takes both off again.",
)
class DrawsFromTheSeed(PrivateClient):
    def batches(self):
        public = str(self.training.key).encode()
        self.release = dataclasses.replace(self.release, key=public)
        return super().batches()


@mutant(
    "private_client",
    law=SECRET,
    harm="Mirrored by the public seed: without one unit the others are mirrored otherwise.",
)
class MirrorsByTheSeed(PrivateClient):
    def batches(self):
        for units, step in super().batches():
            draws = stream(self.training.key, "flip", step)
            mirrored = torch.rand(len(units), generator=draws) < 0.5
            pairs = zip(units, mirrored, strict=True)
            yield [(i.flip(-1) if turned else i, t) for (i, t), turned in pairs], step


@mutant(
    "private_client",
    law=SECRET,
    harm="Each round repeats the first one's batches and noise: their difference has no noise.",
)
class TheSameInEveryRound(PrivateClient):
    def batches(self):
        self.question = dataclasses.replace(self.question, round=1)
        return super().batches()


@mutant(
    "private_client",
    law=SECRET,
    harm="All hospitals add the same noise: the difference of two updates has none.",
)
class TheSameAtEveryHospital(PrivateClient):
    def gradient(self, units, step):
        name, self.name = self.name, "hospital"
        loss = super().gradient(units, step)
        self.name = name
        return loss


@mutant(
    "units_of",
    law="law_every_image_is_in_the_unit_of_its_patient",
    harm="Only neighbouring images are one patient's: whoever came twice counts as two.",
)
def runs_of_a_patient(examples, unit):
    if unit == "record":
        return units_of(examples, unit)
    owner = torch.from_numpy(examples.patients)
    _, lengths = owner.unique_consecutive(return_counts=True)
    return list(torch.arange(len(owner)).split(lengths.tolist()))


@mutant(
    "units_of",
    law="law_every_image_is_in_the_unit_of_its_patient",
    harm="Every patient is protected as single images: with ten of them far less than was said.",
)
def always_images(examples, unit):
    return units_of(examples, "record")
