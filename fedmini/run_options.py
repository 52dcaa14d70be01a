"""Every option of a run: its default, help and range, in the groups of `--help`. No torch here.

Options that belong to a component (`--mu` to FedProx, `--alpha` to the Dirichlet partition) are
fields of that component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fedmini.options import option

what = partial(option, group="what to run")
held = partial(option, group="hospitals and their data")
net = partial(option, group="model")
local = partial(option, group="local training")
federated = partial(option, group="federation")
secret = partial(option, group="secure aggregation")
private = partial(option, group="differential privacy: give a budget, a noise, or both")
faulty = partial(option, group="faults")
output = partial(option, group="measuring and keeping")
COMPONENT = "options of one component"
PRESETS = ("tiny", "small", "paper")  # see fedmini/presets.py
SECAGG = {"masks": 0} | {f"mpc:{k}": k for k in range(2, 10)}  # -> computing servers


@dataclass(frozen=True)
class RunOptions:
    """Values as they are given; None where data and preset decide."""

    dataset: str = what("brats", "data/NAME.h5, or a synthetic stand-in")
    algo: str = what("fedprox", "several are compared on identical hospitals")
    seed: str = what("0", "seed of every draw; several repeat the run")
    preset: str = what("small", "defaults for size, network and rounds", choices=PRESETS)
    device: str = what("auto", "where to compute", choices=("auto", "cpu", "cuda"))
    threads: int | None = what(None, "processor threads (default: all)", low=1, high=1024)

    data: str | None = held(None, "prepared file (default: data/DATASET.h5)")
    in_memory: str = held(
        "auto",
        "images in memory, or read from the file when used (auto: above a quarter of the memory)",
        choices=("auto", "yes", "no")
    )
    partition: str | None = held(
        None,
        "who holds what (default: site if the data name hospitals and --clients is not given, "
        "else dirichlet)"
    )
    clients: int | None = held(None, "hospitals (default: the sites, or 5)", low=1)
    scanner_shift: float = held(
        0.0, "strength of a scanner of its own at each hospital", low=0.0, high=10.0
    )
    split_seed: str | None = held(
        None, "redraw the split of patients; several seeds repeat the run"
    )
    size: int | None = held(None, "longer side of the images at most", unit="pixels", low=8)

    model: str | None = net(None, "network")
    width: int | None = net(None, "channels of the first level", low=1, high=1024)
    depth: int | None = net(None, "times that the image is halved", low=1, high=8)
    stem: str | None = net(
        None, "first layers of a ResNet (default: small for images below 48 pixels)",
        choices=("large", "small")
    )
    pretrained: str | None = net(
        None, "first weights of a ResNet, as torchvision publishes: with --norm batch --width 64"
    )
    norm: str = net("group", "normalisation", choices=("group", "batch", "none"))
    batch_norm: str | None = net(
        None,
        "with --norm batch: average the statistics, or keep the layers at each hospital (FedBN)",
        choices=("average", "local")
    )

    rounds: int | None = local(
        None, "times that the model goes out and comes back", low=1, high=10**6
    )
    local_epochs: float = local(
        1.0, "passes over a hospital's data in a round; 0.5 is half a pass", above=0.0, high=1e4
    )
    local_steps: int | None = local(None, "steps in a round, instead of passes", low=1, high=10**6)
    batch_size: int | None = local(
        None, "images in a batch; patients, with --dp-unit patient", low=1, high=10**6
    )
    optimizer: str = local("adam", "local optimiser")
    lr: float = local(2e-3, "local learning rate", above=0.0)
    lr_schedule: str = local(
        "constant", "learning rate over rounds", choices=("constant", "cosine")
    )
    augment: str | None = local(
        None, "random changes of training images: mirrored left to right, or top to bottom as well",
        choices=("flips", "mirror", "none")
    )

    cohort: str = federated("1.0", "hospitals asked in a round: 3 is a count, 0.3 a part, 1.0 all")
    sampling: str = federated(
        "fixed", "cohorts of exactly that size, or on average", choices=("fixed", "poisson")
    )
    aggregator: str = federated("mean", "how updates become one")
    min_survivors: int = federated(1, "a round with fewer uploads changes nothing", low=1)
    clip: float | None = federated(
        None,
        "L2 bound of an update; with --dp-unit record or patient, of a gradient (default with "
        "differential privacy: 1; with --secagg: 100)",
        low=1e-9, high=1e9
    )
    weight_cap: int | None = federated(
        None, "count a hospital as at most so many images (default with --secagg: 1000)",
        low=1, high=10**9
    )

    secagg: str | None = secret(
        None, "secure aggregation: the server learns sums only; with mpc:K there are K servers",
        choices=tuple(SECAGG), bare="masks"
    )
    secagg_threshold: int | None = secret(
        None,
        "hospitals that must stay to the end of a round (default: more than half of the cohort)",
        low=2, high=10**6
    )
    ring_bits: int | None = secret(
        None, "bits of the integers that are summed: 32 or 64 (default with --secagg: 32)",
        low=32, high=64
    )
    mask_generator: str = secret(
        "shake", "what masks are made with; aes-ctr is fast, and needs the package cryptography",
        choices=("shake", "aes-ctr")
    )
    transcript: bool = secret(False, "keep each round's messages, for python -m fedmini.secagg show")

    dp_epsilon: float | None = private(
        None, "budget: training stops before the round that would pass it", above=0.0
    )
    dp_delta: float = private(1e-5, "chance allowed for the budget to fail", above=0.0, high=0.1)
    dp_unit: str = private(
        "patient",
        "what one unit of protection is: a hospital, an image, or all images of a patient",
        choices=("client", "record", "patient")
    )
    dp_mode: str = private(
        "central", "with --dp-unit client: the server adds noise; or, with --secagg, hospitals do",
        choices=("central", "distributed")
    )
    dp_colluders: int = private(1, "distributed noise: hospitals that may help the server", low=0)
    dp_noise_multiplier: float | None = private(
        None, "noise in clip bounds (default: the least that --rounds can be paid with)",
        low=1e-3, high=1e6
    )
    dp_accountant: str = private(
        "rdp", "Renyi, or the tighter and slower privacy loss distribution", choices=("rdp", "pld")
    )
    dp_images_per_patient: int = private(
        4, "images of a patient used in one step at most", low=1, high=10**6
    )
    dp_physical_batch: int = private(16, "gradients held in memory at a time", low=1, high=10**6)

    dropout: float = faulty(0.0, "chance that a hospital drops out of a round", low=0.0, high=1.0)
    stragglers: float = faulty(
        0.0, "chance that a hospital does only a part of its steps", low=0.0, high=1.0
    )
    straggler_policy: str | None = faulty(
        None, "what happens to their partial work (default: FedProx keeps it, the others drop it)",
        choices=("drop", "partial")
    )

    eval_every: int = output(1, "validate so often", low=1, unit="rounds")
    checkpoint_every: int = output(1, "write a checkpoint so often", low=1, unit="rounds")
    select: str = output("last", "which round's model is tested", choices=("last", "best-val"))
    no_images: bool = output(False, "leave out what shows a patient: figure, page")
