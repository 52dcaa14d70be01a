"""Wrong steps of DP-SGD: clipped, divided or hidden otherwise than paid for."""

from __future__ import annotations

import dataclasses

import torch

from fedmini.client import Client
from fedmini.dp_sgd import PrivateClient
from fedmini.privacy.mechanism import clip
from tests.contracts.framework import mutant

CLIPPED = "law_gradient_is_the_clipped_sum_over_the_expected_batch"
NOISY = "law_every_step_has_the_noise_that_was_paid_for"


def silenced(client: PrivateClient) -> None:
    charge = dataclasses.replace(client.release.charge, noise_multiplier=0.0)
    client.release = dataclasses.replace(client.release, charge=charge)


class Louder(PrivateClient):
    """The real client, whose noise, (D,), a mutant spoils in `spoil`."""

    def gradient(self, units, step):
        right = self.release
        loss = super().gradient(units, step)
        whole = self.model.grad.clone()
        silenced(self)
        self.newest = (0, 0)
        super().gradient(units, step)
        clean, self.release = self.model.grad.clone(), right
        self.model.grad.copy_(clean + self.spoil(whole - clean, units))
        return loss


@mutant(
    "private_client",
    law=CLIPPED,
    harm="The gradient of the batch is clipped, not each unit's: one patient can own a step.",
)
class ClipsTheBatch(PrivateClient):
    def gradient(self, units, step):
        if not units:
            return super().gradient(units, step)
        images, targets = (torch.cat(each) for each in zip(*units, strict=True))
        loss = Client.gradient(self, images, targets)
        mean = clip(self.model.grad, self.release.max_norm) * len(units)
        self.model.grad.copy_(mean / (self.release.charge.sample_rate * len(self.units)))
        return loss


@mutant(
    "private_client",
    law=CLIPPED,
    harm="Each image is clipped, not each patient: with many images one moves the step far.",
)
class ClipsImages(PrivateClient):
    def gradient(self, units, step):
        single = [(i[None], t[None]) for unit in units for i, t in zip(*unit, strict=True)]
        return super().gradient(single, step)


@mutant(
    "private_client",
    law=CLIPPED,
    harm="Divided by the batch that came: its size, and the noise over it, tell who was there.",
)
class DividesByTheBatch(PrivateClient):
    def gradient(self, units, step):
        loss = super().gradient(units, step)
        expected = self.release.charge.sample_rate * len(self.units)
        self.model.grad.mul_(expected / max(1, len(units)))
        return loss


@mutant(
    "private_client",
    law=NOISY,
    harm="An empty batch is skipped: a model that stands still says that nobody was drawn.",
)
class NoNoiseForNobody(Louder):
    def spoil(self, noise, units):
        return noise * bool(units)


@mutant(
    "private_client",
    law=NOISY,
    harm="Noise divided by the batch that came: small batches have too much, large too little.",
)
class NoiseByTheBatch(Louder):
    def spoil(self, noise, units):
        return noise * self.release.charge.sample_rate * len(self.units) / max(1, len(units))


@mutant(
    "private_client",
    law=NOISY,
    harm="Noise for a clip bound of 1, whatever it is: sensitivity free of the bound.",
)
class NoiseOfAnotherBound(Louder):
    def spoil(self, noise, units):
        return noise / self.release.max_norm


@mutant(
    "private_client",
    law=NOISY,
    harm="The same noise in every step: the difference of two steps is bare.",
)
class TheSameNoiseInEveryStep(PrivateClient):
    def gradient(self, units, step):
        self.newest = (0, 0)
        return super().gradient(units, 0)


@mutant(
    "private_client",
    law="law_the_proximal_term_comes_after_the_noise",
    harm="The proximal term is clipped with the patients' gradients: the leash tears when pulled.",
)
class ClipsTheProximalTerm(PrivateClient):
    def train(self, correct):
        def bounded():
            correct()
            self.model.grad.copy_(clip(self.model.grad, self.release.max_norm))

        super().train(bounded)


@mutant(
    "private_client",
    law="law_a_round_is_trained_once",
    harm="An algorithm that trains twice in a round releases twice what the round was charged.",
)
class TrainsAsOftenAsAsked(PrivateClient):
    def train(self, correct):
        self.newest = (0, 0)
        super().train(correct)
