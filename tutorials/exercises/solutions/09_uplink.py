"""Exercise 09, solved: refuse what has no noise, clip what is trained, weigh at the end.

pytest tests/contracts --impl uplink=tutorials/exercises/solutions/09_uplink.py:uplink
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import Contribution
from fedmini.config import Config
from fedmini.privacy.mechanism import clip
from fedmini.vector import FlatModel


def uplink(
    config: Config, model: FlatModel, shared: Tensor | None
) -> list[Callable[[Contribution], Contribution]]:
    """The steps of a contribution; `shared` (P,) bool are the coordinates that travel, or None."""
    trained = len(model.vector)
    if shared is not None:
        trained = int(shared[:trained].sum())
    hospitals = config.unit == "client"

    def bare(made: Contribution) -> Contribution:
        if hospitals and made.sums:
            raise ValueError(f"no noise is added to {', '.join(made.sums)}")
        return made

    def clipped(made: Contribution) -> Contribution:
        if config.clip is None or config.unit in ("record", "patient"):
            return made
        weights, buffers = made.update[:trained], made.update[trained:]
        bounded, sums = clip(weights, config.clip), made.sums
        if not hospitals:
            sums = sums | {"clipped": torch.tensor(float(not bounded.equal(weights)))}
        return replace(made, update=torch.cat([bounded, buffers]), sums=sums)

    def weighted(made: Contribution) -> Contribution:
        cap = config.weight_cap
        if cap is None:
            return replace(made, weight=1.0) if hospitals else made
        weight = min(made.weight, cap)
        return replace(made, weight=weight / cap if hospitals else weight)

    return [bare, clipped, weighted]
