"""Unequal hospitals, and a simulated clock: the hours that a real federation would have taken.

A hospital has a machine and a line; the clock turns counted work (training steps, bytes) into
hours. Nothing measured enters, so the hours are the same on every computer that simulates. Left
out are latency, the server's own work, evaluation, and that the last batch of a pass may be short.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as brief

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fedmini.errors import UserError


@dataclass(frozen=True)
class Profile:
    """One hospital's machine and line, all above 0."""

    gigaflops: float  # 1e9 float32 operations a second, sustained in training
    up: float  # megabits a second
    down: float


# Round figures, not measurements: a server's accelerator, a workstation's, a processor of 8 cores;
# a campus network, a leased line, and what the USA calls broadband since 2024.
TIERS = {
    "university": Profile(gigaflops=10_000, up=1000, down=1000),
    "regional": Profile(gigaflops=2000, up=200, down=200),
    "clinic": Profile(gigaflops=200, up=20, down=100),
}


PROFILES = {"uniform", "hospital-tiers"}  # those that need no file


def profiles(text: str, hospitals: Mapping[str, int]) -> dict[str, Profile]:
    """The profile of every hospital; `hospitals` gives each name its number of training images.

    `uniform`: all are regional. `hospital-tiers`: by rank of images, ties by name, the largest
    third are universities and the smallest clinics. Otherwise a JSON file, with a profile for each
    name, or for the "others": {"A": {"gigaflops": 500, "up": 20, "down": 100}, "others": {...}}.
    UserError names file, hospital and field where it is anything else.
    """
    if text == "uniform":
        return dict.fromkeys(hospitals, TIERS["regional"])
    if text == "hospital-tiers":
        ranked = sorted(hospitals, key=lambda name: (-hospitals[name], name))
        tiers = list(TIERS.values())
        return {name: tiers[len(tiers) * rank // len(ranked)] for rank, name in enumerate(ranked)}
    return _read(text, hospitals)


def flops(module: nn.Module, image_shape: Sequence[int]) -> float:
    """Operations of a forward pass over one (C, H, W) image: convolutions and matrix products.

    A multiplication and its addition count as two.
    """
    modes = {each: each.training for each in module.modules()}
    module.eval()
    image = torch.zeros(1, *image_shape, device=next(module.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(image)
    for each, training in modes.items():
        each.training = training
    return float(counter.get_total_flops())


def step_flops(module: nn.Module, image_shape: Sequence[int], batch_size: int) -> float:
    """Operations of a training step, the optimiser's left out."""
    # backward = gradient by inputs + gradient by weights = 2 x forward
    return 3 * batch_size * flops(module, image_shape)


@dataclass(frozen=True)
class Clock:
    """Simulated time: what a hospital's work takes, and what of it fits before a deadline."""

    profiles: Mapping[str, Profile]
    step_flops: float  # operations of a training step

    def hours(self, client: str, *, steps: int, up: int, down: int) -> float:
        """Hours in which `client` receives `down` bytes, trains `steps` and sends `up` bytes."""
        machine = self.profiles[client]
        # seconds = bits down / line + bits up / line + steps x operations / speed
        transfer = 8 * down / (1e6 * machine.down) + 8 * up / (1e6 * machine.up)
        return (transfer + steps * self.step_flops / (1e9 * machine.gigaflops)) / 3600

    def work(self, client: str, *, steps: int, up: int, down: int, deadline: float) -> float:
        """The part of `steps` after which `client` still delivers by `deadline` hours, in [0, 1].

        It stands for a whole number of steps, the largest that fits; 0 where not even one does.
        """
        hours = (self.hours(client, steps=1 + n, up=up, down=down) for n in range(steps))
        return sum(each <= deadline for each in hours) / steps

    def round(self, work: Mapping[str, Mapping[str, int]]) -> float:
        """Hours of a round: those of its slowest client, 0 without any.

        `work` gives each client its steps, up and down, as `hours` takes them.
        """
        return max((self.hours(client, **each) for client, each in work.items()), default=0.0)


def _read(path: str, hospitals: Mapping[str, int]) -> dict[str, Profile]:
    """The profiles in a JSON file; a hospital that is not named there is one of the others."""
    try:
        given = {**json.loads(Path(path).read_bytes())}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        cause = getattr(error, "strerror", error)
        right = "right would be uniform, hospital-tiers or a file with a JSON object"
        raise UserError(f"--profile {path} cannot be used: {cause}; {right}") from error
    entries = given | {name: given.get(name, given.get("others")) for name in hospitals}
    for name, entry in entries.items():
        if name not in (*hospitals, "others"):
            raise UserError(f"--profile {path} names {name!r}, not one of {brief([*hospitals])}")
        _check(f"--profile {path}: {name!r}", entry)
    return {name: Profile(**entries[name]) for name in hospitals}


def _check(where: str, entry: object) -> None:
    """UserError if `entry` is not a profile as JSON holds it."""
    right = "right would be numbers from 1e-9 to 1e9 for gigaflops, up and down"
    if not isinstance(entry, dict) or entry.keys() != vars(TIERS["regional"]).keys():
        found = "is missing" if entry is None else f"holds {brief(entry)}"
        raise UserError(f'{where} {found}; {right}, there or under "others"')
    for field, value in entry.items():
        # a bool would pass for an int; between these bounds no time overflows
        if type(value) not in (int, float) or not 1e-9 <= value <= 1e9:
            raise UserError(f"{where}: {field} is {brief(value)}; {right}")
