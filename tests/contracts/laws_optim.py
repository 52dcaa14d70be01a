"""Laws about SGD, Adam and the learning rate over rounds, with torch's own optimisers as oracle."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

from fedmini.rng import stream

real("sgd", "fedmini.optim:SGD")
real("adam", "fedmini.optim:Adam")
real("learning_rate", "fedmini.optim:learning_rate")

SEED = st.integers(0, 10**6)
MOMENTUM = st.sampled_from([0.0, 0.5, 0.9])
DECAY = st.sampled_from([0.0, 0.1])


def gradients(seed: int, steps: int = 6, size: int = 5) -> torch.Tensor:
    return torch.randn(steps, size, generator=stream(seed, "gradients"))


def walk(optimizer, start: torch.Tensor, slopes: torch.Tensor, lr: float) -> torch.Tensor:
    """Where the optimiser is after one step along each of the given gradients."""
    vector, memory = start.clone(), {}
    for slope in slopes:
        optimizer.step(vector, slope.clone(), lr, memory)
    return vector


def torch_walk(kind: type, start: torch.Tensor, slopes: torch.Tensor, **options) -> torch.Tensor:
    parameter = torch.nn.Parameter(start.clone())
    optimizer = kind([parameter], **options)
    for slope in slopes:
        parameter.grad = slope.clone()
        optimizer.step()
    return parameter.detach()


@law("sgd", momentum=MOMENTUM, decay=DECAY, seed=SEED)
def law_sgd_is_torchs_bit_for_bit(impl, momentum, decay, seed):
    start, slopes = gradients(seed + 1, 1)[0], gradients(seed)
    ours = walk(impl(momentum=momentum, weight_decay=decay), start, slopes, 0.1)
    options = {"lr": 0.1, "momentum": momentum, "weight_decay": decay}
    assert torch.equal(ours, torch_walk(torch.optim.SGD, start, slopes, **options))


@law("adam", beta1=MOMENTUM, beta2=st.sampled_from([0.9, 0.999]), decay=DECAY, seed=SEED)
def law_adam_is_torchs(impl, beta1, beta2, decay, seed):
    start, slopes = gradients(seed + 1, 1)[0], gradients(seed)
    ours = walk(impl(beta1=beta1, beta2=beta2, weight_decay=decay), start, slopes, 0.01)
    options = {"lr": 0.01, "betas": (beta1, beta2), "weight_decay": decay}
    theirs = torch_walk(torch.optim.Adam, start, slopes, **options)
    assert torch.allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def remembers_in_memory_alone(optimizer, seed: int) -> None:
    """Two vectors that take turns end where each ends by itself."""
    first, second = gradients(seed), gradients(seed + 1)
    alone = walk(optimizer, first[0], first, 0.1), walk(optimizer, second[0], second, 0.1)
    vectors, memories = (first[0].clone(), second[0].clone()), ({}, {})
    for slopes in zip(first, second, strict=True):
        for vector, slope, memory in zip(vectors, slopes, memories, strict=True):
            optimizer.step(vector, slope.clone(), 0.1, memory)
    assert torch.equal(vectors[0], alone[0])
    assert torch.equal(vectors[1], alone[1])


@law("sgd", seed=SEED)
def law_sgd_remembers_in_memory_alone(impl, seed):
    remembers_in_memory_alone(impl(momentum=0.9), seed)


@law("adam", seed=SEED)
def law_adam_remembers_in_memory_alone(impl, seed):
    remembers_in_memory_alone(impl(), seed)


@law("learning_rate", lr=st.floats(1e-5, 1.0), rounds=st.integers(1, 30))
def law_constant_rate_stays(impl, lr, rounds):
    assert [impl("constant", lr, number + 1, rounds) for number in range(rounds)] == [lr] * rounds


@law("learning_rate", lr=st.floats(1e-5, 1.0), rounds=st.integers(1, 30))
def law_cosine_rate_is_torchs(impl, lr, rounds):
    """From the full rate in round 1 towards a zero that no round trains with."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=rounds)
    for number in range(1, rounds + 1):
        ours = impl("cosine", lr, number, rounds)
        assert ours > 0
        assert abs(ours - schedule.get_last_lr()[0]) <= 1e-9 * lr
        optimizer.step()
        schedule.step()
