"""What each part of secure aggregation promises, by itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import combinations

import torch
from hypothesis import strategies as st

from fedmini.secagg import aead, masks, shamir, x25519
from tests.contracts import oracles_secagg as oracle
from tests.contracts.framework import law, real

real("x25519", "fedmini.secagg:x25519")
real("hkdf", "fedmini.secagg.hkdf:hkdf")
real("aead", "fedmini.secagg:aead")
real("shamir", "fedmini.secagg:shamir")
real("mask", "fedmini.secagg.masks:add_mask")

KEYS = st.binary(min_size=32, max_size=32)
NONCES = st.binary(min_size=12, max_size=12)
TEXTS = st.binary(max_size=200)
DTYPES = st.sampled_from([torch.int32, torch.int64])
SIGNS = st.sampled_from([1, -1])
CURVE = x25519.PRIME
ORDER_EIGHT = [
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
SMALL_ORDER = [0, 1, *ORDER_EIGHT, CURVE - 1, CURVE, CURVE + 1]


def refused(action, *arguments, **named) -> bool:
    try:
        action(*arguments, **named)
    except ValueError:
        return True
    return False


@law("x25519", one=KEYS, other=KEYS)
def law_both_sides_agree(impl, one, other):
    secret = impl.shared_secret(one, impl.public_key(other))
    assert secret == impl.shared_secret(other, impl.public_key(one))
    assert len(secret) == 32


@law("x25519", one=KEYS, other=KEYS)
def law_secret_is_the_product_on_the_curve(impl, one, other):
    a, b = oracle.scalar_of(one), oracle.scalar_of(other)
    assert impl.public_key(one) == oracle.multiple_of_base(a)
    assert impl.shared_secret(one, impl.public_key(other)) == oracle.multiple_of_base(a * b)


@law("x25519", private=KEYS, u=st.sampled_from(SMALL_ORDER), top=st.sampled_from([0, 2**255]))
def law_a_point_of_small_order_is_refused(impl, private, u, top):
    public = (u + top).to_bytes(32, "little")
    assert refused(impl.shared_secret, private, public), "a secret that everyone knows"


@law("x25519", private=KEYS, u=st.integers(2, 18))
def law_a_point_has_several_encodings(impl, private, u):
    encodings = [u, u + CURVE, u + 2**255, u + CURVE + 2**255]
    public = [each.to_bytes(32, "little") for each in encodings]
    assert len({impl.shared_secret(private, each) for each in public}) == 1


@law("x25519", key=st.binary(max_size=40).filter(lambda key: len(key) != 32))
def law_a_key_of_another_length_is_refused(impl, key):
    assert refused(impl.public_key, key)
    assert refused(impl.shared_secret, bytes(range(32)), key)


@law("hkdf", secret=TEXTS, info=TEXTS, salt=st.binary(max_size=64), size=st.integers(1, 8160))
def law_key_is_the_standards(impl, secret, info, salt, size):
    assert impl(secret, info, size, salt) == oracle.hkdf(secret, info, size, salt)


@law("hkdf", text=st.binary(min_size=2, max_size=20), cut=st.integers(0, 18))
def law_every_purpose_has_a_key_of_its_own(impl, text, cut):
    cut = min(cut, len(text) - 2)
    shifted = {(text[:place], text[place:]) for place in (cut, cut + 1, cut + 2)}
    purposes = {(text, b""), (text, b"1"), (text, b"11")}
    keys = {impl(secret, info) for secret, info in shifted | purposes}
    assert len(keys) == len(shifted | purposes), "two purposes share a key"


@law("hkdf", size=st.sampled_from([-1, 0, 8161, 10_000]))
def law_a_key_too_long_is_refused(impl, size):
    assert refused(impl, b"secret", b"purpose", size)


@law("aead", key=KEYS, nonce=NONCES, text=TEXTS, associated=TEXTS)
def law_letter_is_the_standards(impl, key, nonce, text, associated):
    sealed = impl.seal(key, nonce, text, associated)
    assert sealed == oracle.seal(key, nonce, text, associated)
    assert impl.unseal(key, nonce, sealed, associated) == text


@law(
    "aead", key=KEYS, nonce=NONCES, text=st.binary(max_size=20), associated=st.binary(max_size=9),
    first=st.integers(0, 10),
)  # fmt: skip
def law_any_changed_bit_is_refused(impl, key, nonce, text, associated, first):
    """Every eleventh one, from a place that is drawn."""
    arguments = [key, nonce, impl.seal(key, nonce, text, associated), associated]
    for place, right in enumerate(arguments):
        number = int.from_bytes(right, "little")
        for bit in range(first, 8 * len(right), 11):
            wrong = (number ^ 1 << bit).to_bytes(len(right), "little")
            changed = [*arguments[:place], wrong, *arguments[place + 1 :]]
            assert refused(impl.unseal, *changed), f"bit {bit} of argument {place}"


@law("aead", key=KEYS, nonce=NONCES, text=st.binary(max_size=40), associated=st.binary(max_size=9))
def law_a_cut_or_lengthened_letter_is_refused(impl, key, nonce, text, associated):
    sealed = impl.seal(key, nonce, text, associated)
    shorter = [sealed[:length] for length in range(len(sealed))]
    longer = [sealed + b"\0", sealed[: -aead.TAG] + b"\0" + sealed[-aead.TAG :]]
    for wrong in shorter + longer:
        assert refused(impl.unseal, key, nonce, wrong, associated)
    assert refused(impl.unseal, key, nonce, sealed, associated + b"\0")


@law(
    "shamir",
    secret=KEYS | st.just(b"\xff" * 32) | st.just(bytes(32)),
    points=st.lists(st.integers(1, 2**16), min_size=1, max_size=7, unique=True),
    threshold=st.integers(1, 7),
    random=st.randoms(use_true_random=False),
)
def law_any_threshold_shares_give_the_secret_back(impl, secret, points, threshold, random):
    threshold = min(threshold, len(points))
    shares = impl.split(secret, threshold, points, random.randrange)
    assert shares.keys() == set(points)
    for kept in combinations(random.sample(points, len(points)), threshold):
        assert impl.combine({x: shares[x] for x in kept}, threshold) == secret
    assert impl.combine(shares, threshold) == secret, "more shares than needed"


@law("shamir", prime=st.sampled_from([5, 7]), threshold=st.integers(2, 3))
def law_fewer_shares_tell_nothing(impl, prime, threshold):
    points = range(1, prime)
    for kept in combinations(points, threshold - 1):
        seen = []
        for secret in range(prime):
            whole = secret.to_bytes(32, "little")
            outcomes = oracle.every_outcome(
                lambda draw, whole=whole: impl.split(whole, threshold, points, draw, prime)
            )
            seen.append(Counter(tuple(shares[x] for x in kept) for shares in outcomes))
        assert all(counts == seen[0] for counts in seen), "the shares depend on the secret"
        assert len(seen[0]) == prime ** (threshold - 1), "some shares are never dealt"


@law(
    "shamir",
    points=st.sampled_from([(0, 1, 2), (1, 2, 2), (1, 2, 7), (1, 2, 8), (-1, 1, 2)]),
    threshold=st.integers(1, 3),
)
def law_points_outside_the_field_are_refused(impl, points, threshold):
    secret = (3).to_bytes(32, "little")
    assert refused(impl.split, secret, threshold, points, prime=7)
    if len(set(points)) == 3:
        shares = {x: (2).to_bytes(shamir.SHARE_BYTES, "little") for x in points}
        assert refused(impl.combine, shares, threshold, prime=7)


@law("shamir", count=st.integers(0, 5), beyond=st.integers(1, 3))
def law_too_few_shares_are_refused(impl, count, beyond):
    shares = impl.split(bytes(range(32)), 6, range(1, 7))
    kept = {x: shares[x] for x in range(1, count + 1)}
    assert refused(impl.combine, kept, count + beyond), "a wrong secret was given back"
    assert refused(impl.split, bytes(32), count + beyond, range(1, count + 1))
    assert refused(impl.combine, shares, 0)


@law("shamir", size=st.integers(0, 40).filter(lambda size: size != 32))
def law_a_secret_of_another_length_is_refused(impl, size):
    assert refused(impl.split, b"\1" * size, 2, (1, 2))


def mask_of(impl, seed: bytes, size: int, dtype: torch.dtype, sign: int = 1) -> torch.Tensor:
    total = torch.zeros(size, dtype=dtype)
    impl(total, seed, sign)
    return total


def seeds(count: int) -> list[bytes]:
    return [hashlib.sha256(b"seed %d" % index).digest() for index in range(count)]


def boundary(dtype: torch.dtype, chunks: int, offset: int) -> int:
    """A number of words near the end of a chunk."""
    return max(0, chunks * masks.CHUNK // dtype.itemsize + offset)


NEAR_A_BOUNDARY = {"dtype": DTYPES, "chunks": st.integers(0, 3), "offset": st.integers(-2, 2)}


@law("mask", seed=KEYS, sign=SIGNS, **NEAR_A_BOUNDARY)
def law_added_and_subtracted_it_cancels(impl, seed, sign, dtype, chunks, offset):
    size, limits = boundary(dtype, chunks, offset), torch.iinfo(dtype)
    ends = torch.tensor([limits.min, limits.max, 0, -1], dtype=dtype)
    total = ends.repeat(size // 4 + 1)[:size].contiguous()
    before = total.clone()
    impl(total, seed, sign)
    assert total.equal(before + mask_of(impl, seed, size, dtype, sign)), "sums must wrap"
    impl(total, seed, -sign)
    assert total.equal(before)


@law("mask", seed=KEYS, **NEAR_A_BOUNDARY)
def law_no_word_is_bare_and_none_comes_twice(impl, seed, dtype, chunks, offset):
    mask = mask_of(impl, seed, boundary(dtype, chunks, offset), dtype)
    assert mask.all(), "a word without a mask"
    # words of 32 bits repeat by chance, pairs of them do not
    pairs = mask[: mask.numel() // 2 * 2].view(torch.int64)
    assert pairs.unique().numel() == pairs.numel(), "a part of the mask was used again"


@law("mask", seed=KEYS, dtype=DTYPES)
def law_every_bit_of_the_seed_counts(impl, seed, dtype):
    number = int.from_bytes(seed, "little")
    neighbours = [(number ^ 1 << bit).to_bytes(32, "little") for bit in range(256)]
    drawn = {tuple(mask_of(impl, each, 4, dtype).tolist()) for each in (seed, *neighbours)}
    assert len(drawn) == 257, "two seeds give one mask"


@law("mask", dtype=DTYPES, place=st.sampled_from([0, 1, 40]))
def law_a_word_is_uniform_over_the_seeds(impl, dtype, place):
    """Each of its bytes by chi-square: 255 on average; above 400 with a chance of 2e-8."""
    words = [mask_of(impl, seed, 41, dtype)[place] for seed in seeds(4096)]
    for column in torch.stack(words).view(torch.uint8).reshape(4096, -1).T:
        counts = torch.bincount(column, minlength=256).double()
        assert float(((counts - 16) ** 2 / 16).sum()) < 400


@law("mask", seed=KEYS, dtype=DTYPES, count=st.integers(0, 5))
def law_wrong_arguments_are_refused(impl, seed, dtype, count):
    total = torch.zeros(4, dtype=dtype)
    for wrong in (seed[:count], seed + b"\0"):
        assert refused(impl, total, wrong, 1), "a seed of another length"
    assert refused(impl, total, seed, 0), "a sign that adds nothing"
    for other in (torch.zeros(4), torch.zeros(4, dtype=torch.int16), total.reshape(2, 2)):
        assert refused(impl, other, seed, 1), "no (D,) int32 or int64"
    assert not total.any()
