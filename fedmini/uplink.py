"""The uplink: what happens to a contribution between local training and the wire, in this order.

    delta [+ residual -> sparsify, in `compressed`] -> clip -> weight
          [-> encode into the ring -> integer noise -> masks, in `secure`, or -> quantise -> pack]

Each step is there or not, as the options say; a client applies them one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import Contribution
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.ring import Ring
from fedmini.vector import FlatModel

if TYPE_CHECKING:
    from fedmini.compressed import Compression

Step = Callable[[Contribution], Contribution]
LARGEST_LOSS = 64.0  # a larger one is sent into a ring as this one
FINEST = 32  # bits after the point at most
HEADER = 1024  # bytes of an upload beside its arrays, at most
COARSEST = 10  # bits that the clip bound, or a weight of 1, has in a ring at least


def uplink(
    config: Config, model: FlatModel, shared: Tensor | None, compression: Compression | None = None
) -> tuple[Step, ...]:
    """Clip and weight of every client; `shared` (P,) bool are the coordinates that travel."""
    hospitals = config.unit == "client"
    # u_k = w_k clip(S(Delta_k + e_k)) (Eq. 9.1); the steps begin after S
    steps: list[Step] = [bare] if hospitals else []
    if config.clip is not None and config.unit in (None, "client"):
        trained = travelling(model, shared)[0] if compression is None else compression.kept
        steps.append(partial(clipped, max_norm=config.clip, trained=trained, told=not hospitals))
    if hospitals or config.weight_cap is not None:
        steps.append(partial(weighted, cap=config.weight_cap, largest_is_one=hospitals))
    return tuple(steps)


def travelling(model: FlatModel, shared: Tensor | None) -> tuple[int, int]:
    """How many of the trained coordinates, and of all, cross the wire; `shared` None is all."""
    if shared is None:
        return len(model.vector), len(model.state)
    return int(shared[: len(model.vector)].sum()), int(shared.sum())


def largest_upload(config: Config, sent: int, compression: Compression | None) -> int:
    """The bytes of an upload of so many coordinates at most."""
    if compression is not None and not config.secagg:
        return HEADER + compression.largest
    return HEADER + sent * (config.ring_bits if config.secagg else 32) // 8


def clipped(contribution: Contribution, max_norm: float, trained: int, told: bool) -> Contribution:
    """The contribution with the first `trained` coordinates of its update bounded, no buffer.

    With `told` it says whether they were longer, as 1 or 0 in the sum "clipped".
    """
    from fedmini.privacy.mechanism import clip  # whoever does not clip needs no privacy room

    update = contribution.update
    bounded = clip(update[:trained], max_norm)
    changed = torch.tensor(float(not torch.equal(bounded, update[:trained])))
    sums = {**contribution.sums, "clipped": changed} if told else contribution.sums
    return replace(contribution, update=torch.cat([bounded, update[trained:]]), sums=sums)


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
    # w_k = min(n_k, cap) / cap (Eq. 9.2)
    return 1.0 if cap is None else min(examples, cap) / cap


def ring(config: Config, clients: int, reach: float = 0.0, finest: int = FINEST) -> Ring | None:
    """The finest ring of --ring-bits in which no sum of so many clients wraps; None without one.

    reach: of the noise in that sum, if clients add some; it wraps with a chance of 2^-40 a round.
    UserError if the ring is too coarse for updates of --clip.
    """
    if config.ring_bits is None:
        return None
    cap = 1 if config.unit == "client" else config.weight_cap
    largest = math.ceil(clients * cap * max(config.clip, LARGEST_LOSS) + reach)
    # (clients x cap x bound + reach) x 2^f < 2^(bits - 1) (Eq. 9.4)
    fraction = min(FINEST, finest, config.ring_bits - 1 - largest.bit_length())
    if fraction < 0 or min(config.clip, 1) * 2**fraction < 2**COARSEST:
        found = f"a sum of {clients} updates of --clip {config.clip:g} and --weight-cap {cap}"
        right = "--ring-bits 64 or a smaller cap" + ", or less noise" * (reach > 0)
        raise UserError(f"--ring-bits {config.ring_bits}: {found} is too coarse there; use {right}")
    return Ring(config.ring_bits, fraction)
