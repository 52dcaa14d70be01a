"""X25519 gives the numbers printed in RFC 7748."""

from __future__ import annotations

import pytest

from fedmini.secagg import x25519

ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")


@pytest.mark.parametrize(
    ("private", "public", "expected"),
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_single_products_of_section_5_2(private, public, expected):
    secret = x25519.shared_secret(bytes.fromhex(private), bytes.fromhex(public))
    assert secret.hex() == expected


def test_iterated_product_of_section_5_2():
    private = public = x25519.BASE_POINT
    after = {}
    for count in range(1, 1001):
        private, public = x25519.shared_secret(private, public), private
        after[count] = private.hex()
    assert after[1] == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    assert after[1000] == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


def test_alice_and_bob_of_section_6_1():
    alice, bob = x25519.public_key(ALICE), x25519.public_key(BOB)
    assert alice.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert x25519.shared_secret(ALICE, bob).hex() == secret
    assert x25519.shared_secret(BOB, alice).hex() == secret


def test_the_error_says_why():
    with pytest.raises(ValueError, match="small order"):
        x25519.shared_secret(ALICE, bytes(32))
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        x25519.public_key(ALICE[:31])
