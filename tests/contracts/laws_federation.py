"""Laws about a whole federation: resume, measure, and whose model serves whom."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import AS_IT_IS, SquaredError, federation, normed

from fedmini.algorithms.fedavg import FedAvg
from fedmini.errors import UserError
from fedmini.evaluation import evaluate
from fedmini.faults import Faults
from fedmini.optim import Adam

real("federation", "fedmini.federation:Federation")

ROUNDS = 4
SEED = st.integers(0, 10**6)


class KeepsMoments(FedAvg):
    keeps_optimizer = True


def eventful(impl, seed: int):
    """Dropout, stragglers, cohorts, batch norm that stays at home, moments that are kept."""
    return federation(
        kind=impl,
        build_model=normed,
        algorithm=KeepsMoments(),
        optimizer=Adam(),
        shared=lambda model: ~model.mask(lambda name: name.startswith("2.")),
        faults=Faults(0.3, 0.5, True, seed),
        cohort=2,
        lr=0.01,
        seed=seed,
    )


def outcome(run, rounds: int = ROUNDS) -> tuple:
    """Everything that the rounds up to `rounds` lead to, bit for bit."""
    records = [dataclasses.replace(each, seconds=0.0) for each in run.server.run(rounds)]
    snapshot = run.snapshot()
    private = {name: kept.tolist() for name, kept in snapshot.private.items()}
    return records, snapshot.model.tolist(), private


@law("federation", stop=st.integers(0, ROUNDS), seed=SEED)
def law_resumed_run_gives_the_same_bits(impl, stop, seed):
    straight, broken = eventful(impl, seed), eventful(impl, seed)
    records, *models = outcome(straight)
    list(broken.server.run(stop))
    file = io.BytesIO()
    torch.save(broken.state(), file)
    file.seek(0)
    resumed = eventful(impl, seed)
    resumed.restore(torch.load(file, weights_only=True))
    rest, *same = outcome(resumed)
    assert rest == records[stop:]
    assert same == models


@law("federation", stop=st.integers(0, ROUNDS - 1), seed=SEED)
def law_state_is_a_copy(impl, stop, seed):
    """A checkpoint in memory can be gone back to, twice, whatever was trained since."""
    run = eventful(impl, seed)
    list(run.server.run(stop))
    checkpoint = run.state()
    first = outcome(run)
    for _ in range(2):
        run.restore(checkpoint)
        assert outcome(run) == first


@law("federation", seed=SEED)
def law_looking_changes_nothing(impl, seed):
    """A run that is measured after every round ends with the bits of one that never was."""
    watched, unwatched = eventful(impl, seed), eventful(impl, seed)
    for number in range(1, ROUNDS + 1):
        list(watched.server.run(number))
        watched.evaluate(watched.snapshot(), "validation")
        watched.evaluate(watched.snapshot(), "test")
    assert outcome(watched)[1:] == outcome(unwatched)[1:]


@law("federation", seed=SEED)
def law_every_hospital_is_served_by_its_own_model(impl, seed):
    """The global coordinates, completed by those that the hospital keeps."""
    run = eventful(impl, seed)
    list(run.server.run(ROUNDS))
    snapshot, shared = run.snapshot(), run.server.shared
    found = run.evaluate(snapshot, "test")
    for each in run.hospitals:
        model = normed()
        model.state[shared] = run.server.model[shared]
        model.state[~shared] = run.clients[each.name].state["private"]
        right = evaluate(model, model.state.clone(), each.test, SquaredError(), AS_IT_IS)
        assert np.array_equal(found[each.name].patients, right.patients)
        assert np.array_equal(found[each.name].evidence, right.evidence)


@law("federation", other=st.sampled_from(["model", "hospitals"]), seed=SEED)
def law_checkpoint_of_another_federation_is_refused(impl, other, seed):
    given = {"build_model": normed} if other == "model" else {"counts": (5, 2)}
    checkpoint = federation(**given).state()
    run = federation(kind=impl, seed=seed)
    before = run.server.model.clone()
    try:
        run.restore(checkpoint)
    except UserError as error:
        assert "--resume" in str(error) and torch.equal(run.server.model, before)
    else:
        raise AssertionError(f"a checkpoint of another {other} was taken")
