"""The plan of a private run: which party is charged what in which round, and who is protected.

Three units can be protected; everywhere one unit's contribution is replaced by nothing, while the
number of slots, of examples and public weights are known.

    client    the server, or every hospital, adds noise to the sum of clipped updates: one charge a
              round, for all
    record    every step of every hospital is a noisy release, of clipped gradients of images
    patient   likewise, with one clipped gradient for the images of a patient

A record or a patient is at one hospital, so that hospitals do not add up: each has an account of
its own, and the run's is the worst (parallel composition, McSherry 2009). Sampling counts only
where it is Poisson, from the run's secret key; a cohort of fixed size counts as everybody. Under
the other neighbour relation, one unit replaced by another, such a cohort would have twice the
sensitivity. Who is at which hospital is taken as given, though a partition may look at all.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fedmini.config import Config
from fedmini.errors import RunFailed
from fedmini.privacy.accountant import Charge, noise_multiplier, total_epsilon

EVERYONE = "all hospitals"  # the one party where the unit is a client
WORDS = {"client": "hospital", "record": "image", "patient": "patient"}
READERS = {
    "client": "whoever reads the models, but not against the server, which adds the noise",
    "record": "whoever reads the models, and against the server",
    "patient": "whoever reads the models, and against the server",
    "skellam": "whoever reads the models, the server and up to --dp-colluders hospitals with it",
}
CAVEATS = (
    "Not covered by epsilon: validation and test patients with their metrics and thresholds, the "
    "training loss where one is shown, how many patients and images a hospital has, how it failed, "
    "and checkpoint.pt, which like run.key stays with whoever runs this. The noise comes from a "
    "Mersenne Twister in floating point: it is not hardened against whoever exploits that."
)


@dataclass(frozen=True)
class Plan:
    """What a run may spend, and on what."""

    unit: str
    delta: float
    budget: float  # epsilon; infinite where none was given
    accountant: str
    charges: Mapping[str, Charge]  # of one round, by party
    asked: Sequence[frozenset[str]]  # the parties charged in each round, from round 1

    def line(self, round: int) -> dict[str, list[float]]:
        """What a round costs, as it stands in the ledger: rate, noise and steps by party."""
        parties = sorted(self.asked[round - 1])
        return {name: list(vars(self.charges[name]).values()) for name in parties}

    def spent(self, lines: Iterable[Mapping[str, Sequence[float]]]) -> dict[str, float]:
        """Epsilon of each party after these lines; 0 for one that was never charged."""
        lines = list(lines)
        charges = {n: [Charge(*line[n]) for line in lines if n in line] for n in self.charges}
        return {n: total_epsilon(each, self.delta, self.accountant) for n, each in charges.items()}

    def words(self, spent: Mapping[str, float]) -> str:
        """Who is protected from whom, and how well, in sentences."""
        worst = max(spent, key=spent.get)
        noises = sorted(charge.noise_multiplier for charge in self.charges.values())
        readers = READERS.get(self.accountant, READERS[self.unit])
        where = f", at {worst}, the worst of {len(spent)}" if len(spent) > 1 else ""
        loud = " to ".join(dict.fromkeys(f"{noises[end]:.3g}" for end in (0, -1)))
        return (
            f"Differential privacy of each {WORDS[self.unit]} in training: epsilon "
            f"{spent[worst]:.4g} at delta {self.delta:g}{where}, against {readers}. What one "
            f"{WORDS[self.unit]} gives is replaced by nothing; noise of {loud} clip bounds; "
            f"{self.accountant} accountant. {CAVEATS}"
        )


def make_plan(
    config: Config, parties: Mapping[str, tuple[float, int]], asked: Sequence[frozenset[str]]
) -> Plan:
    """The plan of a run; parties have a sample rate, and steps in a round in which they are asked.

    Without --dp-noise-multiplier each party gets the least noise with which it can pay for all.
    """
    charges = {}
    accountant = "skellam" if config.dp_mode == "distributed" else config.dp_accountant
    aim = {"epsilon": config.dp_epsilon, "delta": config.dp_delta, "accountant": accountant}
    for name, (rate, steps) in parties.items():
        total = steps * max(1, sum(name in each for each in asked))
        noise = config.dp_noise_multiplier or noise_multiplier(**aim, sample_rate=rate, steps=total)
        charges[name] = Charge(rate, noise, steps)
    budget = math.inf if config.dp_epsilon is None else config.dp_epsilon
    plan = Plan(config.dp_unit, config.dp_delta, budget, accountant, charges, asked)
    first = max(plan.spent([plan.line(1)]).values())
    if first > budget:
        found = f"the first round alone would spend epsilon {first:.4g} of {budget:g}"
        raise RunFailed(f"{found}: nothing was trained; give more noise, or a larger --dp-epsilon")
    return plan
