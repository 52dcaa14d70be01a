"""HKDF-SHA256 gives the keys printed in appendix A of RFC 5869."""

from __future__ import annotations

import pytest

from fedmini.secagg.hkdf import hkdf


@pytest.mark.parametrize(
    ("secret", "salt", "info", "expected"),
    [
        (
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            b"\x0b" * 22,
            b"",
            b"",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
    ids=["basic", "long", "empty"],
)
def test_keys_of_appendix_a(secret, salt, info, expected):
    assert hkdf(secret, info, len(expected) // 2, salt).hex() == expected


def test_the_error_names_both_ends():
    assert len(hkdf(b"secret", b"", 8160)) == 8160
    with pytest.raises(ValueError, match="1 to 8160 bytes, not 8161"):
        hkdf(b"secret", b"", 8161)
