"""Masks that are too weak, or do not cancel."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from fedmini.secagg import masks
from fedmini.secagg.masks import add_mask
from tests.contracts.framework import mutant


def add_bytes(total, stream: bytes, sign: int) -> None:
    """In place and wrapping, with the first bytes of the stream as the mask."""
    words = total.numpy()
    words += sign * np.frombuffer(stream[: words.nbytes], words.dtype)


@mutant(
    "mask",
    law="law_added_and_subtracted_it_cancels",
    harm="Each direction has a mask of its own: what one client adds no other takes off.",
)
def sign_in_the_seed(total, seed, sign):
    add_mask(total, hashlib.sha256(seed + bytes([sign + 1])).digest(), sign)


@mutant(
    "mask",
    law="law_added_and_subtracted_it_cancels",
    harm="Sums stop at the largest number instead of wrapping: masks do not cancel any more.",
)
def saturated(total, seed, sign):
    mask, limits = torch.zeros_like(total), torch.iinfo(total.dtype)
    add_mask(mask, seed, 1)
    added = total.double() + sign * mask.double()
    total.copy_(added.clamp(limits.min, limits.max).to(total.dtype))


@mutant(
    "mask",
    law="law_added_and_subtracted_it_cancels",
    harm="The modulus is taken of floats: sums lose their last bits, and the total with them.",
)
def float_modulo(total, seed, sign):
    mask, modulus = torch.zeros_like(total), 2.0 ** (8 * total.element_size())
    add_mask(mask, seed, 1)
    added = total.float() + sign * mask.float() + modulus / 2
    total.copy_((added.remainder(modulus) - modulus / 2).to(total.dtype))


@mutant(
    "mask",
    law="law_no_word_is_bare_and_none_comes_twice",
    harm="Every chunk has the same mask: differences of layers travel in the clear.",
)
def chunk_number_forgotten(total, seed, sign):
    chunk = hashlib.shake_128(seed).digest(masks.CHUNK)
    add_bytes(total, chunk * (total.nbytes // masks.CHUNK + 1), sign)


@mutant(
    "mask",
    law="law_no_word_is_bare_and_none_comes_twice",
    harm="What does not fill a chunk stays bare: the last layer, or a small model whole.",
)
def last_chunk_left_out(total, seed, sign):
    whole = total.nbytes // masks.CHUNK * masks.CHUNK // total.element_size()
    add_mask(total[:whole], seed, sign)


@mutant(
    "mask",
    law="law_no_word_is_bare_and_none_comes_twice",
    harm="The mask is one word short: n_k, the last coordinate, is in the clear.",
)
def one_word_short(total, seed, sign):
    add_mask(total[:-1], seed, sign)


@mutant(
    "mask",
    law="law_every_bit_of_the_seed_counts",
    harm="Seeds folded to 32 bits: the server tries all of them in minutes.",
)
def folded_seed(total, seed, sign):
    folded = int.from_bytes(seed, "little") % 2**32
    add_mask(total, folded.to_bytes(32, "little"), sign)


@mutant(
    "mask",
    law="law_every_bit_of_the_seed_counts",
    harm="The seed as text loses the bytes that are no letters: fewer seeds than were drawn.",
)
def seed_as_text(total, seed, sign):
    text = seed.decode("ascii", errors="ignore").encode()
    add_bytes(total, hashlib.shake_128(text).digest(total.nbytes), sign)


@mutant(
    "mask",
    law="law_a_word_is_uniform_over_the_seeds",
    harm="Masks are never negative: the sign of a large coordinate shows through.",
)
def never_negative(total, seed, sign):
    mask = torch.zeros_like(total)
    add_mask(mask, seed, 1)
    total += sign * (mask & torch.iinfo(total.dtype).max)


@mutant(
    "mask",
    law="law_a_word_is_uniform_over_the_seeds",
    harm="Draws of [0, 1) times 2^64 have 53 bits: the last bits of every coordinate are bare.",
)
def scaled_floats(total, seed, sign):
    mask = torch.zeros(len(total), dtype=torch.int64)
    add_mask(mask, seed, 1)
    unit = (mask >> 40).double() / 2**24  # [-0.5, 0.5) as float32 draws it
    total += sign * (unit * 2.0 ** (8 * total.element_size())).to(total.dtype)


@mutant(
    "mask",
    law="law_a_word_is_uniform_over_the_seeds",
    harm="32-bit masks in a 64-bit ring: the upper half of every sum is in the clear.",
)
def half_a_word(total, seed, sign):
    mask = torch.zeros(len(total), dtype=torch.int32)
    add_mask(mask, seed, 1)
    total += sign * mask.to(total.dtype)


@mutant(
    "mask",
    law="law_wrong_arguments_are_refused",
    harm="An empty seed, the answer of a client that drew none, masks with what everyone knows.",
)
def any_seed_taken(total, seed, sign):
    add_bytes(total, hashlib.shake_128(seed).digest(total.nbytes), sign)


@mutant(
    "mask",
    law="law_wrong_arguments_are_refused",
    harm="Pairs whose order was never decided are masked with sign 0: not at all.",
)
def any_sign_taken(total, seed, sign):
    mask = torch.zeros_like(total)
    add_mask(mask, seed, 1)
    total += sign * mask
