"""Every option of a run: its default, help and range, in the groups of `--help`. No torch here.

Options that belong to a component (`--mu` to FedProx, `--alpha` to the Dirichlet partition) are
fields of that component.
"""

from __future__ import annotations

from dataclasses import dataclass

from fedmini.options import option

WHAT, DATA, MODEL = "what to run", "hospitals and their data", "model"
LOCAL, FEDERATION, FAULTS = "local training", "federation", "faults"
PRIVACY = "differential privacy: give a budget, a noise, or both"
OUTPUT, COMPONENT = "measuring and keeping", "options of one component"

PRESETS = ("tiny", "small", "paper")  # see fedmini/presets.py


@dataclass(frozen=True)
class RunOptions:
    """Values as they are given; None where data and preset decide."""

    dataset: str = option("brats", "data/NAME.h5, or a synthetic stand-in", group=WHAT)
    algo: str = option("fedprox", "several are compared on identical hospitals", group=WHAT)
    seed: str = option("0", "seed of every draw; several repeat the run", group=WHAT)
    preset: str = option(
        "small", "defaults for size, network and rounds", group=WHAT, choices=PRESETS
    )
    device: str = option("auto", "where to compute", group=WHAT, choices=("auto", "cpu", "cuda"))
    threads: int | None = option(
        None, "processor threads (default: all)", group=WHAT, low=1, high=1024
    )

    data: str | None = option(None, "prepared file (default: data/DATASET.h5)", group=DATA)
    in_memory: str = option(
        "auto",
        "images in memory, or read from the file when used (auto: above a quarter of the memory)",
        group=DATA,
        choices=("auto", "yes", "no"),
    )
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

    model: str | None = option(None, "network", group=MODEL)
    width: int | None = option(None, "channels of the first level", group=MODEL, low=1, high=1024)
    depth: int | None = option(None, "times that the image is halved", group=MODEL, low=1, high=8)
    stem: str | None = option(
        None,
        "first layers of a ResNet (default: small for images below 48 pixels)",
        group=MODEL,
        choices=("large", "small"),
    )
    pretrained: str | None = option(
        None, "first weights of a ResNet, as torchvision publishes: with --norm batch --width 64", group=MODEL
    )
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
    batch_size: int | None = option(
        None, "images in a batch; patients, with --dp-unit patient", group=LOCAL, low=1, high=10**6
    )
    optimizer: str = option("adam", "local optimiser", group=LOCAL)
    lr: float = option(2e-3, "local learning rate", group=LOCAL, above=0.0)
    lr_schedule: str = option(
        "constant", "learning rate over rounds", group=LOCAL, choices=("constant", "cosine")
    )
    augment: str | None = option(
        None,
        "random changes of training images: mirrored left to right, or top to bottom as well",
        group=LOCAL,
        choices=("flips", "mirror", "none"),
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
    clip: float | None = option(
        None,
        "L2 bound of an update; with --dp-unit record or patient, of a gradient (default with "
        "differential privacy: 1)",
        group=FEDERATION,
        low=1e-9,
        high=1e9,
    )
    weight_cap: int | None = option(
        None, "count a hospital as at most so many images", group=FEDERATION, low=1, high=10**9
    )

    dp_epsilon: float | None = option(
        None, "budget: training stops before the round that would pass it", group=PRIVACY, above=0.0
    )
    dp_delta: float = option(
        1e-5, "chance allowed for the budget to fail", group=PRIVACY, above=0.0, high=0.1
    )
    dp_unit: str = option(
        "patient",
        "what one unit of protection is: a hospital, an image, or all images of a patient",
        group=PRIVACY,
        choices=("client", "record", "patient"),
    )
    dp_noise_multiplier: float | None = option(
        None,
        "noise in clip bounds (default: the least that --rounds can be paid with)",
        group=PRIVACY,
        low=1e-3,
        high=1e6,
    )
    dp_accountant: str = option(
        "rdp",
        "Renyi, or the tighter and slower privacy loss distribution",
        group=PRIVACY,
        choices=("rdp", "pld"),
    )
    dp_images_per_patient: int = option(
        4, "images of a patient used in one step at most", group=PRIVACY, low=1, high=10**6
    )
    dp_physical_batch: int = option(
        16, "gradients held in memory at a time", group=PRIVACY, low=1, high=10**6
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
