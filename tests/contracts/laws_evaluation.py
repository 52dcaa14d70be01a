"""Laws about measuring a model; the oracle shows one image at a time to a model in eval mode."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import AS_IT_IS, SquaredError, examples, normed

from fedmini.rng import numpy_stream, stream
from fedmini.statistics import Evaluation

real("evaluate", "fedmini.evaluation:evaluate")
real("scores", "fedmini.evaluation:scores")

SEED = st.integers(0, 10**6)


def some_state(model, seed: int) -> torch.Tensor:
    """(P,) weights and running statistics that are not the model's own."""
    return torch.rand(len(model.state), generator=stream(seed, "state")) + 0.5


@law("evaluate", count=st.sampled_from([0, 1, 7, 64, 65, 130]), seed=SEED)
def law_evidence_is_that_of_eval_mode_in_order(impl, count, seed):
    model, oracle, held = normed(), normed(), examples(count, seed)
    state = some_state(model, seed)
    model.module.train()
    found = impl(model, state, held, SquaredError(), AS_IT_IS)
    oracle.load(state)
    oracle.module.eval()
    with torch.no_grad():
        lone = [oracle.module(held.images[place : place + 1]).item() for place in range(count)]
    errors = [(ours - truth) ** 2 for ours, truth in zip(lone, held.targets[:, 0].tolist())]
    assert len(found.evidence) == count
    assert np.allclose(found.evidence.reshape(-1), errors, rtol=1e-4, atol=1e-5)
    assert np.array_equal(found.patients, held.patients)


@law("evaluate", seed=SEED)
def law_evaluation_leaves_the_state_alone(impl, seed):
    """Neither weights, nor running statistics, nor gradients, nor the images change."""
    model, held = normed(), examples(9, seed)
    state = some_state(model, seed)
    before, images = state.clone(), held.images.clone()
    impl(model, state, held, SquaredError(), AS_IT_IS)
    assert torch.equal(state, before) and torch.equal(model.state, before)
    assert torch.equal(held.images, images) and not model.grad.any()
    model.check_views()


@law("scores", counts=st.lists(st.integers(0, 5), min_size=1, max_size=4), seed=SEED)
def law_headline_is_over_all_patients(impl, counts, seed):
    """However they are spread over hospitals; empty where there is nobody."""
    draws = numpy_stream(seed, "errors")
    parts = {}
    for place, count in enumerate(counts):
        patients = 100 * place + np.arange(2 * count) // 2
        parts[f"hospital-{place}"] = Evaluation(draws.random((2 * count, 1)), patients)
    score = impl(SquaredError(), parts)
    means = [part.evidence.reshape(-1, 2).mean(axis=1) for part in parts.values()]
    if not sum(counts):
        assert score == {}
    else:
        assert abs(score["error"] - np.concatenate(means).mean()) < 1e-12
