"""The small network: its size, the images it takes, and that it learns."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fedmini.errors import UserError
from fedmini.models.cnn import CNN
from fedmini.models.init import initialise
from fedmini.rng import stream
from fedmini.vector import FlatModel


def test_parameters_are_few():
    # 25 w + 2w, 18 w^2 + 4w, 36 w^2 + 4w, then 2 w x 16 x 14 and 14 shifts
    count = sum(each.numel() for each in CNN(1, 14, width=4).parameters())
    assert count == 25 * 4 + 8 + 18 * 16 + 16 + 36 * 16 + 16 + 2 * 4 * 16 * 14 + 14


@given(height=st.integers(1, 40), width=st.integers(1, 40), channels=st.integers(1, 4))
def test_images_of_any_size_are_answered_each_for_itself(height, width, channels):
    net = CNN(channels, 3, width=2)
    initialise(net, stream(0, "initial"))
    images = torch.randn(2, channels, height, width, generator=stream(0, "images"))
    both = net(images)
    assert both.shape == (2, 3)
    torch.testing.assert_close(both[1:], net(images[1:]))


def test_step_by_step_it_learns():
    net = CNN(1, 3)
    initialise(net, stream(0, "initial"))
    images = torch.randn(12, 1, 16, 16, generator=stream(1, "images"))
    truth, flat, losses = torch.arange(12) % 3, FlatModel(net), []
    for _ in range(12):
        flat.grad.zero_()
        loss = nn.functional.cross_entropy(net(images), truth)
        loss.backward()
        losses.append(loss.item())
        flat.vector.add_(flat.grad, alpha=-0.1)
    flat.check_views()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("options", [{"width": 0}, {"norm": "none"}])
def test_bad_options_are_refused(options):
    with pytest.raises(UserError, match=f"--{next(iter(options))}"):
        CNN(1, 3, **options)
