"""The residual networks in use: counts, learning, options, memory format, and bad options."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedmini import models
from fedmini.errors import UserError
from fedmini.models.init import initialise
from fedmini.models.resnet import ResNet, Shortcut
from fedmini.options import options_of
from fedmini.registry import resolve
from fedmini.rng import stream
from fedmini.vector import FlatModel

NAMES = ["resnet18", "resnet34", "resnet50"]


def made(name: str, **options) -> ResNet:
    net = resolve("model", name)(1, 3, **options)
    initialise(net, stream(0, "initial"))
    return net


@pytest.mark.parametrize(
    ("name", "count"), [*zip(NAMES, [11_689_512, 21_797_672, 25_557_032], strict=True)]
)
def test_parameters_are_as_many_as_published(name, count):
    with torch.device("meta"):
        batch, group = getattr(models, name)(3, 1000, norm="batch"), getattr(models, name)(3, 1000)
    for net in (batch, group):
        assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"stem": "small", "norm": "batch"}])
def test_every_parameter_learns(name, options):
    net = made(name, width=4, **options)
    net(torch.randn(4, 1, 32, 24, generator=stream(0, "images"))).square().sum().backward()
    for parameter_name, parameter in net.named_parameters():
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_step_by_step_it_learns_where_a_dot_lies():
    net = made("resnet18", width=8, stem="small")
    images = 0.1 * torch.randn(12, 1, 16, 16, generator=stream(1, "images"))
    truth = torch.arange(12) % 3
    for image, each in zip(images, truth, strict=True):
        image[0, 2 + 5 * each : 4 + 5 * each, 7:9] += 2
    flat, losses = FlatModel(net), []
    for _ in range(12):
        flat.grad.zero_()
        loss = nn.functional.cross_entropy(net(images), truth)
        loss.backward()
        losses.append(loss.item())
        flat.vector.add_(flat.grad, alpha=-0.1)
    flat.check_views()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("width", [1, 6, 16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_are_those_of_double_precision(width, layout):
    net = made("resnet18", width=width, stem="small")
    images = torch.randn(2, 1, 16, 16, generator=stream(2, "images"))
    net(images.contiguous(memory_format=layout)).sum().backward()
    exact = made("resnet18", width=width, stem="small").double()
    exact(images.double()).sum().backward()
    for parameter, truth in zip(net.parameters(), exact.parameters(), strict=True):
        assert (parameter.grad - truth.grad).norm() <= 1e-3 * truth.grad.norm() + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_no_convolution_of_one_pixel_strides(name):
    """Narrow ones in channels last overwrite memory in oneDNN 3.12: see Shortcut."""
    convolutions = [each for each in made(name).modules() if isinstance(each, nn.Conv2d)]
    assert not [each for each in convolutions if each.kernel_size == (1, 1) != each.stride]


def test_a_shortcut_takes_every_second_pixel_from_the_first():
    shortcut = Shortcut(1, 2, 2, "group")
    seen = shortcut[0].weight.view(2, 1, 1) * torch.tensor([[0.0, 2.0], [6.0, 8.0]])
    expected = shortcut[1](seen[None])
    assert torch.equal(shortcut(torch.arange(9.0).view(1, 1, 3, 3)), expected)


def test_only_batch_norm_has_buffers():
    assert not list(made("resnet18", width=1).buffers())
    assert len(list(made("resnet18", width=1, norm="batch").buffers())) == 3 * 20


@pytest.mark.parametrize("options", [{"norm": "none"}, {"stem": "tiny"}, {"width": 0}])
def test_refuses_what_it_cannot_build(options):
    with pytest.raises(UserError, match="--" + next(iter(options))):
        made("resnet18", **options)


@pytest.mark.parametrize("name", NAMES)
def test_its_options_are_those_of_its_constructor(name):
    assert {option.name: option.default for option in options_of(resolve("model", name))} == {
        "norm": "group",
        "width": 64,
        "stem": "large",
    }
