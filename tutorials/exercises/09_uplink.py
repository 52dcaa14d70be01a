"""Exercise 09: the uplink, (Eq. 9.1) and (Eq. 9.2), not yet right.

It weighs, then clips what came of it, whatever the options are. Every law is broken somewhere. The
laws ask that

* the update is clipped before it is weighed; buffers behind the trained coordinates, and layers
  that stay at home, are no part of the norm and stay as they are;
* no weight is above --weight-cap; under --dp-unit client all are in units of it, or 1 without one;
* under --dp-unit record or patient, where --clip bounds gradients, no update is clipped;
* under --dp-unit client any sum beside the update is a ValueError that names it; without privacy
  a sum "clipped" says as 1 or 0 whether the update was longer than the bound.

    pytest tests/contracts --impl uplink=tutorials/exercises/09_uplink.py:uplink
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from fedmini.algorithms.fedavg import Contribution
from fedmini.config import Config
from fedmini.privacy.mechanism import clip
from fedmini.vector import FlatModel


def uplink(
    config: Config, model: FlatModel, shared: Tensor | None
) -> list[Callable[[Contribution], Contribution]]:
    """The steps of a contribution; `shared` (P,) bool are the coordinates that travel, or None."""

    def weighted(made: Contribution) -> Contribution:
        weight = made.weight if config.weight_cap is None else min(made.weight, config.weight_cap)
        return replace(made, weight=weight)

    def clipped(made: Contribution) -> Contribution:
        if config.clip is None:
            return made
        product = clip(made.update * made.weight, config.clip)
        return replace(made, update=product / made.weight)

    return [weighted, clipped]  # your lines, here and above
