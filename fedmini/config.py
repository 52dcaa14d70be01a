"""The options of a run, checked and read: which seeds, which cohort, which single runs.

The options themselves stand in `run_options`; those of components that were given on the command
line arrive in `settings`. No torch here.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass, field
from itertools import product

from fedmini.combinations import refuse
from fedmini.errors import UserError
from fedmini.options import options_of
from fedmini.registry import names, resolve
from fedmini.run_options import RunOptions
from fedmini.specification import stages

NETWORK = ("width", "depth", "stem", "norm")  # what a network may read


@dataclass(frozen=True)
class Config(RunOptions):
    """The options of one run, or of a comparison of several; see `--help` for each."""

    settings: dict = field(default_factory=dict)  # options of components, where given

    @classmethod
    def of(cls, given: dict[str, object]) -> Config:
        """A checked Config from the options that were given; `presets.fill` adds the rest."""
        own = {each.name for each in options_of(cls)}
        chosen = {name: value for name, value in given.items() if name in own}
        settings = {name: value for name, value in given.items() if name not in own}
        return cls(**chosen, settings=settings)

    def __post_init__(self) -> None:
        """UserError for an option out of range, and for options that do not go together."""
        for each in options_of(Config):
            each.check(getattr(self, each.name))
        self.seeds, self.split_seeds, self.cohort_size()  # noqa: B018  reading them checks them
        if self.dataset not in names("dataset"):
            resolve("dataset", self.dataset)
        if self.local_steps is not None and self.local_epochs != 1.0:
            raise UserError("--local-steps and --local-epochs say the same thing twice: give one")
        deepest = (self.width or 0) << (self.depth or 0)
        if deepest > 4096:
            sizes = f"--width {self.width} --depth {self.depth}"
            raise UserError(f"{sizes}: the deepest level would have {deepest} channels, above 4096")
        stages(self.compress)
        refuse(self)

    @property
    def algorithms(self) -> list[str]:
        return self.algo.split(",")

    @property
    def seeds(self) -> list[int]:
        return _seeds("--seed", self.seed)

    @property
    def split_seeds(self) -> list[int | None]:
        return [None] if self.split_seed is None else _seeds("--split-seed", self.split_seed)

    def cohort_size(self, clients: int | None = None) -> float:
        """How many of `clients` a round asks: whole, unless Poisson sampling expects a fraction."""
        known = "" if clients is None else f", {clients}"
        clients = clients or sys.maxsize
        part = "." in self.cohort
        try:
            size = float(self.cohort) if part else int(self.cohort)
        except ValueError:
            size = 0
        if not 0 < size <= (1 if part else clients):
            raise UserError(
                f"--cohort {self.cohort}: right would be a count from 1 to the number of "
                f"hospitals{known}, or a part above 0 and up to 1, with a decimal point"
            )
        expected = size * clients if part else size
        return max(1, round(expected)) if self.sampling == "fixed" else expected

    def runs(self) -> dict[str, Config]:
        """The single runs of a comparison, by the name of their folder."""
        found = {}
        for algo, seed, split in product(self.algorithms, self.seeds, self.split_seeds):
            drawn = None if split is None else str(split)
            parts = [algo.rpartition(":")[2].lower()]
            parts += [f"seed{seed}"] if len(self.seeds) > 1 else []
            parts += [f"split{split}"] if len(self.split_seeds) > 1 else []
            name = "-".join(parts)
            if name in found:
                raise UserError(f"--algo, --seed or --split-seed names a run twice: {name}")
            found[name] = dataclasses.replace(self, algo=algo, seed=str(seed), split_seed=drawn)
        return found

    def build(self, kind: str, name: str, *arguments: object) -> object:
        """The component `name` with those of its options that were given."""
        return resolve(kind, name)(*arguments, **self.component_values(kind, name))

    def component_values(self, kind: str, name: str) -> dict[str, object]:
        """The options of the component `name` that were given, or that the preset sets."""
        values = self.settings | {size: getattr(self, size) for size in NETWORK}
        wanted = {each.name for each in options_of(resolve(kind, name))}
        return {key: each for key, each in values.items() if key in wanted and each is not None}


def available_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seeds(flag: str, text: str) -> list[int]:
    numbers = text.split(",")
    if not all(each.strip().isdecimal() for each in numbers):
        raise UserError(f"{flag} {text}: give whole numbers of at least 0, separated by commas")
    return [int(each) for each in numbers]
