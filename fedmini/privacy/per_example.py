"""Per-example gradients, each clipped on its own: the sum that DP-SGD adds its noise to.

Abadi et al. 2016, Algorithm 1, lines "compute gradient" and "clip gradient". A unit is what the
guarantee protects: one image, or all images of a patient.

Two ways lead to the gradients. Of a small network, `torch.func` takes those of many units at once;
of a large one, reading all weights for every unit is what costs either way, and one unit after the
other needs no more memory than plain training. A network that `torch.func` cannot follow (an
operator of its own, batch norm, dropout) goes one by one too.

Left out: norms without gradients ("ghost" norms), which need a formula for every kind of layer.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap

from fedmini.privacy.mechanism import clip, clip_scale
from fedmini.vector import FlatModel

Unit = tuple[Tensor, Tensor]  # images (m, C, H, W) and targets (m, ...)
Loss = Callable[[Tensor, Tensor], Tensor]

# Where one by one overtakes, on a CPU: a ResNet-18 of 700,000 parameters takes 0.75 times as long
# all at once, one of 2,800,000 takes 1.1 times as long; fewer units than 8 do not repay the detour.
FEW_PARAMETERS = 2**20
MANY_UNITS = 8
NORMAL = 2.0**-100  # a scale below it has not all of its bits in float32


def clipped_sum(
    model: FlatModel, loss: Loss, units: Sequence[Unit], *, max_norm: float, physical_batch: int
) -> tuple[Tensor, Tensor]:
    """Sums over units: (D,) float32 of clip(gradient of the mean loss), and () of these losses.

    A unit is images (m, C, H, W) and targets (m, ...), m of its own; no unit at all gives zeros.
    At most `physical_batch` units are in memory at once. `model.grad` is scratch. Every share is at
    most `max_norm` long; adding them in float32 rounds. ValueError if a gradient is not finite.
    """
    total, losses = torch.zeros_like(model.vector), model.vector.new_zeros(())
    for batch in alike(units, physical_batch):
        for gradient, value in gradients(model, loss, batch):
            scale = clip_scale(gradient, max_norm)
            # sum_i g_i min(1, C / ||g_i||)
            if scale > NORMAL:
                total.add_(gradient, alpha=scale)
            else:
                total.add_(clip(gradient, max_norm))
            losses += value
    return total, losses


def alike(units: Sequence[Unit], size: int) -> Iterator[list[Unit]]:
    """The units in lists of at most `size`, all of a list with equally many images."""
    groups: dict[torch.Size, list[Unit]] = {}
    for unit in units:
        groups.setdefault(unit[0].shape, []).append(unit)
    for group in groups.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]


def gradients(model: FlatModel, loss: Loss, units: list[Unit]) -> Iterator[tuple[Tensor, Tensor]]:
    """The gradient (D,) and the loss of each unit, by the faster way; use one before the next."""
    trained = all(each.requires_grad for each in model.module.parameters())
    if trained and len(units) >= MANY_UNITS and len(model.vector) <= FEW_PARAMETERS:
        try:
            return zip(*at_once(model, loss, units), strict=True)
        except RuntimeError as error:  # what `torch.func` raises where it cannot follow a network
            if isinstance(error, torch.OutOfMemoryError) or "allocate" in str(error):
                raise  # a replay may have more memory, and must go the same way
    return one_by_one(model, loss, units)


def at_once(model: FlatModel, loss: Loss, units: list[Unit]) -> tuple[Tensor, Tensor]:
    """(B, D) gradients and (B,) losses of B units with equally many images."""

    def unit_loss(parameters: dict[str, Tensor], images: Tensor, targets: Tensor) -> Tensor:
        return loss(functional_call(model.module, parameters, (images,)), targets)

    parameters = {name: each.detach() for name, each in model.module.named_parameters()}
    every = vmap(grad_and_value(unit_loss), in_dims=(None, 0, 0))
    found, losses = every(parameters, *map(torch.stack, zip(*units, strict=True)))
    return torch.cat([found[name].flatten(1) for name in parameters], dim=1), losses


def one_by_one(model: FlatModel, loss: Loss, units: list[Unit]) -> Iterator[tuple[Tensor, Tensor]]:
    """The gradients by plain backward passes: each is `model.grad` itself, until the next one."""
    for images, targets in units:
        model.grad.zero_()
        value = loss(model.module(images), targets)
        value.backward()
        yield model.grad, value.detach()
