"""Laws about FedAvg, FedProx, centralised and local training."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import batches, client, federation, hospital, linear, normed, question

from fedmini.algorithms.fedavg import FedAvg
from fedmini.data.examples import pooled
from fedmini.faults import Faults
from fedmini.optim import Adam
from fedmini.rng import stream

real("fedavg", "fedmini.algorithms.fedavg:FedAvg")
real("fedprox", "fedmini.algorithms.fedprox:FedProx")
real("centralized", "fedmini.algorithms.centralized:Centralized")
real("local", "fedmini.algorithms.local:Local")

SEED = st.integers(0, 10**6)
COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=4)
MU = st.sampled_from([0.01, 0.5, 4.0])


@law("fedavg", counts=COUNTS, seed=SEED)
def law_one_full_batch_step_is_gradient_descent_on_the_union(impl, counts, seed):
    run = federation(counts, algorithm=impl(), batch_size=9, lr=0.1, seed=seed)
    union = pooled(run.hospitals).train
    bare = linear(seed)
    for _ in run.server.run(2):
        bare.grad.zero_()
        run.task.loss(bare.module(union.images), union.targets).backward()
        bare.vector.sub_(bare.grad, alpha=0.1)
        # the ring keeps 32 bits after the point; the rest is float32's own rounding
        assert torch.allclose(run.server.model, bare.state, rtol=1e-5, atol=2e-6)
        bare.load(run.server.model)


@law("fedavg", rate=st.sampled_from([0.0, 0.25, 1.0, 2.0]), seed=SEED)
def law_server_rate_scales_the_step(impl, rate, seed):
    model, mean = torch.randn(2, 6, generator=stream(seed, "step"))
    server = SimpleNamespace(model=model.clone())
    impl(server_lr=rate).server_step(server, SimpleNamespace(mean=mean))
    assert torch.allclose(server.model, model + rate * mean, atol=1e-6)


@law("fedprox", mu=MU, seed=SEED)
def law_proximal_gradient_is_autograds(impl, mu, seed):
    """Of mu/2 ||w - w_t||^2, at a w that is not w_t; buffers are no part of the norm."""
    model = normed()
    start, now = torch.randn(2, len(model.state), generator=stream(seed, "weights"))
    model.load(now)
    free = model.vector.clone().requires_grad_()
    leash = mu / 2 * (free - start[: len(free)]).square().sum()
    (expected,) = torch.autograd.grad(leash, free)
    slope = torch.randn(len(free), generator=stream(seed, "gradient"))
    model.grad.copy_(slope)
    impl(mu=mu).correct(SimpleNamespace(model=model), {"model": start})
    assert torch.allclose(model.grad, slope + expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(model.state, now)


@law("fedprox", mu=MU, count=st.integers(1, 9), seed=SEED)
def law_leash_holds_at_every_step_and_to_the_round(impl, mu, count, seed):
    """A round equals a bare loop whose loss has the term, around the weights it began with."""
    asked = client(held=hospital(count=count), algorithm=impl(mu=mu), epochs=2, key=seed)
    for round in (1, 2):
        bare = linear(seed + round)
        asking = question(bare, round, lr=0.05)
        start = bare.vector.clone()
        reply = asked.answer(asking)
        for images, targets in batches(asked, asking):
            parameters = list(bare.module.parameters())
            flat = torch.cat([each.reshape(-1) for each in parameters])
            leash = mu / 2 * (flat - start).square().sum()
            loss = asked.task.loss(bare.module(images), targets) + leash
            slopes = torch.autograd.grad(loss, parameters)
            bare.vector.sub_(torch.cat([each.reshape(-1) for each in slopes]), alpha=0.05)
        assert torch.allclose(reply.update, bare.state - start, rtol=1e-4, atol=1e-6)


@law("fedprox", stragglers=st.sampled_from([0.0, 0.5, 0.9]), seed=SEED)
def law_without_leash_it_is_fedavg(impl, stragglers, seed):
    """mu = 0 and the same stragglers' policy: the same bits."""
    faults = Faults(0.2, stragglers, True, seed)
    runs = [
        federation(algorithm=algorithm, faults=faults, epochs=3, seed=seed, optimizer=Adam())
        for algorithm in (impl(mu=0.0), FedAvg())
    ]
    for ours, theirs in zip(*(run.server.run(3) for run in runs), strict=True):
        assert ours.cohort == theirs.cohort and ours.dropped == theirs.dropped
        assert ours.train_loss == theirs.train_loss
        assert torch.equal(runs[0].server.model, runs[1].server.model)


@law("fedprox")
def law_fedprox_keeps_what_stragglers_did(impl):
    assert impl.partial_work and not FedAvg.partial_work


@law("centralized")
def law_centralized_is_one_client_with_one_optimizer(impl):
    assert impl.pooled and impl.keeps_optimizer
    assert impl().shared(linear()) is None


@law("local", seed=SEED)
def law_local_hospitals_share_nothing(impl, seed):
    """Each trains as if it were alone in the world, and no coordinate goes up or down."""
    together = federation((5, 2, 9), algorithm=impl(), seed=seed)
    alone = federation((5,), algorithm=impl(), seed=seed)
    for _ in zip(together.server.run(3), alone.server.run(3), strict=True):
        questions = together.server.questions(together.clients)
        assert all(each.arrays["model"].numel() == 0 for each in questions.values())
    kept = together.snapshot().private
    assert torch.equal(together.server.model, linear(seed).state)
    assert torch.equal(kept["hospital-0"], alone.snapshot().private["hospital-0"])
    assert len({tuple(each.tolist()) for each in kept.values()}) == len(kept)
