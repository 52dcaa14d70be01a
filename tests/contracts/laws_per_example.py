"""Laws of the sum of clipped gradients, beside an oracle that takes them one by one."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from fedmini.models.init import initialise
from fedmini.privacy.mechanism import clip
from fedmini.rng import stream
from fedmini.vector import FlatModel
from tests.contracts.framework import law, real

real("clipped_sum", "fedmini.privacy.per_example:clipped_sum")

KEYS = st.integers(0, 2**40)
SIZES = st.lists(st.sampled_from([1, 1, 1, 3]), min_size=1, max_size=12)  # images of each unit
BOUNDS = st.sampled_from([0.05, 1.0, 1e4])  # all clipped, some, none
PHYSICAL = st.sampled_from([1, 2, 8, 64])
CASE = {"key": KEYS, "sizes": SIZES, "bound": BOUNDS}
ROUNDING = 1e-5  # of float32 gradients that are computed in another order, as a part of their norm

Units = list[tuple[Tensor, Tensor]]


def network(key: int) -> FlatModel:
    """A convolution, group norm, a linear layer, and a parameter that nothing uses."""
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(),
        nn.Linear(64, 2),
    )  # fmt: skip
    initialise(module, stream(key, "values"))
    module.register_parameter("unused", nn.Parameter(torch.ones(3)))
    return FlatModel(module)


def drawn(key: int, sizes: list[int]) -> Units:
    """Units of so many images, of very different contrast, and two targets an image."""
    draws = stream(key, "units")
    images = [torch.randn(m, 1, 4, 4, generator=draws) for m in sizes]
    targets = [torch.randn(m, 2, generator=draws) * 4 ** (i % 3) for i, m in enumerate(sizes)]
    return list(zip(images, targets, strict=True))


def gradient_of(model: FlatModel, units: Units) -> tuple[Tensor, Tensor]:
    """Gradient (D,) and value of the mean loss over all images of these units, by autograd."""
    parameters = list(model.module.parameters())
    images, targets = map(torch.cat, zip(*units, strict=True))
    loss = F.mse_loss(model.module(images), targets)
    found = torch.autograd.grad(loss, parameters, materialize_grads=True)
    return torch.cat([each.reshape(-1) for each in found]), loss.detach()


def summed(impl, model: FlatModel, units: Units, bound: float, physical: int = 64):
    return impl(model, F.mse_loss, units, max_norm=bound, physical_batch=physical)


def assert_near(found: Tensor, expected: Tensor, scale: float) -> None:
    """Equal but for rounding, where the things that were added have norms up to `scale`."""
    assert float((found - expected).double().norm()) <= ROUNDING * scale


@law("clipped_sum", physical=PHYSICAL, **CASE)
def law_each_gradient_is_clipped_and_all_are_added(impl, key, sizes, bound, physical):
    model, units = network(key), drawn(key, sizes)
    total, losses = summed(impl, model, units, bound, physical)
    found = [gradient_of(model, [unit]) for unit in units]
    shares = [clip(gradient, bound).double() for gradient, _ in found]
    assert total.shape == model.vector.shape and total.dtype == torch.float32
    assert_near(total, sum(shares), sum(float(share.norm()) for share in shares))
    torch.testing.assert_close(losses, sum(loss for _, loss in found), rtol=1e-4, atol=1e-6)


@law("clipped_sum", physical=PHYSICAL, **CASE)
def law_how_many_are_in_memory_at_once_is_no_matter(impl, key, sizes, bound, physical):
    model, units = network(key), drawn(key, sizes)
    one, other = (summed(impl, model, units, bound, size) for size in (1, physical))
    scale = len(units) * max(float(gradient_of(model, [unit])[0].norm()) for unit in units)
    assert_near(one[0], other[0], min(scale, len(units) * bound))
    torch.testing.assert_close(one[1], other[1], rtol=1e-4, atol=1e-6)


@law("clipped_sum", **CASE)
def law_order_is_no_matter(impl, key, sizes, bound):
    model, units = network(key), drawn(key, sizes)
    scale = sum(float(gradient_of(model, [unit])[0].norm()) for unit in units)
    one, other = (summed(impl, model, each, bound)[0] for each in (units, units[::-1]))
    assert_near(one, other, min(scale, len(units) * bound))


@law("clipped_sum", key=KEYS, sizes=SIZES, bound=st.sampled_from([1e-6, 0.05, 1.0]))
def law_one_unit_more_or_less_moves_the_sum_by_the_bound_at_most(impl, key, sizes, bound):
    model, units = network(key), drawn(key, sizes)
    alone = summed(impl, model, units[:1], bound)[0].double()
    assert float(alone.norm()) <= bound, "what one unit gives is above the bound"
    whole, rest = (summed(impl, model, each, bound)[0].double() for each in (units, units[1:]))
    # a float32 sum rounds each addition, and fewer units may be computed in another order
    assert float((whole - rest).norm()) <= bound * (1 + ROUNDING * len(units))


@law("clipped_sum", key=KEYS, times=st.integers(2, 4), bound=BOUNDS)
def law_an_image_twice_is_no_more_of_a_patient(impl, key, times, bound):
    model, (unit,) = network(key), drawn(key, [1])
    repeated = tuple(each.repeat(times, *[1] * (each.dim() - 1)) for each in unit)
    (once, loss), (often, losses) = (summed(impl, model, [u], bound) for u in (unit, repeated))
    assert_near(once, often, float(once.norm()))
    torch.testing.assert_close(loss, losses, rtol=1e-4, atol=1e-6)


@law("clipped_sum", key=KEYS, bound=BOUNDS, physical=PHYSICAL)
def law_nobody_gives_zeros(impl, key, bound, physical):
    model = network(key)
    model.grad.fill_(7.0)  # left by an earlier step
    total, losses = summed(impl, model, [], bound, physical)
    assert torch.equal(total, torch.zeros_like(model.vector)) and losses.shape == ()
    assert losses == 0


@law("clipped_sum", key=KEYS, sizes=SIZES, bad=st.sampled_from([math.nan, math.inf]))
def law_a_gradient_that_is_not_finite_is_refused(impl, key, sizes, bad):
    model, units = network(key), drawn(key, sizes)
    units[-1][0][0, 0, 1, 1] = bad
    try:
        summed(impl, model, units, 1.0)
    except ValueError:
        return
    raise AssertionError(f"{bad} went into the sum")


@law("clipped_sum", **CASE)
def law_the_model_stays_as_it_was(impl, key, sizes, bound):
    model, units = network(key), drawn(key, sizes)
    before = model.state.clone()
    total, _ = summed(impl, model, units, bound)
    gradients = [each.grad for each in model.module.parameters()]
    assert None not in gradients, "gradients no longer live in the flat vector"
    model.check_views()
    assert torch.equal(model.state, before), "the network that is to be trained was changed"
    assert total.data_ptr() not in (model.grad.data_ptr(), model.vector.data_ptr())
