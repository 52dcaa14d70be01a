"""The U-Net in use: every norm trains, every parameter learns, and bad sizes are refused early."""

from __future__ import annotations

import pytest
import torch

from fedmini.errors import UserError
from fedmini.models.init import initialise
from fedmini.models.unet import UNet
from fedmini.options import options_of
from fedmini.rng import stream


def made(**options) -> UNet:
    net = UNet(2, 3, width=4, depth=2, **options)
    initialise(net, stream(0, "initial"))
    return net


@pytest.mark.parametrize("norm", ["group", "batch", "none"])
def test_every_parameter_learns(norm):
    net = made(norm=norm)
    images = torch.randn(4, 2, 16, 16, generator=stream(0, "images"))
    net(images).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("norm", ["group", "batch", "none"])
def test_a_step_at_a_time_it_learns(norm):
    net = made(norm=norm)
    images = torch.randn(4, 2, 8, 8, generator=stream(1, "images"))
    truth = (images[:, 0] > 0).long() + (images[:, 1] > 1).long()
    losses = []
    for _ in range(80):
        losses.append(torch.nn.functional.cross_entropy(net(images), truth))
        gradients = torch.autograd.grad(losses[-1], list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(net.parameters(), gradients, strict=True):
                parameter -= 0.05 * gradient
    assert losses[-1] < 0.8 * losses[0]


def test_only_batch_norm_has_buffers():
    assert not list(made(norm="group").buffers()) and not list(made(norm="none").buffers())
    assert len(list(made(norm="batch").buffers())) == 3 * 10  # ten norms: mean, variance, count


@pytest.mark.parametrize("options", [{"norm": "layer"}, {"width": 0}, {"depth": 0}])
def test_refuses_what_it_cannot_build(options):
    with pytest.raises(UserError, match="--" + next(iter(options))):
        UNet(1, 2, **options)


def test_a_size_that_does_not_fit_is_named_with_its_option():
    with pytest.raises(UserError, match="--depth 4: images of 64x72 .* multiples of 16"):
        UNet(1, 2, width=1, depth=4).check_size(64, 72)


def test_its_options_are_those_of_its_constructor():
    assert {option.name: option.default for option in options_of(UNet)} == {
        "width": 16,
        "depth": 3,
        "norm": "group",
    }
