"""What a run has spent: (epsilon, delta) of many noisy releases, and the noise that a budget needs.

Neighbours: one unit's contribution replaced by nothing. A step takes each unit with probability
`sample_rate`, independently and in secret (Poisson sampling); without such sampling, as with
cohorts of fixed size, the rate to state is 1. `noise_multiplier` is the standard deviation of the
noise on the sum, in clip bounds. Steps may differ; what a step computes may depend on what was
released before, its rate and noise may not.

Two bounds hold at once, and the smaller counts: the exact epsilon of the same steps without
sampling (gaussian.py), and the Renyi bound with it (renyi.py). At a rate of 1 the answer is exact.
The accountant "pld" adds a third, tighter and slower: the loss distribution (loss_distribution.py).
"skellam" stands alone: the bound for integer noise of clients, without sampling (skellam.py).

Left out: sampling without replacement; rates and noise that adapt to the data.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from fedmini.privacy import gaussian, renyi, skellam

WASTE = 5e-4  # the share of epsilon that calibration may leave unused


@dataclass(frozen=True)
class Charge:
    """`steps` releases of one kind; a run is a sequence of charges.

    sample_rate in [0, 1]; noise_multiplier finite, at least 0; steps a whole number, at least 0.
    ValueError names the one that is not.
    """

    sample_rate: float
    noise_multiplier: float
    steps: int = 1

    def __post_init__(self) -> None:
        rate, noise, steps = self.sample_rate, self.noise_multiplier, self.steps
        _need("sample_rate", rate, 0 <= rate <= 1, "from 0 to 1")
        _need("noise_multiplier", noise, 0 <= noise < math.inf, "finite and at least 0")
        _need("steps", steps, steps >= 0 and steps % 1 == 0, "a whole number, at least 0")


def epsilon(
    *,
    sample_rate: float,
    noise_multiplier: float,
    steps: int,
    delta: float,
    accountant: str = "rdp",
) -> float:
    """Epsilon at `delta` after equal steps; infinite without noise, 0 where nothing was released.

    ValueError names an argument that is out of its range: see `Charge`; delta between 0 and 1.
    """
    return total_epsilon([Charge(sample_rate, noise_multiplier, steps)], delta, accountant)


def total_epsilon(charges: Iterable[Charge], delta: float, accountant: str = "rdp") -> float:
    """Epsilon at `delta` of a whole run, whose steps may differ; the accountant is a name above."""
    _need("delta", delta, 0 < delta < 1, "between 0 and 1")
    _need("accountant", accountant, accountant in ("rdp", "pld", "skellam"), "rdp, pld or skellam")
    steps: Counter[tuple[float, float]] = Counter()
    for charge in charges:
        if charge.steps and charge.sample_rate:
            steps[charge.sample_rate, charge.noise_multiplier] += charge.steps
    if not steps:
        return 0.0
    if any(noise == 0 for _, noise in steps):
        return math.inf
    # mu^2 = sum_i 1 / z_i^2 (Eq. 8.2)
    mu = math.sqrt(sum(count / noise / noise for (_, noise), count in steps.items()))
    if accountant == "skellam":
        return skellam.epsilon(mu, delta)
    bounds = [gaussian.epsilon(mu, delta), renyi.epsilon(steps, delta)]
    if accountant == "pld":
        from fedmini.privacy import loss_distribution

        bounds.append(loss_distribution.epsilon(steps, delta))
    return float(min(bounds))


@lru_cache
def noise_multiplier(
    *, epsilon: float, delta: float, sample_rate: float, steps: int, accountant: str = "rdp"
) -> float:
    """The least noise for a budget: never more than `epsilon` is spent, nor less than 0.999 of it.

    0 where nothing is released. ValueError names an argument that is out of its range. Remembered,
    since a run is built more than once.
    """

    def spent(noise: float) -> float:
        return total_epsilon([Charge(sample_rate, noise, steps)], delta, accountant)

    return calibrate(spent, epsilon)


def calibrate(spent: Callable[[float], float], epsilon: float) -> float:
    """The least noise multiplier z at which `spent(z)`, an epsilon that falls, is within `epsilon`.

    ValueError if no noise is enough.
    """
    _need("epsilon", epsilon, 0 < epsilon < math.inf, "finite and above 0")
    if spent(0.0) <= epsilon:
        return 0.0
    low, high = 1e-9, 1e9
    _need("epsilon", epsilon, spent(high) <= epsilon, f"larger: noise of {high} is not enough")
    for _ in range(60):
        middle = math.sqrt(low * high)
        used = spent(middle)
        low, high = (middle, high) if used > epsilon else (low, middle)
        if (1 - WASTE) * epsilon <= used <= epsilon:
            break
    return high


def _need(name: str, value: object, holds: bool, right: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value}; it must be {right}")
