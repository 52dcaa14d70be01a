"""What a flat model promises: one vector, in which all that learns or travels really lives."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import nn

from fedmini.rng import stream
from tests.contracts.framework import law, real

real("flat_model", "fedmini.vector:FlatModel")

SEEDS = st.integers(0, 10**6)


class Tied(nn.Module):
    """Two linear layers that share one weight, and a batch norm with float and integer buffers."""

    NAMES = ["norm.weight", "norm.bias", "first.weight", "first.bias", "second.bias"]
    BUFFERS = ["norm.running_mean", "norm.running_var"]
    SIZES = [2, 2, 4, 2, 2, 2, 2]
    D, P = 12, 16

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(self.norm(x))))


def places() -> dict[str, slice]:
    """Where each tensor of `Tied` must lie: parameters in order, then float buffers."""
    found, offset = {}, 0
    for name, size in zip(Tied.NAMES + Tied.BUFFERS, Tied.SIZES, strict=True):
        found[name] = slice(offset, offset + size)
        offset += size
    return found


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=stream(seed, "test"))


def lookup(module: nn.Module, name: str) -> torch.Tensor:
    return dict([*module.named_parameters(), *module.named_buffers()])[name]


@law("flat_model", seed=SEEDS)
def law_parameters_first_then_float_buffers_each_once(impl, seed):
    module = Tied()
    with torch.no_grad():
        for index, tensor in enumerate([*module.parameters(), module.norm.running_mean]):
            tensor.copy_(noise(seed + index, *tensor.shape))
    module.norm.num_batches_tracked += 7
    expected = torch.cat([lookup(module, name).detach().reshape(-1) for name in places()])
    model = impl(module)
    assert model.state.shape == (Tied.P,) and model.state.dtype == torch.float32
    assert model.vector.shape == model.grad.shape == (Tied.D,)
    assert torch.equal(model.state, expected), "building the vector changed values or their order"
    assert torch.equal(model.buffers, expected[Tied.D :])
    assert module.norm.num_batches_tracked == 7
    assert module.first.weight is module.second.weight, "tied parameters came apart"


@law("flat_model", seed=SEEDS)
def law_views_alias_both_ways(impl, seed):
    module = Tied()
    model = impl(module)
    model.load(noise(seed, Tied.P))
    for name, place in places().items():
        assert torch.equal(lookup(module, name).detach().reshape(-1), model.state[place]), name
    model.vector.mul_(2)
    model.buffers.sub_(1)
    for index, name in enumerate(places()):
        with torch.no_grad():
            lookup(module, name).add_(index)
    for index, (name, place) in enumerate(places().items()):
        factor, shift = (2, 0) if place.start < Tied.D else (1, -1)
        expected = noise(seed, Tied.P)[place] * factor + shift + index
        assert torch.equal(model.state[place], expected), f"{name} lives elsewhere"


@law("flat_model", seed=SEEDS)
def law_gradients_land_in_the_vector(impl, seed):
    module, plain = Tied(), Tied()
    model, x, start = impl(module), noise(seed, 5, 2), noise(seed + 1, Tied.P)
    model.load(start)
    with torch.no_grad():
        for name, place in places().items():
            lookup(plain, name).copy_(start[place].view(lookup(plain, name).shape))
    plain(x).square().sum().backward()
    expected = torch.cat([parameter.grad.reshape(-1) for parameter in plain.parameters()])
    for times in (1, 2):  # the second pass adds to the first, as autograd does
        module(x).square().sum().backward()
        assert torch.allclose(model.grad, times * expected, rtol=1e-5, atol=1e-6)
    model.grad.zero_()
    assert all(not parameter.grad.any() for parameter in module.parameters())


@law("flat_model", seed=SEEDS)
def law_running_statistics_land_in_the_vector(impl, seed):
    model, x = impl(Tied()), noise(seed, 6, 2)
    model.module.train()
    model.module(x)
    assert torch.allclose(model.state[places()["norm.running_mean"]], 0.1 * x.mean(0), atol=1e-6)
    model.check_views()


@law("flat_model", seed=SEEDS)
def law_loading_copies_and_keeps_the_views(impl, seed):
    model, loaded = impl(Tied()), noise(seed, Tied.P)
    address, views = model.state.data_ptr(), (model.vector, model.buffers)
    model.load(loaded)
    assert model.state.data_ptr() == address and torch.equal(torch.cat(views), loaded)
    model.check_views()
    model.state.add_(1)
    assert torch.equal(loaded, noise(seed, Tied.P)), "training wrote into what was loaded"


def zero_grad(module):
    module.zero_grad()
    return "norm.weight"


def move(module):
    module.first.to(torch.float64)
    return "first.weight"


def assign_parameter(module):
    module.first.bias = nn.Parameter(torch.zeros(2))
    return "first.bias"


def assign_buffer(module):
    module.norm.running_var = torch.ones(2)
    return "norm.running_var"


def untie(module):
    module.second.weight = nn.Parameter(torch.zeros(2, 2))
    return "second.weight"


def assign_gradient(module):
    module.second.bias.grad = torch.zeros(2)
    return "second.bias"


@law(
    "flat_model",
    detach=st.sampled_from(
        [zero_grad, move, assign_parameter, assign_buffer, untie, assign_gradient]
    ),
)
def law_what_came_loose_is_named(impl, detach):
    model = impl(Tied())
    model.check_views()
    name = detach(model.module)
    try:
        model.check_views()
    except RuntimeError as error:
        assert name in str(error), f"{name} came loose, and the message is: {error}"
    else:
        raise AssertionError(f"{name} came loose, and nobody noticed")


@law("flat_model", chosen=st.sets(st.sampled_from(list(places()))))
def law_masks_cover_whole_tensors(impl, chosen):
    model = impl(Tied())
    expected = torch.zeros(Tied.P, dtype=torch.bool)
    for name in chosen:
        expected[places()[name]] = True
    assert torch.equal(model.mask(lambda name: name in chosen), expected)
    assert model.variances().nonzero().flatten().tolist() == [14, 15]
