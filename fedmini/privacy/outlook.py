"""Before any training: how loud the noise of a privacy budget will be, and what would be enough.

A release is a mean of clipped contributions with noise on top: of hospitals in a round (client), of
images or patients in a step of DP-SGD at one hospital (record, patient; Abadi et al. 2016). Noise
grows with the root of the parameters and of the number of releases, the signal adds up at most: how
they compare is known from the plan alone, whatever the data are.

Left out: how long real contributions are, and how well they agree. A run that is not hopeless may
still learn nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Literal

from fedmini.options import option
from fedmini.privacy import accountant

# At a ratio r the signal is 1 / (1 + r^2) of the power of all that is released, even where every
# contribution is at the clip and all agree: at 10, a hundredth. A rule of thumb, and a mild one.
HOPELESS = 10
SIZE = {"client": "clients", "record": "images", "patient": "patients"}  # the option that counts it
LADDER = range(14_000)  # steps of a thousandth, together about a million times


@dataclass(frozen=True)
class Outlook:
    """The releases of a run: noise of `multiplier` clips on a sum of `expected` contributions."""

    unit: str  # client, record or patient
    multiplier: float
    expected: float
    steps: int
    parameters: int

    @property
    def relative_noise(self) -> float:
        """Noise on the mean of a release, a coordinate, in clips."""
        # (z C / E) / C
        return self.multiplier / self.expected

    @property
    def breakeven(self) -> float:
        """The parameters at which the noise of one release is as long as the clip."""
        # z C sqrt(D) / E = C
        return 1 / self.relative_noise**2

    @property
    def ratio(self) -> float:
        """The noise of all releases together, as a multiple of the largest signal they can have."""
        # sqrt(T) z C sqrt(D) / E over T C
        return self.relative_noise * math.sqrt(self.parameters / self.steps)

    @property
    def hopeless(self) -> bool:
        """Whether no training can be expected to learn: a rule of thumb, see HOPELESS."""
        return self.ratio > HOPELESS


@dataclass(frozen=True)
class Study:
    """What is planned; the fields are the options of the command."""

    clients: int = option(10, "hospitals", low=1, high=10**6)
    epsilon: float = option(1.5, "units of privacy budget", low=0.001, high=100.0)
    delta: float = option(1e-5, "chance allowed for the budget to fail", low=1e-12, high=0.1)
    rounds: int = option(10, "rounds", low=1, high=10**6)
    patients: int = option(200, "patients a hospital", low=1, high=10**7)
    images: int = option(500, "images a hospital", low=1, high=10**7)
    batch_size: int = option(16, "images, or patients, in a step", low=1, high=10**6)
    local_epochs: float = option(1.0, "passes over them in a round", above=0.0, high=1e3)
    cohort: float = option(1.0, "part of the hospitals drawn, in secret", above=0.0, high=1.0)
    parameters: int = option(175_000, "parameters", low=1, high=10**12)
    accountant: Literal["rdp", "pld"] = option("rdp", "rdp, or pld: tighter, but slower")

    def releases(self, unit: str) -> dict[str, object]:
        """What the accountant has to know of the releases of the run, at one hospital."""
        rate, steps, size = self.cohort, self.rounds, getattr(self, SIZE[unit])
        if unit != "client":
            rate = min(1.0, self.batch_size / size)
            whole = self.local_epochs * math.ceil(size / self.batch_size)
            steps *= max(1, math.ceil(whole - 1e-9))
        return dict(sample_rate=rate, steps=steps, delta=self.delta, accountant=self.accountant)

    def scaled(self, name: str, factor: float) -> Study:
        """The study with one option `factor` times as large; what is counted is at least 1."""
        value = getattr(self, name) * factor
        return replace(self, **{name: value if name == "epsilon" else max(1, round(value))})


def outlook(study: Study, unit: str, multiplier: float | None = None) -> Outlook:
    """With the least noise that the budget allows, or with this multiplier."""
    run = study.releases(unit)
    noise = multiplier or accountant.noise_multiplier(epsilon=study.epsilon, **run)
    expected = run["sample_rate"] * getattr(study, SIZE[unit])
    return Outlook(unit, noise, expected, run["steps"], study.parameters)


def needed(study: Study, unit: str, name: str, goal: float = HOPELESS) -> float | None:
    """The least value of an option, the most `parameters`, with which the ratio is at most `goal`.

    The study's own where that is enough; None if not even a million times as much is.
    """
    factor = 0.999 if name == "parameters" else 1.001

    def enough(step: int) -> bool:
        other = study.scaled(name, factor**step)
        noise = goal / outlook(other, unit, multiplier=1.0).ratio
        return accountant.epsilon(noise_multiplier=noise, **other.releases(unit)) <= other.epsilon

    step = bisect_left(LADDER, True, key=enough)
    return getattr(study.scaled(name, factor**step), name) if step < len(LADDER) else None
