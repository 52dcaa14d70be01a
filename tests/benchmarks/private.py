"""What a step of DP-SGD costs beside a plain step, as ratios measured side by side.

A private step is the clipped sum over a batch of 32 images, each a unit, its noise, the noisy mean
and the step of SGD; a plain one the gradient of the batch and the step. Run by `make bench`.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from torch import Tensor, nn

from fedmini.config import available_threads
from fedmini.models import resnet18
from fedmini.models.init import initialise
from fedmini.models.norm import norm_layer
from fedmini.privacy.mechanism import gaussian_noise, noisy_mean
from fedmini.privacy.per_example import clipped_sum
from fedmini.rng import stream
from fedmini.tasks.classification import Multilabel
from fedmini.vector import FlatModel
from tests.benchmarks.bench import compare

BATCH, PHYSICAL, FINDINGS, LR = 32, 16, 14, 1e-3
TASK = Multilabel([f"finding {number}" for number in range(FINDINGS)], {})


def small_cnn() -> nn.Module:
    """Three convolutions with group norm: 95,000 parameters."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        layers += [convolution, norm_layer("group", outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, FINDINGS))


NETWORKS = {  # the network, and the side of its images
    "small CNN": (small_cnn, 32),
    "ResNet-18, width 8": (partial(resnet18, 1, FINDINGS, width=8, stem="small"), 32),
    "ResNet-18, small stem": (partial(resnet18, 1, FINDINGS, stem="small"), 32),
    "ResNet-18": (partial(resnet18, 1, FINDINGS), 64),
    "ResNet-18, paper": (partial(resnet18, 1, FINDINGS), 224),
}


class Steps:
    """A network, a batch of noise images, and one step on it of either kind."""

    def __init__(self, module: nn.Module, side: int) -> None:
        initialise(module, stream(0, "values"))
        self.model, draws = FlatModel(module), stream(0, "batch")
        self.images = torch.randn(BATCH, 1, side, side, generator=draws)
        self.targets = torch.randint(0, 2, (BATCH, FINDINGS), generator=draws)

    def plain(self) -> None:
        self.model.grad.zero_()
        TASK.loss(self.model.module(self.images), self.targets).backward()
        self.model.vector.sub_(self.model.grad, alpha=LR)

    def private(self) -> None:
        units: list[tuple[Tensor, Tensor]] = list(
            zip(self.images.split(1), self.targets.split(1), strict=True)
        )
        total, _ = clipped_sum(self.model, TASK.loss, units, max_norm=1.0, physical_batch=PHYSICAL)
        noise = gaussian_noise(
            len(total), max_norm=1.0, noise_multiplier=1.0, generator=stream(0, "noise")
        )
        self.model.grad.copy_(noisy_mean(total, noise, BATCH))
        self.model.vector.sub_(self.model.grad, alpha=LR)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.private")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", metavar="TEXT", help="networks with this in the name")
    options = parser.parse_args()
    torch.set_num_threads(available_threads())
    for name, (network, side) in NETWORKS.items():
        if options.only in name:
            steps = Steps(network(), side)
            what = f"{name}, {side} pixels: private / plain step"
            compare(what, steps.private, steps.plain, options.pairs)


if __name__ == "__main__":
    main()
