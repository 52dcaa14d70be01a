"""Laws about local training and about what a client sends and keeps."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import batches, client, examples, hospital, linear, question

from fedmini.algorithms.fedavg import FedAvg
from fedmini.algorithms.local import Local
from fedmini.optim import SGD, Adam

real("client", "fedmini.client:Client")

COUNT, SIZE, SEED = st.integers(1, 11), st.integers(1, 5), st.integers(0, 10**6)


class KeepsMoments(FedAvg):
    keeps_optimizer = True


def names_of(some: list) -> list[list[float]]:
    """The first feature of each example, by which examples are told apart, batch by batch."""
    return [images[:, 0, 0, 0].tolist() for images, _ in some]


def half(model) -> torch.Tensor:
    """(P,) bool: every second coordinate is shared."""
    return torch.arange(len(model.state)) % 2 == 0


@law("client", count=COUNT, size=SIZE, passes=st.integers(1, 3), key=SEED)
def law_every_example_is_used_once_a_pass(impl, count, size, passes, key):
    held = hospital(count=count)
    asked = client(impl, held, batch_size=size, epochs=passes, key=key)
    used = names_of(batches(asked, question(asked.model)))
    per_pass = math.ceil(count / size)
    assert len(used) == passes * per_pass
    assert max(map(len, used)) <= size
    for first in range(0, len(used), per_pass):
        seen = [name for batch in used[first : first + per_pass] for name in batch]
        assert sorted(seen) == held.train.images[:, 0, 0, 0].tolist()


@law("client", count=COUNT, size=SIZE, key=SEED)
def law_targets_stay_with_their_images(impl, count, size, key):
    held = hospital(count=count)
    asked = client(impl, held, batch_size=size, key=key)
    truth = dict(zip(held.train.images[:, 0, 0, 0].tolist(), held.train.targets.tolist()))
    for images, targets in batches(asked, question(asked.model)):
        for name, target in zip(images[:, 0, 0, 0].tolist(), targets.tolist(), strict=True):
            assert truth[name] == target


@law("client", key=SEED)
def law_order_of_batches_has_an_address(impl, key):
    """Key, round and client decide; the algorithm, other clients and torch's own seed do not."""

    def order(place=0, round=1, key=key, algorithm=None):
        asked = client(impl, hospital(place, 11), key=key, epochs=2, algorithm=algorithm)
        return names_of(batches(asked, question(asked.model, round)))

    first = order()
    torch.rand(1), order(place=1), order(round=2)
    assert order() == first == order(algorithm=KeepsMoments())
    assert first not in (order(place=1), order(round=2), order(key=key + 1))


@law("client", count=COUNT, size=SIZE, passes=st.integers(1, 3), work=st.floats(0.001, 1.0))
def law_straggler_does_the_first_part_of_its_steps(impl, count, size, passes, work):
    asked = client(impl, hospital(count=count), batch_size=size, epochs=passes)
    whole = names_of(batches(asked, question(asked.model)))
    part = names_of(batches(asked, question(asked.model, work=work)))
    # at least one, and ceil(work · steps), where float arithmetic does not tell whole numbers apart
    assert 1 <= len(part) and len(part) - 1 < Fraction(work) * len(whole) <= len(part) + 1e-6
    assert part == whole[: len(part)]


@law("client", count=COUNT, size=SIZE, momentum=st.sampled_from([0.0, 0.9]), key=SEED)
def law_plain_client_is_a_bare_loop(impl, count, size, momentum, key):
    """Two rounds, each from where the server says, with an optimiser of its own; bit for bit."""
    asked = client(
        impl, hospital(count=count), optimizer=SGD(momentum), batch_size=size, epochs=2, key=key
    )
    for round in (1, 2):
        bare = linear(seed=round)
        asking = question(bare, round, lr=0.05)
        optimizer = torch.optim.SGD(bare.module.parameters(), lr=0.05, momentum=momentum)
        reply = asked.answer(asking)
        for images, targets in batches(asked, asking):
            optimizer.zero_grad(set_to_none=False)
            asked.task.loss(bare.module(images), targets).backward()
            optimizer.step()
        assert torch.equal(reply.update, bare.state - asking.arrays["model"])
        assert reply.weight == count


@law("client", count=COUNT, size=SIZE)
def law_loss_is_the_mean_over_examples(impl, count, size):
    """With a rate of zero it is the loss of the model that came, over all examples at once."""
    asked = client(impl, hospital(count=count), batch_size=size)
    reply = asked.answer(question(asked.model, lr=0.0))
    with torch.no_grad():
        whole = asked.task.loss(asked.model.module(asked.data.images), asked.data.targets)
    assert math.isclose(float(reply.sums["loss"]), count * float(whole), rel_tol=1e-5)


@law("client", count=COUNT)
def law_upload_is_no_alias(impl, count):
    """What was sent, and what was asked, stay as they are when the client trains again."""
    asked = client(impl, hospital(count=count))
    asking = question(linear(seed=1))
    start = asking.arrays["model"].clone()
    sent = asked.answer(asking)
    update = sent.update.clone()
    asked.answer(question(linear(seed=2), 2))
    assert torch.equal(sent.update, update)
    assert torch.equal(asking.arrays["model"], start)


@law("client", poison=st.sampled_from([math.nan, math.inf, -math.inf]), place=st.integers(0, 6))
def law_diverged_training_is_not_sent(impl, poison, place):
    sick = examples(7)
    sick.targets[place] = poison
    asked = client(impl, dataclasses.replace(hospital(), train=sick))
    try:
        asked.answer(question(asked.model))
    except FloatingPointError as error:
        assert "finite" in str(error)
    else:
        raise AssertionError("numbers that are not finite were sent")


@law("client", fates=st.lists(st.booleans(), min_size=1, max_size=5))
def law_private_coordinates_wait_for_the_acknowledgement(impl, fates):
    """They are those of the last upload that arrived; a lost one leaves no trace."""
    model = linear()
    mask = half(model)
    asked = client(impl, model=model, shared=mask)
    kept, acknowledged = model.state[~mask].clone(), 0
    for round, arrives in enumerate([*fates, True], start=1):
        start = torch.full((int(mask.sum()),), 0.1 * round)
        reply = asked.answer(question(start, round, acknowledged=acknowledged))
        assert len(reply.update) == len(start)
        assert torch.equal(asked.state["private"], kept)
        oracle = client(model=linear(), shared=mask)
        oracle.state["private"] = kept.clone()
        assert torch.equal(reply.update, oracle.answer(question(start, round)).update)
        if arrives:
            acknowledged, kept = round, oracle.pending["private"]


@law("client", optimizer=st.sampled_from([SGD(0.9), Adam()]), keeps=st.booleans())
def law_optimizer_starts_afresh_unless_it_is_kept(impl, optimizer, keeps):
    """A round begins with the moments of the last one that arrived, or with none at all."""
    algorithm = KeepsMoments() if keeps else FedAvg()
    held = hospital(count=6)
    asked = client(impl, held, optimizer=optimizer, algorithm=algorithm)
    for round in (1, 2):
        asked.answer(question(linear(), round, acknowledged=round - 1))
    lost = asked.answer(question(linear(), 3, acknowledged=1)).update  # round 2's upload was lost
    bare, memory = linear(), {}
    for round in (1, 3):
        bare.load(linear().state)
        memory = memory if keeps else {}
        for images, targets in batches(asked, question(bare, round)):
            bare.grad.zero_()
            asked.task.loss(bare.module(images), targets).backward()
            optimizer.step(bare.vector, bare.grad, 0.1, memory)
    assert torch.equal(lost, bare.state - linear().state)


@law("client", place=st.integers(0, 3))
def law_local_hospital_goes_its_own_way(impl, place):
    """Sharing nothing, it sends nothing, and goes on from where it was."""
    model = linear()
    nothing = Local().shared(model)
    asked = client(impl, hospital(place), model=model, algorithm=Local(), shared=nothing)
    lone = linear()
    for round in (1, 2, 3):
        reply = asked.answer(question(torch.zeros(0), round, acknowledged=round - 1))
        assert reply.update.numel() == 0
        for images, targets in batches(asked, question(lone, round)):
            lone.grad.zero_()
            asked.task.loss(lone.module(images), targets).backward()
            lone.vector.sub_(lone.grad, alpha=0.1)
    assert torch.equal(asked.pending["private"], lone.state)
