"""A model is a vector: every parameter and every float buffer is a view into one tensor.

`state` is (P,): the D parameters first, then the float buffers; `grad` is (D,), and each
parameter's gradient is a view into it. Local training is then arithmetic on one vector, and what
travels is that vector. Integer buffers (the batch counter of batch norm) stay in the module.

Three things detach the views without a word: `module.zero_grad()`, which sets gradients to None;
a move with `.to()`; assigning a new tensor to a parameter. `check_views` finds and names them.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class FlatModel:
    """A module whose parameters, gradients and float buffers live in two contiguous tensors."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        parameters, buffers = _tensors(module)
        tensors = parameters | buffers
        self.names = list(tensors)
        self.sizes = [tensor.numel() for tensor in tensors.values()]
        trained = sum(tensor.numel() for tensor in parameters.values())
        self.state = torch.cat([t.detach().float().reshape(-1) for t in tensors.values()])
        self.grad = torch.zeros_like(self.state[:trained])
        self.vector, self.buffers = self.state[:trained], self.state[trained:]
        for tensor, flat in zip(tensors.values(), self.state.split(self.sizes), strict=True):
            tensor.data = flat.view(tensor.shape)
        gradients = self.grad.split(self.sizes[: len(parameters)])
        for tensor, flat in zip(parameters.values(), gradients, strict=True):
            tensor.grad = flat.view(tensor.shape)

    def load(self, state: Tensor) -> None:
        """Copy a (P,) vector into the model; the views stay."""
        self.state.copy_(state)

    def mask(self, chosen: Callable[[str], bool]) -> Tensor:
        """(P,) bool: the coordinates of every tensor whose name is chosen."""
        flags = torch.tensor([chosen(name) for name in self.names], dtype=torch.bool)
        sizes = torch.tensor(self.sizes)
        return flags.repeat_interleave(sizes).to(self.state.device)

    def variances(self) -> Tensor:
        """(P,) bool: the running variances of batch norm, which must never fall below zero."""
        return self.mask(lambda name: name.endswith("running_var"))

    def check_views(self) -> None:
        """RuntimeError naming the first tensor that no longer lives in the vector."""
        parameters, buffers = _tensors(self.module)
        tensors = parameters | buffers
        changed = sorted(tensors.keys() ^ set(self.names))
        if changed:
            raise RuntimeError(f"{changed[0]} was added, removed or untied: it has no place here")
        for (name, tensor), flat in zip(tensors.items(), self.state.split(self.sizes), strict=True):
            if tensor.data_ptr() != flat.data_ptr():
                raise RuntimeError(f"{name} no longer lives in the vector: moved, or replaced?")
        gradients = self.grad.split(self.sizes[: len(parameters)])
        for (name, tensor), flat in zip(parameters.items(), gradients, strict=True):
            if tensor.grad is None or tensor.grad.data_ptr() != flat.data_ptr():
                right = "zero it with model.grad.zero_(), not with zero_grad()"
                raise RuntimeError(f"the gradient of {name} no longer lives in the vector: {right}")


def _tensors(module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and float buffers by name, each once however often it is tied."""
    buffers = {name: b for name, b in module.named_buffers() if b.is_floating_point()}
    return dict(module.named_parameters()), buffers
