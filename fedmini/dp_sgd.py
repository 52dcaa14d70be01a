"""DP-SGD (Abadi et al. 2016, Algorithm 1): a client whose every step is a noisy release.

What differs from a plain client is how a batch is drawn and how its gradient is made; the
algorithm's `correct` and the optimiser come after the noise. A batch is a Poisson sample of units:
of images, or of patients, all of whose images count as one (at most so many of them in a step). So
what leaves the hospital is protected from the server too.

Draws on which the guarantee rests come from streams under the run's secret key. Left out: tuning
that itself is private; gradients of mixed precision.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedmini.client import Client
from fedmini.data.examples import Examples
from fedmini.privacy.accountant import Charge
from fedmini.privacy.mechanism import gaussian_noise, noisy_mean
from fedmini.privacy.per_example import Unit, clipped_sum
from fedmini.rng import stream


@dataclass(frozen=True)
class Release:
    """How every step of a client is released."""

    charge: Charge  # of a round: its sample rate and noise multiplier
    max_norm: float
    images: int  # of a unit at most in one step
    physical_batch: int
    key: bytes  # of the run, secret


def units_of(examples: Examples, unit: str) -> list[Tensor]:
    """The rows of each unit: one image ("record"), or all of a patient ("patient")."""
    if unit == "record":
        return list(torch.arange(len(examples)).split(1))
    _, owner = np.unique(examples.patients, return_inverse=True)
    rows = np.argsort(owner, kind="stable")
    return [torch.from_numpy(each) for each in np.split(rows, np.bincount(owner).cumsum()[:-1])]


class PrivateClient(Client):
    """A client that trains by DP-SGD; what it may spend is set before the first round."""

    release: Release
    units: list[Tensor]  # see `units_of`
    newest = (0, 0)  # round and step of the last release

    @property
    def whole_steps(self) -> int:
        return self.training.steps_of(len(self.units))

    def train(self, correct: Callable[[], None]) -> None:
        """As a client does; its loss, which has no noise, stays here."""
        super().train(correct)
        self.loss = None

    def batches(self) -> Iterator[tuple[list[Unit], int]]:
        """This round's Poisson batches with the number of their step; a batch may be empty."""
        rows, where = self.units, self.data.images.device
        self.steps = self.training.steps_of(len(rows), self.question.work)
        address = (self.question.round, self.name)
        draws = stream(self.release.key, "batch", *address)
        for step in range(self.steps):
            chances = torch.rand(len(rows), dtype=torch.float64, generator=draws)
            taken = (chances < self.release.charge.sample_rate).nonzero()[:, 0].tolist()
            chosen = [self.some(rows[unit], draws) for unit in taken]
            if not chosen:
                yield [], step
                continue
            batch = torch.cat(chosen).to(where)
            # Without one unit the others move up: under a public seed all of them would show it
            flips = stream(self.release.key, "flip", *address, step)
            flipped = torch.rand(len(batch), 2, generator=flips) < 0.5
            images, targets = self.prepared(batch, flipped.to(where))
            sizes = [len(unit) for unit in chosen]
            yield list(zip(images.split(sizes), targets.split(sizes), strict=True)), step

    def some(self, rows: Tensor, draws: torch.Generator) -> Tensor:
        """A unit's rows, or as many of them as a step may use."""
        if len(rows) <= self.release.images:
            return rows
        return rows[torch.randperm(len(rows), generator=draws)[: self.release.images]]

    def gradient(self, units: list[Unit], step: int) -> Tensor:
        """Write the noisy mean of clipped gradients into model.grad; return the mean loss.

        RuntimeError for a step that was released before: its noise would be the same again.
        """
        model, release = self.model, self.release
        if (self.question.round, step) < self.newest:
            raise RuntimeError("its algorithm trains twice in a round, which is charged only once")
        self.newest = (self.question.round, step + 1)
        limits = {"max_norm": release.max_norm, "physical_batch": release.physical_batch}
        total, losses = clipped_sum(model, self.task.loss, units, **limits)
        draws = stream(release.key, "noise", self.question.round, self.name, step)
        charge = release.charge
        noise = gaussian_noise(len(total), release.max_norm, charge.noise_multiplier, draws)
        expected = charge.sample_rate * len(self.units)
        model.grad.copy_(noisy_mean(total, noise, expected))
        return losses / max(1, len(units))
