"""Wrong optimisers and learning rates."""

from __future__ import annotations

import math

import torch
from tests.contracts.framework import mutant

from fedmini.optim import SGD, Adam


@mutant(
    "sgd",
    law="law_sgd_is_torchs_bit_for_bit",
    harm="The velocity is a mean instead of a sum: steps are shorter by 1 - momentum.",
)
class DampedVelocity(SGD):
    def step(self, vector, gradient, lr, memory):
        super().step(vector, gradient * (1 - self.momentum), lr, memory)


@mutant(
    "sgd",
    law="law_sgd_is_torchs_bit_for_bit",
    harm="Weights are pulled the wrong way: they grow until the model diverges.",
)
class InvertedDecay(SGD):
    def step(self, vector, gradient, lr, memory):
        gradient = gradient - 2 * self.weight_decay * vector
        super().step(vector, gradient, lr, memory)


@mutant(
    "sgd",
    law="law_sgd_remembers_in_memory_alone",
    harm="One hospital's gradients push the next hospital's model: momentum crosses the walls.",
)
class SharedVelocity(SGD):
    def __init__(self, **options):
        super().__init__(**options)
        self.__dict__["everyones"] = {}

    def step(self, vector, gradient, lr, memory):
        super().step(vector, gradient, lr, self.everyones)


@mutant(
    "adam",
    law="law_adam_is_torchs",
    harm="Moments start at zero and stay small: fresh optimisers take far too short first steps.",
)
class NoBiasCorrection(Adam):
    def step(self, vector, gradient, lr, memory):
        if not memory:
            super().step(vector.clone(), torch.zeros_like(gradient), lr, memory)
        memory["steps"].fill_(10**6)
        super().step(vector, gradient, lr, memory)


@mutant(
    "adam",
    law="law_adam_is_torchs",
    harm="The decay bypasses the moments (AdamW): another method under Adam's name.",
)
class DecoupledDecay(Adam):
    def step(self, vector, gradient, lr, memory):
        vector.mul_(1 - lr * self.weight_decay)
        Adam(self.beta1, self.beta2).step(vector, gradient, lr, memory)


@mutant(
    "adam",
    law="law_adam_remembers_in_memory_alone",
    harm="All hospitals step on one another's moments.",
)
class SharedMoments(Adam):
    def __init__(self, **options):
        super().__init__(**options)
        self.__dict__["everyones"] = {}

    def step(self, vector, gradient, lr, memory):
        super().step(vector, gradient, lr, self.everyones)


@mutant(
    "learning_rate",
    law="law_constant_rate_stays",
    harm="A constant rate fades: late rounds change nothing, however many are paid for.",
)
def fading_constant(schedule, lr, round, rounds):
    return lr / round


@mutant(
    "learning_rate",
    law="law_cosine_rate_is_torchs",
    harm="Counted from 1 instead of 0: the last round trains with a rate of zero.",
)
def cosine_one_round_early(schedule, lr, round, rounds):
    return lr / 2 * (1 + math.cos(math.pi * round / rounds))
