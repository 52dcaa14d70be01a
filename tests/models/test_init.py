"""First values: what is unknown is named, and tied layers are drawn once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedmini.models.init import fan_in, initialise
from fedmini.rng import stream


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))


def test_a_layer_of_unknown_kind_is_named():
    with pytest.raises(TypeError, match="1.1.*Scale"):
        initialise(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), Scale())), stream(0))


def test_fan_in_of_a_transposed_convolution_is_what_one_output_adds_up():
    layer = nn.ConvTranspose2d(6, 5, 4, stride=2, bias=False)
    nn.init.ones_(layer.weight)
    output = layer(torch.ones(1, 6, 9, 9))
    assert output[0, 0, 8, 8].item() == fan_in(layer) == 24


@pytest.mark.parametrize("layer", [nn.Conv2d(6, 4, 3, groups=2), nn.Linear(7, 3)])
def test_fan_in_of_other_layers(layer):
    assert fan_in(layer) == (27 if isinstance(layer, nn.Conv2d) else 7)


def test_a_layer_that_stands_twice_is_drawn_once():
    tied = nn.Linear(3, 3)
    twice, once = nn.Sequential(tied, nn.ReLU(), tied), nn.Sequential(nn.Linear(3, 3))
    initialise(twice, stream(5))
    initialise(once, stream(5))
    assert torch.equal(tied.weight, once[0].weight)
