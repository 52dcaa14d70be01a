"""Laws about the algorithm of exercise 04; the oracle looks at every client's trained model."""

from __future__ import annotations

from pathlib import Path

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import federation, linear, normed

from fedmini.algorithms.fedavg import FedAvg
from fedmini.client import Client
from fedmini.faults import Faults

SOLUTIONS = Path(__file__).parents[2] / "tutorials" / "exercises" / "solutions"
SOLUTION = f"{SOLUTIONS / '04_spread.py'}:Spread"
real("spread", SOLUTION)

SEED = st.integers(0, 10**6)
DROPOUT = st.sampled_from([0.0, 0.4])


class Watched(Client):
    """A client that notes the state in which training left its model."""

    def answer(self, question):
        upload = super().answer(question)
        self.trained = self.model.state.double()
        return upload


def play(algorithm, build_model, dropout: float, seed: int):
    """Hospitals of 5, 2 and 9 after one round, and the states and shares of those who answered."""
    faults = Faults(dropout, key=seed)
    run = federation(
        algorithm=algorithm, build_model=build_model, client_kind=Watched, faults=faults, seed=seed
    )
    (record,) = run.server.run(1)
    answered = [run.clients[name] for name in record.cohort if name not in record.dropped]
    shares = torch.tensor([each.examples for each in answered], dtype=torch.float64)
    states = [each.trained for each in answered]
    return run, torch.stack(states) if states else None, (shares / shares.sum())[:, None]


@law("spread", dropout=DROPOUT, seed=SEED)
def law_variance_is_that_of_the_union(impl, dropout, seed):
    run, states, shares = play(impl(), normed, dropout, seed)
    if states is None:
        return
    means = states[:, run.model.mask(lambda name: name.endswith("running_mean"))]
    # v = sum_k p_k v_k + sum_k p_k (m_k - m)^2
    spread = (shares * (means - (shares * means).sum(0)).square()).sum(0)
    expected = (shares * states[:, run.model.variances()]).sum(0) + spread
    assert torch.allclose(run.server.model[run.model.variances()].double(), expected, atol=1e-5)


@law("spread", dropout=DROPOUT, seed=SEED)
def law_all_else_is_averaged(impl, dropout, seed):
    run, states, shares = play(impl(), normed, dropout, seed)
    if states is not None:
        rest = ~run.model.variances()
        expected = (shares * states).sum(0)[rest]
        assert torch.allclose(run.server.model[rest].double(), expected, atol=1e-5)


@law("spread", dropout=DROPOUT, seed=SEED)
def law_without_batch_norm_it_is_fedavg(impl, dropout, seed):
    found, expected = (play(each, linear, dropout, seed)[0] for each in (impl(), FedAvg()))
    assert torch.equal(found.server.model, expected.server.model)
