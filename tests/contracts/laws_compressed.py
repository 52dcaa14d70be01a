"""Laws of compression in a federation: what a client sends and keeps, and what a server adds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st

from fedmini.algorithms.fedavg import Contribution, FedAvg
from fedmini.compression import indices, parse
from fedmini.messages import Upload, decode, encode, tensors
from tests.contracts.framework import law, real
from tests.core.federations import client, federation, linear, normed, question

real("compressed", "fedmini.compressed:Compression")

TRAINED, SIZE = 15, 19  # of the model with batch norm: weights, and statistics behind them
NUMBERS = st.integers(-64, 64).map(lambda n: n / 8)  # sums of few of them are exact in float32
UPDATES = st.lists(NUMBERS, min_size=SIZE, max_size=SIZE).map(torch.tensor)
SEVERAL = st.lists(UPDATES, min_size=1, max_size=6)
THREE = st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=3, max_size=3)
LOST = st.lists(st.booleans(), min_size=6, max_size=6)
OWN, COMMON = st.sampled_from(["topk:0.1", "topk:0.4"]), st.sampled_from(["randk:0.2", "prevk:0.4"])
SPARSE = OWN | COMMON
ANY = SPARSE | st.sampled_from(["quant:2", "quant:4", "topk:0.4+quant:3", "prevk:0.4+quant:8"])


@dataclass
class Prepared(FedAvg):
    """Every client's update is the one that it was given, plus that of nobody else."""

    def local_update(self, client, down):
        client.steps = 1
        return Contribution(client.prepared, client.examples)


def squeeze(impl, spec: str, feedback: bool = True):
    return impl(*parse(spec), feedback=feedback, size=SIZE, trained=TRAINED, key=7)


def sender(compression, name: str = "hospital-0"):
    asked = client(model=normed(), algorithm=Prepared())
    asked.compression, asked.name = compression, name
    return asked


def told(compression, round: int, last: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    """What goes down with the question of a round."""
    server = federation(build_model=normed, counts=(2,)).server
    server.round = round
    if last is not None:
        server.state["last mean"] = last
    return compression.announce(server)


def answer(asked, update, round: int, acknowledged: int = 0, last=None) -> Upload:
    """The reply after it went over the wire."""
    asked.prepared = update
    sent = question(asked.model, round, acknowledged=acknowledged)
    arrays = {**sent.arrays, **told(asked.compression, round, last)}
    return decode(encode(asked.answer(replace(sent, arrays=arrays))))


def read(compression, reply: Upload, round: int, last=None) -> torch.Tensor:
    """(SIZE,) what a server makes of one reply."""
    values, announced = compression.unpack(reply), told(compression, round, last)
    return compression.expand(values, announced) if announced else values


@law("compressed", spec=SPARSE, updates=SEVERAL, lost=LOST)
def law_nothing_is_lost_but_with_a_lost_upload(impl, spec, updates, lost):
    """All that arrived, and what is still owed, are all updates whose upload arrived."""
    compression = squeeze(impl, spec)
    asked, last = sender(compression), 0
    arrived, right = torch.zeros(SIZE), torch.zeros(TRAINED)
    for round, (update, gone) in enumerate(zip(updates, lost, strict=False), start=1):
        reply = answer(asked, update, round, acknowledged=last)
        if not gone:
            arrived, last = arrived + read(compression, reply, round), round
            right = right + update[:TRAINED]
    asked.settle(last)
    owed = asked.state.get("residual", torch.zeros(TRAINED))
    assert torch.equal(arrived[:TRAINED] + owed, right), "an update was lost, or came twice"


@law("compressed", spec=SPARSE, update=UPDATES)
def law_without_feedback_nothing_is_kept(impl, spec, update):
    asked = sender(squeeze(impl, spec, feedback=False))
    answer(asked, update, 1)
    assert "residual" not in asked.pending, "what was not sent is remembered all the same"


@law("compressed", spec=SPARSE | st.sampled_from(["topk:0.4+quant:3"]), update=UPDATES)
def law_neither_clip_nor_rounding_is_owed(impl, spec, update):
    """The residual is what was not chosen, and exactly zero where something was."""
    compression = squeeze(impl, spec)
    asked = sender(compression)
    asked.uplink = [lambda made: replace(made, update=made.update / 2)]
    answer(asked, update, 1)
    owed = asked.pending["residual"]
    left = owed != 0
    assert torch.equal(owed[left], update[:TRAINED][left]), "something is owed that was no update"
    unsent = (update[:TRAINED] != 0).sum() - left.sum()
    assert 0 <= unsent <= compression.kept, "something is owed that was sent"
    unbound = replace(compression, quantiser=None)
    chosen = read(unbound, answer(sender(unbound), update, 1), 1)[:TRAINED] != 0
    assert not owed[chosen].any(), "what was clipped or rounded is owed"


@law("compressed", spec=ANY, update=UPDATES)
def law_statistics_travel_whole(impl, spec, update):
    """Buffers are no part of what is sparsified; rounding may touch them, within a level."""
    compression = squeeze(impl, spec)
    found = read(compression, answer(sender(compression), update, 1), 1)
    level = 2 ** (compression.quantiser.bits - 1) - 1 if "quant" in spec else math.inf
    slack = float(update.abs().max()) / level
    assert found.shape == (SIZE,)
    assert torch.allclose(found[TRAINED:], update[TRAINED:], atol=slack)


@law("compressed", spec=SPARSE, update=UPDATES)
def law_sent_coordinates_are_as_they_were(impl, spec, update):
    """The number that was announced, each in its place, the others zero."""
    compression = squeeze(impl, spec)
    reply = answer(sender(compression), update, 1)
    assert len(reply.update) == compression.sent == compression.kept + SIZE - TRAINED
    found = read(compression, reply, 1)
    touched = found != 0
    assert torch.equal(found[touched], update[touched])
    assert int(touched[:TRAINED].sum()) <= compression.kept == max(1, round(TRAINED * ratio(spec)))


def ratio(spec: str) -> float:
    return float(spec.partition("+")[0].partition(":")[2])


@law("compressed", update=UPDATES, other=UPDATES, spec=COMMON, last=UPDATES)
def law_common_coordinates_can_be_summed_unread(impl, update, other, spec, last):
    """The sum of two uploads, coordinate by coordinate, is the upload of the sum."""
    compression = squeeze(impl, spec)
    first = answer(sender(compression, "one"), update, 3, last=last)
    second = answer(sender(compression, "two"), other, 3, last=last)
    both = answer(sender(compression, "three"), update + other, 3, last=last)
    assert torch.equal(first.update + second.update, both.update)
    assert not first.packing, "the upload says which coordinates, though all know"


@law("compressed", last=UPDATES, home=st.sampled_from([0, 3]))
def law_prevk_follows_the_last_aggregate(impl, last, home):
    """Nine tenths of its coordinates are its largest, of those that do not stay at home."""
    compression = impl(*parse("prevk:0.6"), True, SIZE - home, TRAINED - home, key=7)
    server = federation(build_model=normed, counts=(2,)).server
    server.round, server.state["last mean"] = 2, last
    server.shared = torch.arange(SIZE) >= home if home else None
    announced = compression.announce(server)["coordinates"]
    chosen = compression.sparsifier.read(announced, TRAINED - home)
    ranked = last[home:TRAINED].abs()
    assert len(chosen) == compression.kept
    unchosen = torch.ones_like(ranked).index_fill(0, chosen, 0) * ranked
    by_rotation = max(1, compression.kept // 10)
    least = ranked[chosen].sort(descending=True).values[-by_rotation - 1]
    assert least >= unchosen.max(), "a larger coordinate stayed at home"


@law("compressed", update=UPDATES, spec=st.sampled_from(["quant:2", "quant:4"]))
def law_roundings_are_fresh(impl, update, spec):
    """Each client and each round rounds with draws of its own, so that errors cancel in a mean."""
    values = torch.linspace(-1, 1, SIZE) + update / 100
    compression = squeeze(impl, spec)
    replies = {
        (name, round): tuple(answer(sender(compression, name), values, round).update.tolist())
        for name in "abcd" for round in (1, 2, 3)
    }  # fmt: skip
    assert len(set(replies.values())) > len(replies) // 2, "clients or rounds share their draws"


@law("compressed", spec=ANY, update=UPDATES, times=st.sampled_from([1, 40]))
def law_an_upload_is_never_larger_than_reserved(impl, spec, update, times):
    """Statistics, scales and indices counted, be the model small or large."""
    made = squeeze(impl, spec)
    compression = replace(made, size=times * SIZE, trained=times * TRAINED)
    asked = sender(compression)
    asked.question = question(asked.model, 1)
    asked.question = replace(asked.question, arrays=told(compression, 1))
    values, packing = compression.sparsify(update.repeat(times), asked)
    reply = compression.quantise(Upload(1, values, 1.0, {}, packing), asked)
    arrays = [each for (name, _), each in tensors(reply) if name in ("update", "packing")]
    assert sum(each.numel() * each.element_size() for each in arrays) <= compression.largest


@law("compressed", spec=ANY, updates=THREE)
def law_a_round_adds_up_what_was_sent(impl, spec, updates):
    """The model moves by the mean of what the uploads stand for, read by hand."""
    compression = impl(*parse(spec), feedback=True, size=4, trained=4, key=7)
    made = federation(algorithm=Prepared(), build_model=linear)
    made.server.compression = compression
    start, uploads = made.server.model.clone(), []
    for each, update in zip(made.clients.values(), updates, strict=True):
        each.compression, each.prepared = compression, torch.tensor(update)
        each.answer = kept(each.answer, uploads)
    next(made.server.run(1))
    meant = sum(meaning(spec, each, made.server.announced) * each.weight for each in uploads)
    right = meant / sum(each.weight for each in uploads)
    assert torch.allclose(made.server.model - start, right.float(), atol=1e-5)


def kept(work, uploads: list[Upload]):
    """`work` that notes what it returns."""

    def answer(question):
        uploads.append(work(question))
        return uploads[-1]

    return answer


def meaning(spec: str, upload: Upload, announced: dict[str, torch.Tensor]) -> torch.Tensor:
    """(4,) float64 for which an upload stands."""
    sparsifier, quantiser = parse(spec)
    places, values = torch.arange(4), upload.update
    if announced:
        places = sparsifier.read(announced["coordinates"], 4)
    elif sparsifier is not None:
        places = indices.decode(upload.packing["indices"], 4)
    if quantiser is not None:
        part = {"levels": values, "scales": upload.packing["scales"]}
        values = quantiser.unpack(part, len(places))
    return torch.zeros(4, dtype=torch.float64).index_copy(0, places, values.double())
