"""Exercise 08, solved: moments add up for each order, and the best order decides at the end.

pytest tests/contracts --impl total_epsilon=tutorials/exercises/solutions/08_total.py:total
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fedmini.privacy.accountant import Charge
from fedmini.privacy.gaussian import epsilon as exact
from fedmini.privacy.renyi import log_moment

ORDERS = [1 + 1.1**k for k in range(-60, 60)]


def total(charges: Iterable[Charge], delta: float) -> float:
    """Epsilon at `delta` after all charges; every noise multiplier is above 0."""
    charges = list(charges)
    mu = math.sqrt(sum(each.steps / each.noise_multiplier**2 for each in charges))
    # Without credit for sampling; where nobody is sampled, the truth.
    best = exact(mu, delta)
    for order in ORDERS:
        moment = sum(
            each.steps * log_moment(order, each.sample_rate, each.noise_multiplier)
            for each in charges
        )
        at = (moment - math.log(delta * order)) / (order - 1) + math.log1p(-1 / order)
        best = min(best, at)
    # A bound below 0 is true, but says no more than 0.
    return max(0.0, best)
