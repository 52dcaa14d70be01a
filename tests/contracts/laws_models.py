"""Laws about the U-Net and about the first values of any network."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from torch import nn

from fedmini.errors import UserError
from fedmini.models.init import initialise
from fedmini.rng import stream

real("unet", "fedmini.models.unet:UNet")
real("initialise", "fedmini.models.init:initialise")

KEYS = st.integers(0, 2**40)


def counted(in_channels: int, classes: int, width: int, depth: int) -> int:
    """Parameters of a U-Net with group norm, added up by hand from the paper's figure 1."""

    def pair(inputs, outputs):  # two convolutions without bias, two norms of scale and shift
        return 9 * inputs * outputs + 9 * outputs * outputs + 2 * 2 * outputs

    total = pair(in_channels, width)
    for level in range(depth):
        fine, coarse = width * 2**level, width * 2 ** (level + 1)
        rise = 2 * 2 * coarse * fine + fine
        total += pair(fine, coarse) + rise + pair(fine + fine, fine)
    return total + width * classes + classes


def images(key: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=stream(key, "images"))


def network() -> nn.Module:
    """One layer of each kind that ships with PyTorch and that a model here may be made of."""
    return nn.ModuleDict(
        {
            "convolution": nn.Conv2d(6, 64, 3, groups=2),
            "transposed": nn.ConvTranspose2d(64, 32, 2, stride=2),
            "linear": nn.Linear(100, 80),
            "unbiased": nn.Linear(50, 60, bias=False),
            "group": nn.GroupNorm(2, 6),
            "batch": nn.BatchNorm2d(6),
        }
    )


@law(
    "unet",
    in_channels=st.integers(1, 4),
    classes=st.integers(2, 5),
    width=st.integers(1, 9),
    depth=st.integers(1, 3),
)
def law_unet_has_the_papers_parameters(impl, in_channels, classes, width, depth):
    net = impl(in_channels, classes, width=width, depth=depth)
    expected = counted(in_channels, classes, width, depth)
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


@law("unet", depth=st.integers(1, 3), height=st.integers(1, 20), width=st.integers(1, 20))
def law_unet_keeps_the_size_or_refuses_it(impl, depth, height, width):
    net = impl(2, 3, width=2, depth=depth)
    fits = height % 2**depth == 0 and width % 2**depth == 0
    refused = []
    for ask in (net.check_size, run_on(net)):
        try:
            ask(height, width)
        except UserError as found:
            refused.append(str(found))
    assert len(refused) == (0 if fits else 2)
    assert fits or ("--depth" in refused[0] and f"{height}x{width}" in refused[0])


def run_on(net: nn.Module):
    def run(height: int, width: int) -> None:
        logits = net(images(0, 1, 2, height, width))
        assert logits.shape == (1, 3, height, width)

    return run


@law("unet", key=KEYS, norm=st.sampled_from(["group", "none"]))
def law_unet_sees_each_image_alone(impl, key, norm):
    net = impl(2, 3, width=4, depth=2, norm=norm)
    initialise(net, stream(key, "initial"))
    batch = images(key, 3, 2, 8, 8)
    together, alone = net(batch)[:1], net(batch[:1])
    assert torch.allclose(together, alone, rtol=1e-3, atol=1e-4)


@law("unet", key=KEYS)
def law_unet_keeps_fine_detail(impl, key):
    net = impl(1, 4, width=8, depth=2)
    initialise(net, stream(key, "initial"))
    row = torch.arange(32)
    board = (row[:, None] + row) % 2 * 2.0 - 1
    # black and white swapped: the maximum over any 2x2 window inside stays what it was
    logits = net(torch.stack([board, -board])[:, None])
    change = (logits[0] - logits[1])[:, 12:20, 12:20].abs().mean()
    assert change > 0.04 * logits.std(), (change, logits.std())


@law("initialise", key=KEYS, outer=KEYS)
def law_initial_values_come_from_the_generator_alone(impl, key, outer):
    drawn = []
    for seed, generator in ((outer, key), (outer + 1, key), (outer, key + 1)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = network()
            impl(module, stream(generator, "initial"))
        drawn.append(nn.utils.parameters_to_vector(module.parameters()))
    assert torch.equal(drawn[0], drawn[1]), "a global generator has a say"
    assert not torch.equal(drawn[0], drawn[2]), "the given generator has none"


@law("initialise", key=KEYS)
def law_initial_values_replace_all_that_was(impl, key):
    module, again = network(), network()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(float("nan"))
    impl(module, stream(key, "initial"))
    impl(again, stream(key, "initial"))
    for name, parameter in module.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name)), name


@law("initialise", key=KEYS)
def law_initial_weights_have_the_variance_of_he(impl, key):
    module = network()
    impl(module, stream(key, "initial"))
    inputs = {"convolution": 3 * 9, "transposed": 64, "linear": 100, "unbiased": 50}
    for name, count in inputs.items():
        layer = module[name]
        ratio = layer.weight.var().item() / (2 / count)
        assert abs(ratio - 1) < 8 * math.sqrt(2 / layer.weight.numel()), (name, ratio)
        assert layer.bias is None or not layer.bias.any(), name
    for name in ("group", "batch"):
        assert (module[name].weight == 1).all() and not module[name].bias.any(), name
