"""Every option of a run: its default, help and range, in the groups of `--help`. No torch here.

Options that belong to a component (`--mu` to FedProx, `--alpha` to the Dirichlet partition) are
fields of that component.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from fedmini.options import option

what = partial(option, group="what to run")
held = partial(option, group="hospitals and their data")
net = partial(option, group="model")
local = partial(option, group="local training")
federated = partial(option, group="federation")
secret = partial(option, group="secure aggregation")
private = partial(option, group="differential privacy: give a budget, a noise, or both")
squeezed = partial(option, group="compression")
faulty = partial(option, group="faults and unequal hospitals")
output = partial(option, group="measuring and keeping")
SECAGG = {"masks": 0} | {f"mpc:{k}": k for k in range(2, 10)}  # -> computing servers


@dataclass(frozen=True)
class RunOptions:
    """Values as they are given; None where data and preset decide."""

    dataset: str = what("brats", "data/NAME.h5, or a synthetic stand-in")
    algo: str = what("fedprox", "several are compared on identical hospitals")
    seed: str = what("0", "seed of every draw; several repeat the run")
    preset: Literal["tiny", "small", "paper"] = what("small", "defaults for size, network, rounds")
    device: Literal["auto", "cpu", "cuda"] = what("auto", "where to compute")
    threads: int | None = what(None, "processor threads (default: all)", low=1, high=1024)

    data: str | None = held(None, "prepared file (default: data/DATASET.h5)")
    in_memory: Literal["auto", "yes", "no"] = held(
        "auto", "images in memory, or read when used (auto: above a quarter of the memory)"
    )
    partition: str | None = held(
        None, "who holds what (default: site for data with sites, without --clients; or dirichlet)"
    )
    clients: int | None = held(None, "hospitals (default: the sites, or 5)", low=1)
    scanner_shift: float = held(0.0, "how far the hospitals' scanners differ", low=0.0, high=10.0)
    split_seed: str | None = held(None, "redraw the split of patients; several repeat the run")
    size: int | None = held(None, "longer side of the images at most", unit="pixels", low=8)

    model: str | None = net(None, "network")
    width: int | None = net(None, "channels of the first level", low=1, high=1024)
    depth: int | None = net(None, "times that the image is halved", low=1, high=8)
    stem: Literal["large", "small", None] = net(
        None, "first layers of a ResNet (default: small for images below 48 pixels)"
    )
    pretrained: str | None = net(
        None, "first weights of a ResNet, as torchvision publishes: with --norm batch --width 64"
    )
    norm: Literal["group", "batch", "none"] = net("group", "normalisation")
    batch_norm: Literal["average", "local", None] = net(
        None, "with --norm batch: average its statistics, or keep its layers local (FedBN)"
    )

    rounds: int | None = local(None, "times that the model goes out", low=1, high=10**6)
    local_epochs: float = local(1.0, "passes in a round; 0.5 is half a pass", above=0.0, high=1e4)
    local_steps: int | None = local(None, "steps in a round, instead of passes", low=1, high=10**6)
    batch_size: int | None = local(
        None, "images in a batch; patients, with --dp-unit patient", low=1, high=10**6
    )
    optimizer: str = local("adam", "local optimiser")
    lr: float = local(2e-3, "local learning rate", above=0.0)
    lr_schedule: Literal["constant", "cosine"] = local("constant", "learning rate over rounds")
    augment: Literal["flips", "mirror", "none", None] = local(
        None, "random changes of training images: mirrored left to right, or top to bottom as well"
    )

    cohort: str = federated("1.0", "hospitals asked in a round: 3 is a count, 0.3 a part, 1.0 all")
    sampling: Literal["fixed", "poisson"] = federated(
        "fixed", "cohorts of exactly that size, or on average"
    )
    aggregator: str = federated("mean", "how updates become one")
    min_survivors: int = federated(1, "a round with fewer uploads changes nothing", low=1)
    clip: float | None = federated(
        None, "L2 bound of an update; of a gradient with --dp-unit record or patient (default "
        "with differential privacy: 1; with --secagg: 100)", low=1e-9, high=1e9
    )
    weight_cap: int | None = federated(
        None, "most images a hospital counts for (default with --secagg: 1000)", low=1, high=10**9
    )

    secagg: Literal[*SECAGG, None] = secret(
        None, "the server learns sums only; with mpc:K there are K servers", bare="masks"
    )
    secagg_threshold: int | None = secret(
        None, "hospitals that must stay (default: more than half the cohort)", low=2, high=10**6
    )
    ring_bits: Literal[32, 64, None] = secret(None, "bits of a sum (default with --secagg: 32)")
    mask_generator: Literal["shake", "aes-ctr"] = secret(
        "shake", "what masks are made with; aes-ctr is fast, and needs the package cryptography"
    )
    transcript: bool = secret(False, "keep each round's messages for python -m fedmini.secagg show")

    dp_epsilon: float | None = private(None, "budget: training stops before passing it", above=0.0)
    dp_delta: float = private(1e-5, "chance allowed for the budget to fail", above=0.0, high=0.1)
    dp_unit: Literal["client", "record", "patient"] = private(
        "patient", "what is protected: a hospital, an image, or all images of a patient"
    )
    dp_mode: Literal["central", "distributed"] = private(
        "central", "with --dp-unit client: the server adds noise; or, with --secagg, hospitals do"
    )
    dp_colluders: int = private(1, "distributed noise: hospitals that may help the server", low=0)
    dp_noise_multiplier: float | None = private(
        None, "noise in clip bounds (default: the least that pays --rounds)", low=1e-3, high=1e6
    )
    dp_accountant: Literal["rdp", "pld"] = private(
        "rdp", "Renyi, or the tighter and slower privacy loss distribution"
    )
    dp_images_per_patient: int = private(4, "most images of a patient in a step", low=1, high=10**6)
    dp_physical_batch: int = private(16, "gradients held in memory at a time", low=1, high=10**6)

    compress: str = squeezed(
        "none", "what travels of an update: topk:R, randk:R, prevk:R, FILE.py:NAME:R, or all; then "
        "quant:BITS of each number, as in topk:0.01+quant:4"
    )
    error_feedback: bool | None = squeezed(
        None, "add what was left out to the next update (default: with topk or your own sparsifier)"
    )

    dropout: float = faulty(0.0, "chance that a hospital drops out of a round", low=0.0, high=1.0)
    stragglers: float = faulty(0.0, "chance to do only a part of the steps", low=0.0, high=1.0)
    straggler_policy: Literal["drop", "partial", None] = faulty(
        None, "what happens to their partial work (default: FedProx keeps it, the others drop it)"
    )
    profile: str = faulty(
        "uniform", "machine and line of each hospital: uniform, hospital-tiers or FILE.json"
    )
    deadline: float | None = faulty(
        None, "of a round: who would come later is a straggler", above=0.0, unit="simulated hours"
    )

    eval_every: int = output(1, "validate so often", low=1, unit="rounds")
    checkpoint_every: int = output(1, "write a checkpoint so often", low=1, unit="rounds")
    select: Literal["last", "best-val"] = output("last", "which round's model is tested")
    no_images: bool = output(False, "leave out what shows a patient: figure, page")

    @property
    def unit(self) -> str | None:
        """What differential privacy protects: --dp-unit, or None where no noise is asked for."""
        wanted = self.dp_epsilon is not None or self.dp_noise_multiplier is not None
        return self.dp_unit if wanted else None
