"""What sparsifiers, the code of their indices and error feedback promise."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from fedmini.compression import Chain, Quantiser, RandomK, TopK
from fedmini.compression.indices import encode
from fedmini.messages import Upload
from fedmini.messages import decode as read_message
from fedmini.messages import encode as write_message
from fedmini.rng import stream
from tests.contracts.framework import law, real

real("largest", "fedmini.compression.select:largest")
real("topk", "fedmini.compression:TopK")
real("randk", "fedmini.compression:RandomK")
real("prevk", "fedmini.compression:PrevK")
real("error_feedback", "fedmini.compression:ErrorFeedback")

RATIOS = st.sampled_from([0.001, 0.07, 0.25, 0.5, 0.99, 1.0])
TIED = st.sampled_from([-3.0, -2.0, -1.0, -0.0, 0.0, 1.0, 2.0])
FLOATS = st.floats(-(2.0**99), 2.0**99, width=32)
VECTORS = st.lists(TIED, min_size=1, max_size=40) | st.lists(FLOATS, min_size=1, max_size=40)
AGGREGATES = st.lists(TIED, min_size=8, max_size=40)
KEYS = st.integers(0, 2**64)
SHAPES = st.sampled_from(["gauss", "ties", "zeros", "sparse", "where sampled", "not where sampled"])
LONG = 200_003  # longer than a sample of it
UPLOADS = st.lists(st.tuples(st.lists(st.integers(-99, 99), min_size=6, max_size=6), st.booleans()))


def count(ratio: float, size: int) -> int:
    return max(1, round(ratio * size))


def by_sorting(values: np.ndarray, k: int) -> list[int]:
    """The oracle: all sorted by magnitude, equal ones by index."""
    return sorted(np.lexsort((np.arange(len(values)), -np.abs(values)))[:k].tolist())


def long_vector(shape: str) -> np.ndarray:
    draws = np.random.default_rng(5)
    noise = draws.normal(size=LONG).astype(np.float32)
    sampled = np.arange(LONG) % (LONG // 2**16 + 1) == 0
    return {
        "gauss": noise,
        "ties": np.round(noise),
        "zeros": np.zeros(LONG, np.float32),
        "sparse": noise * (draws.random(LONG) < 0.003),
        "where sampled": noise * np.where(sampled, 100, 1),
        "not where sampled": noise * np.where(sampled, 1, 100),
    }[shape].astype(np.float32)


def same(found: torch.Tensor | None, expected: torch.Tensor) -> bool:
    return found is not None and torch.equal(found, expected)


def through_bytes(part: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    message = Upload(round=1, update=torch.zeros(0), weight=1.0, sums=part)
    return dict(read_message(write_message(message)).sums)


@law("largest", shape=SHAPES, k=st.sampled_from([1, 7, 200, 2_000, 100_000, LONG]))
def law_the_largest_are_exact_whatever_the_sample_says(impl, shape, k):
    values = long_vector(shape)
    assert impl(torch.from_numpy(values), k).tolist() == by_sorting(values, k)


@law("topk", values=VECTORS, ratio=RATIOS)
def law_topk_is_what_sorting_gives(impl, values, ratio):
    vector = torch.tensor(values)
    found = impl(ratio).coordinates(vector)
    assert found.dtype == torch.int64
    assert found.tolist() == by_sorting(vector.numpy(), count(ratio, len(values)))


@law("topk", values=VECTORS, ratio=RATIOS)
def law_what_is_kept_is_kept_exactly(impl, values, ratio):
    vector, compressor = torch.tensor(values), impl(ratio)
    before = vector.clone()
    dense = compressor.decompress(compressor.compress(vector))
    assert torch.equal(vector, before), "compressing wrote into its input"
    assert dense.dtype == torch.float32 and dense.shape == vector.shape
    assert ((dense == vector) | (dense == 0)).all()
    assert (dense != 0).sum() == min(count(ratio, len(values)), (vector != 0).sum())


@law("topk", values=VECTORS, ratio=RATIOS, key=KEYS)
def law_topk_errs_no_more_than_randk(impl, values, ratio, key):
    vector = torch.tensor(values)
    errors = [
        (vector - each.decompress(each.compress(vector, stream(key)))).double().norm()
        for each in (impl(ratio), RandomK(ratio))
    ]
    assert errors[0] <= errors[1] * (1 + 1e-12)


@law("topk", values=VECTORS, ratio=RATIOS)
def law_a_part_travels_in_few_bytes(impl, values, ratio):
    vector, compressor = torch.tensor(values), impl(ratio)
    part = compressor.compress(vector)
    back = through_bytes(part)
    assert torch.equal(compressor.decompress(back), compressor.decompress(part))
    bytes = sum(each.numel() * each.element_size() for each in part.values())
    code = len(encode(compressor.coordinates(vector), len(vector)))
    assert bytes == 4 * count(ratio, len(values)) + code + 8


@law("randk", size=st.integers(1, 60), ratio=RATIOS, key=KEYS, round=st.integers(1, 9))
def law_all_clients_of_a_round_read_the_same(impl, size, ratio, key, round):
    server, clients = impl(ratio), [impl(ratio), impl(ratio)]
    seed = server.announce(size, round, None, key)
    found, other = (each.read(seed, size).tolist() for each in clients)
    replayed = server.announce(size, round, None, key)
    assert found == other == server.read(replayed, size).tolist()
    assert found == sorted(set(found)) and len(found) == count(ratio, size)
    assert 0 <= found[0] and found[-1] < size


@law("randk", key=KEYS, size=st.integers(10, 20))
def law_randk_favours_no_coordinate(impl, key, size):
    drawn, rounds = np.zeros(size), 150
    for round in range(1, rounds + 1):
        drawn[impl(0.1).read(impl(0.1).announce(size, round, None, key), size)] += 1
    share = count(0.1, size) / size
    spread = (rounds * share * (1 - share)) ** 0.5
    assert (abs(drawn - rounds * share) < 5.5 * spread).all()


@law("randk", key=KEYS)
def law_a_seed_has_64_bits(impl, key):
    seeds = [impl(0.1).announce(9, round, None, key) for round in range(64)]
    assert all(seed.shape == (1,) and seed.dtype == torch.int64 for seed in seeds)
    together = [sum(seed.item() >> bit & 1 for seed in seeds) for bit in range(64)]
    assert all(8 < ones < 56 for ones in together)


@law("randk", values=VECTORS, ratio=RATIOS, key=KEYS)
def law_a_seed_travels_for_the_indices(impl, values, ratio, key):
    vector, compressor = torch.tensor(values), impl(ratio)
    part = compressor.compress(vector, stream(key))
    assert sorted(part) == ["seed", "size", "values"] and len(part["seed"]) == 1
    assert part["values"].tolist() == vector[compressor.read(part["seed"], len(values))].tolist()
    dense = torch.zeros(len(values))
    kept = compressor.coordinates(vector, stream(key))
    dense[kept] = vector[kept]
    assert torch.equal(compressor.decompress(through_bytes(part)), dense)


@law("prevk", size=st.integers(1, 300), ratio=RATIOS, key=KEYS, start=st.integers(1, 99))
def law_every_coordinate_has_its_turn(impl, size, ratio, key, start):
    compressor, previous = impl(ratio), torch.arange(1.0, size + 1)
    rounds = -(-size // max(1, count(ratio, size) // 10))
    seen = set()
    for round in range(start, start + rounds):
        announcement = compressor.announce(size, round, previous, key)
        seen.update(compressor.read(announcement, size).tolist())
    assert len(seen) == size


@law("prevk", values=AGGREGATES, ratio=RATIOS, key=KEYS, round=st.integers(1, 99))
def law_prevk_keeps_the_largest_of_the_last_aggregate(impl, values, ratio, key, round):
    previous, compressor = torch.tensor(values), impl(ratio)
    before, k = previous.clone(), count(ratio, len(values))
    chosen = compressor.read(compressor.announce(len(values), round, previous, key), len(values))
    assert torch.equal(previous, before), "the aggregate was written to"
    assert len(chosen) == k and chosen.tolist() == sorted(set(chosen.tolist()))
    kept = previous[chosen].abs().sort(descending=True).values[: k - max(1, k // 10)]
    left = np.delete(previous.abs().numpy(), chosen)
    assert not len(kept) or not len(left) or kept.min() >= left.max()


@law("prevk", size=st.integers(100, 200), key=KEYS)
def law_the_turn_is_drawn_by_the_key(impl, size, key):
    def first(key: int) -> list[int]:
        return impl(0.3).read(impl(0.3).announce(size, 1, None, key), size).tolist()

    assert len(first(key)) == count(0.3, size)
    assert first(key) == first(key) != first(key + 1)


@law("error_feedback", uploads=UPLOADS, ratio=RATIOS)
def law_what_arrived_and_what_is_left_are_all_there_was(impl, uploads, ratio):
    """Uploads that were lost count for nothing, neither in the sum nor in the residual."""
    feedback = impl(TopK(ratio))
    sent, given = torch.zeros(6), torch.zeros(6)
    for values, arrived in uploads:
        part = feedback.compress(torch.tensor(values, dtype=torch.float32))
        if arrived:
            feedback.commit()
            sent, given = sent + feedback.decompress(part), given + torch.tensor(values)
        else:
            feedback.discard()
        left = torch.zeros(6) if feedback.residual is None else feedback.residual
        assert torch.equal(sent + left, given)


@law("error_feedback", first=VECTORS, ratio=RATIOS, key=KEYS, scale=st.sampled_from([0.5, -3.0]))
def law_kept_and_pending_are_the_input(impl, first, ratio, key, scale):
    """To the bit for sparsifiers; within the last bit where values are rounded."""
    vector = torch.tensor(first)
    for compressor in (TopK(ratio), RandomK(ratio), Quantiser(4), Chain(TopK(ratio), Quantiser(2))):
        feedback, given = impl(compressor), vector
        for _ in range(2):
            before = given.clone()
            total = given if feedback.residual is None else given + feedback.residual
            kept = feedback.decompress(feedback.compress(given, stream(key)))
            assert torch.equal(given, before), "compressing wrote into its input"
            exact = isinstance(compressor, (TopK, RandomK))
            larger = torch.maximum(kept.abs(), feedback.pending.abs())
            last_bit = torch.nextafter(larger, torch.tensor(torch.inf)) - larger
            distance = (kept.double() + feedback.pending.double() - total.double()).abs()
            assert (distance <= (0 if exact else last_bit)).all()
            feedback.commit()
            given = vector * scale


@law("error_feedback", values=VECTORS)
def law_nothing_is_committed_without_acknowledgement(impl, values):
    vector, feedback = torch.tensor(values), impl(TopK(0.25))
    feedback.compress(vector)
    feedback.commit()
    residual = feedback.residual.clone()
    part = feedback.compress(-vector)
    assert same(feedback.residual, residual), "committed before it arrived"
    again = feedback.compress(-vector)
    assert all(torch.equal(part[name], again[name]) for name in part), "a lost upload left a trace"
    feedback.discard()
    feedback.commit()
    assert same(feedback.residual, residual), "a lost upload was committed"
    feedback.compress(-vector)
    left = feedback.pending.clone()
    feedback.commit()
    feedback.commit()
    assert same(feedback.residual, left), "committed twice"
    assert feedback.pending is None
