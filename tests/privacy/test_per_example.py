"""Per-example gradients of fedmini's networks, and of those that torch.func cannot follow."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fedmini.models import UNet, resnet18, resnet34, resnet50
from fedmini.models.init import initialise
from fedmini.privacy import per_example
from fedmini.privacy.mechanism import clip
from fedmini.privacy.per_example import MANY_UNITS, alike, at_once, clipped_sum, one_by_one
from fedmini.rng import stream
from fedmini.vector import FlatModel

BOUND = 0.5


class Tied(nn.Module):
    """Two layers with one weight, and a layer that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.unused = (nn.Linear(16 * 16, 16 * 16) for _ in range(3))
        self.second.weight = self.first.weight

    def forward(self, images):
        return self.second(torch.tanh(self.first(images.flatten(1))))


class Halve(torch.autograd.Function):
    """An operator of its own, which torch.func cannot follow."""

    @staticmethod
    def forward(context, values):
        return values / 2

    @staticmethod
    def backward(context, gradient):
        return gradient / 2


class Custom(Tied):
    def forward(self, images):
        return self.first(Halve.apply(images.flatten(1)))


small = partial(resnet18, 1, 3, width=4, stem="small")
NETWORKS = {
    "small stem": small,
    "large stem": partial(resnet18, 1, 3, width=4),
    "34 layers": partial(resnet34, 1, 3, width=2, stem="small"),
    "50 layers": partial(resnet50, 1, 3, width=2, stem="small"),
    "U-Net": partial(UNet, 1, 3, width=4, depth=2),
    "U-Net without norms": partial(UNet, 1, 3, width=4, depth=2, norm="none"),
    "tied": Tied,
}
ALONE = {"custom": Custom, "batch norm": partial(UNet, 1, 3, width=4, depth=1, norm="batch")}


def loss_of(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(outputs.flatten(1).mean(1), targets)


def model_of(network) -> FlatModel:
    module = network()
    initialise(module, stream(0, "values"))
    return FlatModel(module)


def drawn(count: int, images: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    draws = stream(0, "units")
    shape = (images, 1, 16, 16)
    return [
        (torch.randn(shape, generator=draws), torch.randn(images, generator=draws))
        for _ in range(count)
    ]


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_both_ways_lead_to_the_same_gradients(name, images):
    model, units = model_of(NETWORKS[name]), drawn(3, images)
    found, losses = at_once(model, loss_of, units)
    assert found.shape == (3, len(model.vector))
    for gradient, loss, (one, value) in zip(
        found, losses, one_by_one(model, loss_of, units), strict=True
    ):
        assert float((gradient - one).norm()) <= 2e-5 * float(one.norm())
        torch.testing.assert_close(loss, value)


@pytest.mark.parametrize("name", ALONE)
def test_a_network_that_cannot_be_followed_goes_one_by_one(name):
    model, units = model_of(ALONE[name]), drawn(MANY_UNITS)
    with pytest.raises(RuntimeError):
        at_once(model, loss_of, units)
    total, _ = clipped_sum(model, loss_of, units, max_norm=BOUND, physical_batch=MANY_UNITS)
    shares = sum(clip(each, BOUND).double() for each, _ in one_by_one(model, loss_of, units))
    torch.testing.assert_close(total.double(), shares, rtol=1e-4, atol=1e-6)


def test_a_frozen_parameter_gets_no_gradient():
    model = model_of(NETWORKS["tied"])
    model.module.first.bias.requires_grad_(False)
    frozen = model.mask(lambda name: name == "first.bias")
    units = drawn(MANY_UNITS)
    total, _ = clipped_sum(model, loss_of, units, max_norm=BOUND, physical_batch=MANY_UNITS)
    assert not total[frozen].any() and total[~frozen].any()


def test_which_way_is_taken_depends_on_sizes_alone(monkeypatch):
    taken = []
    monkeypatch.setattr(
        per_example, "at_once", lambda *given: taken.append(len(given[2])) or at_once(*given)
    )
    model = model_of(small)
    units = drawn(MANY_UNITS + 1) + drawn(MANY_UNITS - 1, images=2)
    for _ in range(2):
        clipped_sum(model, loss_of, units, max_norm=BOUND, physical_batch=64)
    clipped_sum(model, loss_of, units, max_norm=BOUND, physical_batch=MANY_UNITS - 1)
    monkeypatch.setattr(per_example, "FEW_PARAMETERS", len(model.vector) - 1)
    clipped_sum(model, loss_of, units, max_norm=BOUND, physical_batch=64)
    assert taken == [MANY_UNITS + 1] * 2


def test_memory_that_runs_out_is_not_taken_for_a_network_that_cannot_be_followed(monkeypatch):
    def exhausted(*_):
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(per_example, "at_once", exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        clipped_sum(
            model_of(small), loss_of, drawn(MANY_UNITS), max_norm=BOUND, physical_batch=64
        )


def test_units_come_in_groups_of_the_same_shape_and_of_bounded_size():
    units = drawn(5) + drawn(2, images=3) + drawn(1)
    sizes = [[len(images) for images, _ in group] for group in alike(units, 4)]
    assert sizes == [[1] * 4, [1] * 2, [3] * 2]


@pytest.mark.parametrize("length", [1e-38, 1e-3, 1e4, 1e38])
def test_a_share_never_exceeds_the_bound_however_long_the_gradient(length):
    model = FlatModel(nn.Linear(300, 1, bias=False))
    image = torch.randn(1, 300, generator=stream(1, "image"), dtype=torch.float64)
    unit = ((image * (length / 8)).float(), torch.zeros(1))
    for bound in (1e-30, 1e-4, 0.7):
        total, _ = clipped_sum(
            model, lambda out, _: out.sum(), [unit], max_norm=bound, physical_batch=1
        )
        norm = float(total.double().norm())
        assert norm <= bound
        expected = min(bound, float(unit[0].double().norm()))
        assert norm == pytest.approx(expected, rel=2**-19, abs=1e-43)
