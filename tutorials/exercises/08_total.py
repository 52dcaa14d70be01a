"""Exercise 08: the epsilon of a whole run, (Eq. 8.2) and (Eq. 8.4), not yet right.

This one adds up what each charge would cost alone. That is an upper bound, though at a delta of
its own for every charge; and a run that was interrupted pays for the interruption. The laws ask that

* the order of charges does not matter, nor whether equal steps are one charge or many;
* where everybody takes part in every step, the answer is exact: `gaussian.epsilon(mu, delta)`;
* no attack sees more than epsilon, and at rates below 1 that is so as well.

    pytest tests/contracts --impl total_epsilon=tutorials/exercises/08_total.py:total
"""

from __future__ import annotations

from collections.abc import Iterable

from fedmini.privacy.accountant import Charge, epsilon


def total(charges: Iterable[Charge], delta: float) -> float:
    """Epsilon at `delta` after all charges; every noise multiplier is above 0."""
    return sum(  # your lines
        epsilon(
            sample_rate=charge.sample_rate,
            noise_multiplier=charge.noise_multiplier,
            steps=charge.steps,
            delta=delta,
        )
        for charge in charges
    )
