"""The uplink: what happens to a contribution between local training and the wire, in this order.

    delta -> clip -> weight

Each step is there or not, as the options say; a client applies them one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import Contribution
from fedmini.config import Config
from fedmini.vector import FlatModel

Step = Callable[[Contribution], Contribution]


def uplink(config: Config, model: FlatModel, shared: Tensor | None) -> tuple[Step, ...]:
    """The steps of every client; `shared` (P,) bool are the coordinates that travel, None all."""
    steps: list[Step] = []
    hospitals = config.unit == "client"
    if config.clip is not None and config.unit in (None, "client"):
        trained = len(model.vector)
        if shared is not None:
            trained = int(shared[:trained].sum())
        steps.append(partial(clipped, max_norm=config.clip, trained=trained))
    if hospitals:
        steps.append(bare)
    if hospitals or config.weight_cap is not None:
        steps.append(partial(weighted, cap=config.weight_cap, largest_is_one=hospitals))
    return tuple(steps)


def clipped(contribution: Contribution, max_norm: float, trained: int) -> Contribution:
    """The contribution with the first `trained` coordinates of its update bounded, no buffer."""
    from fedmini.privacy.mechanism import clip  # whoever does not clip needs no privacy room

    update = contribution.update
    bounded = clip(update[:trained], max_norm)
    return replace(contribution, update=torch.cat([bounded, update[trained:]]))


def bare(contribution: Contribution) -> Contribution:
    """The contribution, which must hold no other sum; ValueError if it does."""
    for name in contribution.sums:
        raise ValueError(f"its algorithm sends {name!r}, to which --dp-unit client adds no noise")
    return contribution


def weighted(contribution: Contribution, cap: int | None, largest_is_one: bool) -> Contribution:
    """The contribution with its public weight: at most `cap`, or 1 for everybody.

    With `largest_is_one` weights are in units of the cap, so that the clip bounds what is summed.
    """
    examples = contribution.weight
    weight = public_weight(examples, cap) if largest_is_one else min(examples, cap)
    return replace(contribution, weight=weight)


def public_weight(examples: float, cap: int | None) -> float:
    """The weight of a hospital where the largest possible is 1; 1 for everybody without a cap."""
    # w_k = min(n_k, cap) / cap
    return 1.0 if cap is None else min(examples, cap) / cap
