"""Laws about what the server asks, sums, moves, remembers and records."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from tests.core.federations import Scripted, normed, scripted_server

from fedmini.algorithms.fedavg import FedAvg
from fedmini.errors import RunFailed
from fedmini.faults import Faults
from fedmini.messages import wire_size
from fedmini.rng import stream

real("server", "fedmini.server:Server")

SEED = st.integers(0, 10**6)
VECTOR = st.lists(st.floats(-10, 10, width=32), min_size=4, max_size=4).map(torch.tensor)
REPLIES = st.lists(st.tuples(VECTOR, st.integers(1, 100)), min_size=2, max_size=5)
RATE = st.sampled_from([1.0, 0.5, 5.0])


@law("server", start=VECTOR, replies=REPLIES, raises=st.integers(0, 4), rate=RATE)
def law_model_moves_by_the_mean_of_those_who_answered(impl, start, replies, raises, rate):
    clients = [Scripted(each, float(weight), loss) for loss, (each, weight) in enumerate(replies)]
    silent = raises % len(clients)
    clients[silent].update = ValueError("out of memory")
    server = scripted_server(impl, clients, start, algorithm=FedAvg(server_lr=rate))
    (record,) = server.run(1)
    answered = [each for each in replies if each is not replies[silent]]
    weights = sum(weight for _, weight in answered)
    mean = sum(update.double() * weight for update, weight in answered) / weights
    assert torch.allclose(server.model, start + rate * mean.float(), rtol=1e-6, atol=1e-5)
    losses = [place * replies[place][1] for place in range(len(replies)) if place != silent]
    assert math.isclose(record.train_loss, sum(losses) / weights, rel_tol=1e-6, abs_tol=1e-6)
    assert record.dropped == [f"hospital-{silent}"] == list(record.failures)
    assert "out of memory" in record.failures[f"hospital-{silent}"]


@law("server", start=VECTOR, replies=REPLIES, order=st.randoms(use_true_random=False))
def law_replies_have_no_order(impl, start, replies, order):
    clients = [Scripted(update, float(weight)) for update, weight in replies]
    orders = [clients, clients[::-1], *(order.sample(clients, len(clients)) for _ in range(4))]
    servers = [scripted_server(impl, each, start) for each in orders]
    for server in servers:
        list(server.run(2))
        assert torch.equal(server.model, servers[0].model)


@law("server", replies=REPLIES, missing=st.integers(0, 2))
def law_too_few_survivors_leave_no_trace(impl, replies, missing):
    """Nobody moves the model, nobody is acknowledged; the round is played and says so."""
    clients = [Scripted(update, float(weight)) for update, weight in replies]
    start = torch.arange(4.0)
    server = scripted_server(impl, clients, start, min_survivors=len(clients) + missing)
    (record,) = server.run(1)
    assert record.aborted == (missing > 0)
    if missing:
        assert torch.equal(server.model, start)
        assert server.acknowledged == {}
    list(server.run(2))
    heard = [each.asked[-1].acknowledged for each in clients]
    assert heard == [0 if missing else 1] * len(clients)


@law("server", chance=st.sampled_from([0.0, 0.5, 1.0]), key=SEED)
def law_acknowledged_is_the_last_upload_in_the_model(impl, chance, key):
    clients = [Scripted(torch.ones(4)) for _ in range(3)]
    server = scripted_server(impl, clients, torch.zeros(4), faults=Faults(dropout=chance, key=key))
    last = dict.fromkeys(server.network.clients, 0)
    for record in server.run(5):
        for name, each in server.network.clients.items():
            if each.asked and each.asked[-1].round == record.number:
                assert each.asked[-1].acknowledged == last[name]
        for name in set(record.cohort) - set(record.dropped):
            last[name] = record.number
    assert server.round == 5


@law("server", mask=st.lists(st.booleans(), min_size=4, max_size=4), start=VECTOR)
def law_only_shared_coordinates_travel_and_move(impl, mask, start):
    shared = torch.tensor(mask)
    asked = Scripted(torch.ones(sum(mask)))
    server = scripted_server(impl, [asked], start, shared=shared)
    (record,) = server.run(1)
    assert torch.equal(asked.asked[0].arrays["model"], start[shared])
    assert torch.equal(server.model[~shared], start[~shared])
    assert torch.equal(server.model[shared], start[shared] + 1)
    assert record.bytes_down == wire_size(asked.asked[0])


@law("server", seed=SEED, rate=RATE)
def law_buffers_are_averaged_too(impl, seed, rate):
    """Running statistics are averaged and sent back like weights; no variance falls below zero."""
    model = normed()
    updates = torch.randn(3, len(model.state), generator=stream(seed, "updates"))
    clients = [Scripted(update, weight) for update, weight in zip(updates, (1.0, 2.0, 5.0))]
    options = {"variances": model.variances(), "algorithm": FedAvg(server_lr=rate)}
    list(scripted_server(impl, clients, model.state, **options).run(2))
    expected = model.state + rate * (updates * torch.tensor([[1.0], [2.0], [5.0]]) / 8).sum(0)
    expected[model.variances()] = expected[model.variances()].clamp(min=0)
    for each in clients:
        assert torch.allclose(each.asked[1].arrays["model"], expected, atol=1e-5)


@law("server", start=VECTOR, replies=REPLIES)
def law_questions_keep_the_weights_of_their_round(impl, start, replies):
    clients = [Scripted(update, float(weight)) for update, weight in replies]
    list(scripted_server(impl, clients, start).run(2))
    for each in clients:
        assert torch.equal(each.asked[0].arrays["model"], start)


@law("server", bad=st.integers(1, 4))
def law_nobody_left_ends_the_run(impl, bad):
    """One line that names a client and its reason."""
    clients = [Scripted(ValueError("no such scanner")) for _ in range(bad)]
    try:
        list(scripted_server(impl, clients, torch.zeros(4)).run(1))
    except RunFailed as failure:
        assert "hospital-0" in str(failure) and "no such scanner" in str(failure)
    else:
        raise AssertionError("a round in which every client raised went by unnoticed")


@law("server", rounds=st.integers(2, 4))
def law_traffic_is_counted_by_the_round(impl, rounds):
    clients = [Scripted(torch.ones(4)) for _ in range(3)]
    records = list(scripted_server(impl, clients, torch.zeros(4)).run(rounds))
    assert [record.number for record in records] == list(range(1, rounds + 1))
    for place, record in enumerate(records):
        assert record.bytes_down == sum(wire_size(each.asked[place]) for each in clients)
        assert record.bytes_up == records[0].bytes_up > 3 * 4 * 4
