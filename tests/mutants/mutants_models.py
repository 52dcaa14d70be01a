"""Wrong networks and wrong first values."""

from __future__ import annotations

import math

import torch
from tests.contracts.framework import mutant
from torch import nn
from torch.nn import functional as F

from fedmini.models.init import NORMS, WEIGHTED, fan_in, initialise
from fedmini.models.unet import UNet


@mutant(
    "unet",
    law="law_unet_has_the_papers_parameters",
    harm="A second head that nothing trains is sent up and down by every client every round.",
)
class DeadWeight(UNet):
    def __init__(self, in_channels, classes, width=16, depth=3, norm="group"):
        super().__init__(in_channels, classes, width, depth, norm)
        self.auxiliary = nn.Conv2d(width, classes, 1)


@mutant(
    "unet",
    law="law_unet_keeps_the_size_or_refuses_it",
    harm="Odd images are quietly stretched: masks no longer lie over the anatomy they belong to.",
)
class StretchesWhatDoesNotFit(UNet):
    def check_size(self, height, width):
        pass

    def forward(self, images):
        unit = 2 ** len(self.rise)
        fitting = [max(1, round(side / unit)) * unit for side in images.shape[2:]]
        return F.interpolate(super().forward(F.interpolate(images, fitting)), images.shape[2:])


@mutant(
    "unet",
    law="law_unet_sees_each_image_alone",
    harm="A patient's result depends on who else is in the batch, and hospitals' statistics clash.",
)
class BatchNormInDisguise(UNet):
    def __init__(self, in_channels, classes, width=16, depth=3, norm="group"):
        super().__init__(in_channels, classes, width, depth, "batch")


@mutant(
    "unet",
    law="law_unet_keeps_fine_detail",
    harm="Borders of tumours come out as blocks: nothing finer than the deepest level is left.",
)
class ForgetsSkips(UNet):
    def forward(self, images):
        features = self.down[0](images)
        for level in self.down[1:]:
            features = level(F.max_pool2d(features, 2))
        for rise, level in zip(reversed(self.rise), reversed(self.up), strict=True):
            risen = rise(features)
            features = level(torch.cat([torch.zeros_like(risen), risen], dim=1))
        return self.head(features)


@mutant(
    "initialise",
    law="law_initial_values_come_from_the_generator_alone",
    harm="A run cannot be repeated: whatever drew before in the process changes the first model.",
)
def draws_from_the_global_generator(module, generator):
    initialise(module, torch.default_generator)


@mutant(
    "initialise",
    law="law_initial_values_come_from_the_generator_alone",
    harm="--seed is ignored: repeats over seeds start from one model and look too alike.",
)
def always_the_same(module, generator):
    initialise(module, torch.Generator())


@mutant(
    "initialise",
    law="law_initial_values_replace_all_that_was",
    harm="Upsampling keeps what a global generator drew when the layer was made: not repeatable.",
)
def leaves_transposed_convolutions(module, generator):
    for layer in module.modules():
        if isinstance(layer, WEIGHTED + NORMS) and not isinstance(layer, nn.ConvTranspose2d):
            initialise(layer, generator)


@mutant(
    "initialise",
    law="law_initial_weights_have_the_variance_of_he",
    harm="Half the variance a layer: in a deep network without norms, signal and gradients vanish.",
)
@torch.no_grad()
def forgets_that_rectifiers_halve(module, generator):
    initialise(module, generator)
    for layer in module.modules():
        if isinstance(layer, WEIGHTED):
            layer.weight.mul_(math.sqrt(0.5))


@mutant(
    "initialise",
    law="law_initial_weights_have_the_variance_of_he",
    harm="Transposed convolutions start with weights of the wrong size, layer after layer.",
)
@torch.no_grad()
def mistakes_outputs_for_inputs(module, generator):
    initialise(module, generator)
    for layer in module.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            layer.weight.mul_(math.sqrt(fan_in(layer) / layer.weight[0].numel()))
