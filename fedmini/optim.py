"""SGD and Adam as arithmetic on one flat vector, and the learning rate over rounds.

An optimiser holds its settings only; what it remembers between steps (velocity, moments) lies in a
dictionary of tensors that the caller owns, so that a client can start a round afresh, or go on.
`step` changes `vector` in place and may use `gradient` as scratch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmini.options import option

if TYPE_CHECKING:
    from torch import Tensor

Memory = dict[str, "Tensor"]


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with heavy-ball momentum (Polyak 1964; Sutskever et al. 2013)."""

    momentum: float = option(0.0, "SGD: part of the last step that carries on", low=0.0, high=1.0)
    weight_decay: float = option(0.0, "pull of each step towards zero (an L2 term)", low=0.0)

    def step(self, vector: Tensor, gradient: Tensor, lr: float, memory: Memory) -> None:
        """One step with learning rate `lr`; `memory` gains "velocity" where momentum is above 0."""
        if self.weight_decay:
            gradient.add_(vector, alpha=self.weight_decay)
        if self.momentum:
            if "velocity" not in memory:
                memory["velocity"] = vector.new_zeros(vector.shape)
            # v <- m v + g
            gradient = memory["velocity"].mul_(self.momentum).add_(gradient)
        # w <- w - lr v (Eq. 2.4)
        vector.sub_(gradient, alpha=lr)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma, Ba 2015, Algorithm 1)."""

    beta1: float = option(0.9, "Adam: decay of the gradient's mean", low=0.0, high=0.9999)
    beta2: float = option(0.999, "Adam: decay of the gradient's square", low=0.0, high=0.99999)
    weight_decay: float = option(0.0, "pull of each step towards zero (an L2 term)", low=0.0)

    def step(self, vector: Tensor, gradient: Tensor, lr: float, memory: Memory) -> None:
        """One step with learning rate `lr`; `memory` holds both moments and the step count."""
        if not memory:
            memory["mean"] = vector.new_zeros(vector.shape)
            memory["square"] = vector.new_zeros(vector.shape)
            memory["steps"] = vector.new_zeros((), device="cpu")
        if self.weight_decay:
            gradient.add_(vector, alpha=self.weight_decay)
        memory["steps"] += 1
        steps = int(memory["steps"])
        # m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2
        mean, square = memory["mean"], memory["square"]
        mean.lerp_(gradient, 1 - self.beta1)
        square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        # w <- w - lr / (1 - b1^t) · m / (sqrt(v / (1 - b2^t)) + eps)
        root = (square / (1 - self.beta2**steps)).sqrt_().add_(1e-8)
        vector.addcdiv_(mean, root, value=-lr / (1 - self.beta1**steps))


def learning_rate(schedule: str, lr: float, round: int, rounds: int) -> float:
    """The local learning rate in round 1..rounds: `constant`, or `cosine` down towards zero."""
    if schedule == "constant":
        return lr
    # lr_t = lr / 2 · (1 + cos(pi (t - 1) / T))   (Loshchilov, Hutter 2017, Eq. 5)
    return lr / 2 * (1 + math.cos(math.pi * (round - 1) / rounds))
