"""The flat model beyond its laws: an optimiser of torch moves the same vector, shapes survive."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedmini.vector import FlatModel
from tests.contracts.laws_vector import Tied, noise


def test_a_step_on_the_vector_is_a_step_of_torch():
    plain, flat = Tied(), FlatModel(Tied())
    plain.load_state_dict(flat.module.state_dict())
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for seed in range(3):
        x = noise(seed, 4, 2)
        optimizer.zero_grad()
        plain(x).square().sum().backward()
        optimizer.step()
        flat.grad.zero_()
        flat.module(x).square().sum().backward()
        flat.vector.sub_(flat.grad, alpha=0.1)
        flat.check_views()
    for one, other in zip(plain.state_dict().values(), flat.module.state_dict().values()):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_every_model_becomes_float32(dtype):
    model = FlatModel(nn.Linear(3, 2).to(dtype))
    assert model.state.dtype == model.module.weight.dtype == torch.float32
    model.module(torch.zeros(1, 3)).sum().backward()
    model.check_views()


def test_other_memory_formats_become_plain():
    conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    weight = conv.weight.detach().clone()
    model = FlatModel(conv)
    assert torch.equal(conv.weight, weight) and conv.weight.is_contiguous()
    assert torch.equal(model.vector[: weight.numel()], weight.reshape(-1))
    conv.to(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="weight no longer lives"):
        model.check_views()


def test_frozen_parameters_have_a_place_and_no_gradient():
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    model = FlatModel(layer)
    layer(torch.ones(1, 2)).sum().backward()
    assert model.grad.tolist() == [0, 0, 0, 0, 1, 1]


def test_parameters_that_came_later_are_named():
    model = FlatModel(nn.Sequential(nn.Linear(2, 2)))
    model.module.append(nn.Linear(2, 1))
    with pytest.raises(RuntimeError, match="1.bias was added"):
        model.check_views()


def test_a_vector_of_the_wrong_length_is_refused():
    model = FlatModel(nn.Linear(2, 2))
    with pytest.raises(RuntimeError):
        model.load(torch.zeros(5))


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_a_parameter_without_numbers_is_no_reason_to_complain():
    model = FlatModel(nn.Linear(0, 2))
    model.check_views()
    assert model.state.shape == (2,)
