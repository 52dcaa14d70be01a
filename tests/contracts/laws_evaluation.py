"""Laws about measuring a model; the oracle shows one image at a time to a model in eval mode."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import AS_IT_IS, SquaredError, examples, normed

from fedmini.errors import RunFailed
from fedmini.rng import numpy_stream, stream
from fedmini.statistics import Evaluation
from fedmini.tasks.classification import Multilabel

real("evaluate", "fedmini.evaluation:evaluate")
real("pool", "fedmini.evaluation:pool")
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


@law("evaluate", count=st.sampled_from([1, 65]), seed=SEED)
def law_a_model_that_answers_nan_fails_the_run(impl, count, seed):
    model, held = normed(), examples(count, seed)
    held.images[-1] = torch.nan
    try:
        impl(model, some_state(model, seed), held, SquaredError(), AS_IT_IS)
    except RunFailed:
        return
    raise AssertionError("NaN was measured")


@law("pool", counts=st.lists(st.integers(0, 3), max_size=4))
def law_hospitals_without_examples_add_nothing(impl, counts):
    parts = [
        Evaluation(np.full((count, 2, 3) if count else (0,), place), np.full(count, place))
        for place, count in enumerate(counts)
    ]
    found = impl(iter(parts))
    owners = [place for place, count in enumerate(counts) for _ in range(count)]
    assert found.patients.tolist() == owners and len(found.evidence) == len(owners)
    assert all((row == owner).all() for row, owner in zip(found.evidence, owners))


@law("scores", missing=st.lists(st.booleans(), min_size=3, max_size=3))
def law_undefined_metrics_are_left_out(impl, missing):
    """JSON knows no NaN; an AUC that is not defined is no score."""
    evidence = np.full((4, 3, 3), 0.5)
    evidence[..., 1] = np.where(missing, 0, [[0], [0], [1], [1]])
    found = impl(Multilabel("abc", {}), {"hospital": Evaluation(evidence, np.arange(4))})
    areas = {name: value for name, value in found.items() if name.startswith("auc")}
    assert areas == {f"auc_{name}": 0.5 for name, none in zip("abc", missing) if not none}
    assert found["accuracy"] >= 0


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
