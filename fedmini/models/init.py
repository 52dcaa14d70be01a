"""First values for every parameter of a network, all drawn from one given generator.

Weights of convolutions and linear layers: He et al. 2015, "Delving deep into rectifiers" (Eq. 10).
PyTorch has already drawn weights from its global generator when a layer was made; every one of them
is overwritten here, so that nothing global reaches a run.

Left out: layers other than convolution, linear and normalisation. They are named, not guessed at.
"""

import math

import torch
from torch import nn

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, *TRANSPOSED)
NORMS = (nn.GroupNorm, nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Overwrite every parameter of `module` in place, drawing from the CPU `generator`.

    Weights are normal with variance 2 / fan-in, biases 0, the scales of norm layers 1. Layers are
    visited in the order of `module.modules()`. Raises TypeError for another layer with parameters.
    """
    for name, layer in module.named_modules():
        if not any(True for _ in layer.parameters(recurse=False)):
            continue
        if isinstance(layer, WEIGHTED):
            # Var[w] = 2 / n, n the number of inputs that one output adds up.
            draw = torch.randn(layer.weight.shape, generator=generator)
            layer.weight.copy_(draw * math.sqrt(2 / fan_in(layer)))
        elif isinstance(layer, NORMS):
            layer.weight.fill_(1)
        else:
            raise TypeError(f"{name or 'the module'}: no first values known for {type(layer)}")
        if layer.bias is not None:
            layer.bias.zero_()


def fan_in(layer: nn.Module) -> float:
    """How many inputs one output of a convolution or linear layer adds up, borders apart."""
    if isinstance(layer, TRANSPOSED):
        inputs = layer.in_channels // layer.groups
        return inputs * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()
