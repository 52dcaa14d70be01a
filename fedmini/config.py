"""Every option of a run as one dataclass: defaults, help, ranges, presets. No torch here.

Options that belong to a component (`--mu` to FedProx, `--alpha` to the Dirichlet partition) are
fields of that component; the ones given on the command line arrive in `settings`.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass, field

from fedmini.errors import UserError
from fedmini.options import option, options_of
from fedmini.registry import names, resolve

WHAT, DATA, MODEL = "what to run", "hospitals and their data", "model"
LOCAL, FEDERATION, FAULTS = "local training", "federation", "faults"
OUTPUT, COMPONENT = "measuring and keeping", "options of one component"

PRESETS = {  # what is not given by itself
    "tiny": {"size": 48, "width": 4, "depth": 3, "rounds": 20},
    "small": {"size": 96, "width": 8, "depth": 3, "rounds": 60},
    "paper": {"size": 240, "width": 32, "depth": 4, "rounds": 100},
}
COMPONENTS = {  # kind of component -> the option that names it
    "algorithm": "algo",
    "partition": "partition",
    "optimizer": "optimizer",
    "aggregator": "aggregator",
    "model": "model",
}


@dataclass(frozen=True)
class Config:
    """The options of one run, or of a comparison of several; see `--help` for each."""

    dataset: str = option("brats", "data/NAME.h5, or a synthetic stand-in", group=WHAT)
    algo: str = option("fedprox", "several are compared on identical hospitals", group=WHAT)
    seed: str = option("0", "seed of every draw; several repeat the run", group=WHAT)
    preset: str = option(
        "small", "defaults for size, network and rounds", group=WHAT, choices=tuple(PRESETS)
    )
    device: str = option("auto", "where to compute", group=WHAT, choices=("auto", "cpu", "cuda"))
    threads: int | None = option(
        None, "processor threads (default: all)", group=WHAT, low=1, high=1024
    )

    data: str | None = option(None, "prepared file (default: data/DATASET.h5)", group=DATA)
    partition: str | None = option(
        None,
        "who holds what (default: site if the data name hospitals and --clients is not given, "
        "else dirichlet)",
        group=DATA,
    )
    clients: int | None = option(None, "hospitals (default: the sites, or 5)", group=DATA, low=1)
    scanner_shift: float = option(
        0.0, "strength of a scanner of its own at each hospital", group=DATA, low=0.0, high=10.0
    )
    split_seed: str | None = option(
        None, "redraw the split of patients; several seeds repeat the run", group=DATA
    )
    size: int | None = option(
        None, "longer side of the images at most", unit="pixels", group=DATA, low=8
    )

    model: str = option("unet", "network", group=MODEL)
    width: int | None = option(None, "channels of the first level", group=MODEL, low=1, high=1024)
    depth: int | None = option(None, "times that the image is halved", group=MODEL, low=1, high=8)
    norm: str = option("group", "normalisation", group=MODEL, choices=("group", "batch", "none"))
    batch_norm: str | None = option(
        None,
        "with --norm batch: average the statistics, or keep the layers at each hospital (FedBN)",
        group=MODEL,
        choices=("average", "local"),
    )

    rounds: int | None = option(
        None, "times that the model goes out and comes back", group=LOCAL, low=1, high=10**6
    )
    local_epochs: float = option(
        1.0,
        "passes over a hospital's data in a round; 0.5 is half a pass",
        group=LOCAL,
        above=0.0,
        high=1e4,
    )
    local_steps: int | None = option(
        None, "steps in a round, instead of passes", group=LOCAL, low=1, high=10**6
    )
    batch_size: int = option(8, "images in a batch", group=LOCAL, low=1, high=10**6)
    optimizer: str = option("adam", "local optimiser", group=LOCAL)
    lr: float = option(2e-3, "local learning rate", group=LOCAL, above=0.0)
    lr_schedule: str = option(
        "constant", "learning rate over rounds", group=LOCAL, choices=("constant", "cosine")
    )
    augment: str = option(
        "flips", "random changes of training images", group=LOCAL, choices=("flips", "none")
    )

    cohort: str = option(
        "1.0", "hospitals asked in a round: 3 is a count, 0.3 a part, 1.0 all", group=FEDERATION
    )
    sampling: str = option(
        "fixed",
        "cohorts of exactly that size, or on average",
        group=FEDERATION,
        choices=("fixed", "poisson"),
    )
    aggregator: str = option("mean", "how updates become one", group=FEDERATION)
    min_survivors: int = option(
        1, "a round with fewer uploads changes nothing", group=FEDERATION, low=1
    )

    dropout: float = option(
        0.0, "chance that a hospital drops out of a round", group=FAULTS, low=0.0, high=1.0
    )
    stragglers: float = option(
        0.0, "chance that a hospital does only a part of its steps", group=FAULTS, low=0.0, high=1.0
    )
    straggler_policy: str | None = option(
        None,
        "what happens to their partial work (default: FedProx keeps it, the others drop it)",
        group=FAULTS,
        choices=("drop", "partial"),
    )

    eval_every: int = option(1, "validate so often", group=OUTPUT, low=1, unit="rounds")
    checkpoint_every: int = option(
        1, "write a checkpoint so often", group=OUTPUT, low=1, unit="rounds"
    )
    select: str = option(
        "last", "which round's model is tested", group=OUTPUT, choices=("last", "best-val")
    )
    no_images: bool = option(False, "leave out what shows a patient: figure, page", group=OUTPUT)

    settings: dict = field(default_factory=dict)  # options of components, where given

    @classmethod
    def of(cls, given: dict[str, object]) -> Config:
        """A checked Config from the options that were given; the preset fills in the rest."""
        own = {each.name for each in options_of(cls)}
        chosen = {name: value for name, value in given.items() if name in own}
        settings = {name: value for name, value in given.items() if name not in own}
        preset = PRESETS[chosen.get("preset", "small")]
        config = cls(**{**preset, **chosen}, settings=settings)
        config.check()
        return config

    def check(self) -> None:
        """UserError for an option out of range, and for options that do not go together."""
        for each in options_of(Config):
            each.check(getattr(self, each.name))
        self.seeds, self.split_seeds, self.cohort_size()  # noqa: B018  reading them checks them
        if self.dataset not in names("dataset"):
            resolve("dataset", self.dataset)
        if self.local_steps is not None and self.local_epochs != 1.0:
            raise UserError("--local-steps and --local-epochs say the same thing twice: give one")
        if self.width << self.depth > 4096:
            raise UserError(
                f"--width {self.width} --depth {self.depth}: the deepest level would have "
                f"{self.width << self.depth} channels; right would be at most 4096"
            )

    @property
    def algorithms(self) -> list[str]:
        return self.algo.split(",")

    @property
    def seeds(self) -> list[int]:
        return _whole_numbers("--seed", self.seed)

    @property
    def split_seeds(self) -> list[int | None]:
        if self.split_seed is None:
            return [None]
        return _whole_numbers("--split-seed", self.split_seed)

    def cohort_size(self, clients: int | None = None) -> float:
        """How many of `clients` a round asks: whole, unless Poisson sampling expects a fraction."""
        known = "" if clients is None else f", {clients}"
        clients = clients or sys.maxsize
        wrong = UserError(
            f"--cohort {self.cohort}: right would be a count from 1 to the number of "
            f"hospitals{known}, or a part above 0 and up to 1, with a decimal point"
        )
        try:
            if "." in self.cohort:
                part = float(self.cohort)
                if not 0 < part <= 1:
                    raise wrong
                expected = part * clients
                return expected if self.sampling == "poisson" else max(1, round(expected))
            size = int(self.cohort)
        except ValueError:
            raise wrong from None
        if not 1 <= size <= clients:
            raise wrong
        return size

    def runs(self) -> dict[str, Config]:
        """The single runs of a comparison, by the name of their folder."""
        found = {}
        for algo in self.algorithms:
            for seed in self.seeds:
                for split in self.split_seeds:
                    drawn = None if split is None else str(split)
                    found[self._folder(algo, seed, split)] = dataclasses.replace(
                        self, algo=algo, seed=str(seed), split_seed=drawn
                    )
        if len(found) < len(self.algorithms) * len(self.seeds) * len(self.split_seeds):
            split = "" if self.split_seed is None else f" --split-seed {self.split_seed}"
            raise UserError(f"--algo {self.algo} --seed {self.seed}{split}: names a run twice")
        return found

    def build(self, kind: str, name: str, *arguments: object) -> object:
        """The component `name` with those of its options that were given."""
        return resolve(kind, name)(*arguments, **self.component_values(kind, name))

    def component_values(self, kind: str, name: str) -> dict[str, object]:
        """The options of the component `name` that were given, or that the preset sets."""
        values = dict(self.settings)
        if kind == "model":
            values |= {"width": self.width, "depth": self.depth, "norm": self.norm}
        wanted = {each.name for each in options_of(resolve(kind, name))}
        return {key: value for key, value in values.items() if key in wanted}

    def _folder(self, algo: str, seed: int, split: int | None) -> str:
        parts = [algo.rpartition(":")[2].lower()]
        parts += [f"seed{seed}"] if len(self.seeds) > 1 else []
        parts += [f"split{split}"] if len(self.split_seeds) > 1 else []
        return "-".join(parts)


def available_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _whole_numbers(flag: str, text: str) -> list[int]:
    try:
        numbers = [int(each) for each in text.split(",")]
    except ValueError:
        raise UserError(f"{flag} {text}: give whole numbers separated by commas") from None
    if min(numbers) < 0:
        raise UserError(f"{flag} {text}: seeds are at least 0")
    return numbers
