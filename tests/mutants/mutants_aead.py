"""Letters that can be read, changed or handed in again."""

from __future__ import annotations

import struct

from fedmini.secagg import aead
from tests.contracts.framework import mutant


class Letters:
    """An AEAD that opens by sealing anew, in the way of the mutant."""

    @classmethod
    def seal(cls, key, nonce, plaintext, associated):
        stream = aead.chacha20(key, nonce, len(plaintext) // 64 + 2)
        ciphertext = aead.xor(plaintext, cls.used(stream))
        return ciphertext + cls.tag(stream[:32], ciphertext, associated)

    @classmethod
    def unseal(cls, key, nonce, sealed, associated):
        stream = aead.chacha20(key, nonce, len(sealed) // 64 + 2)
        ciphertext, found = sealed[:-16], sealed[-16:]
        if not cls.same(found, cls.tag(stream[:32], ciphertext, associated)):
            raise ValueError
        return aead.xor(ciphertext, cls.used(stream))

    @classmethod
    def used(cls, stream):
        return stream[64:]

    @classmethod
    def tag(cls, key, ciphertext, associated):
        return aead.tag(key, ciphertext, associated)

    @classmethod
    def same(cls, found, right):
        return found == right


@mutant(
    "aead",
    law="law_letter_is_the_standards",
    harm="The block that holds the tag's key encrypts, too: a known text lets anyone forge tags.",
)
class FirstBlockUsedTwice(Letters):
    @classmethod
    def used(cls, stream):
        return stream


@mutant(
    "aead",
    law="law_letter_is_the_standards",
    harm="The bits of r are not cleared: the bound on a forger's chance no longer holds.",
)
class KeyNotClamped(Letters):
    @classmethod
    def tag(cls, key, ciphertext, associated):
        r, total = int.from_bytes(key[:16], "little"), 0
        padded = b"".join(text + bytes(-len(text) % 16) for text in (associated, ciphertext))
        message = padded + struct.pack("<QQ", len(associated), len(ciphertext))
        for start in range(0, len(message), 16):
            block = message[start : start + 16] + b"\1"
            total = (total + int.from_bytes(block, "little")) * r % aead.PRIME
        return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


@mutant(
    "aead",
    law="law_any_changed_bit_is_refused",
    harm="Four bytes of the tag are compared: the server forges a share in hours.",
)
class PrefixCompared(Letters):
    @classmethod
    def same(cls, found, right):
        return found[:4] == right[:4] and len(found) == len(right)


@mutant(
    "aead",
    law="law_any_changed_bit_is_refused",
    harm="The nonce is ignored: two letters under one key reveal the XOR of their shares.",
)
class NonceIgnored(Letters):
    @classmethod
    def seal(cls, key, nonce, plaintext, associated):
        return super().seal(key, bytes(12), plaintext, associated)

    @classmethod
    def unseal(cls, key, nonce, sealed, associated):
        return super().unseal(key, bytes(12), sealed, associated)


@mutant(
    "aead",
    law="law_any_changed_bit_is_refused",
    harm="Sender, receiver and round are not bound: the server hands last round's shares in again.",
)
class AssociatedIgnored(Letters):
    @classmethod
    def tag(cls, key, ciphertext, associated):
        return super().tag(key, ciphertext, b"")


@mutant(
    "aead",
    law="law_a_cut_or_lengthened_letter_is_refused",
    harm="As much of the tag is compared as came: a letter with an empty tag always opens.",
)
class TagAsLongAsItComes(Letters):
    @classmethod
    def same(cls, found, right):
        return found == right[: len(found)]


@mutant(
    "aead",
    law="law_a_cut_or_lengthened_letter_is_refused",
    harm="The lengths are not in the tag: bytes move between the letter and its address.",
)
class LengthsForgotten(Letters):
    @classmethod
    def tag(cls, key, ciphertext, associated):
        padded = (text + bytes(-len(text) % 16) for text in (associated, ciphertext))
        return aead.poly1305(key, b"".join(padded))
