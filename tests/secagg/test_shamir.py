"""Shamir's sharing by hand, its field, and what it says of wrong shares."""

from __future__ import annotations

import pytest

from fedmini.secagg import shamir

SECRET = bytes(range(32))


def is_prime(n: int) -> bool:
    """Miller and Rabin to twelve bases."""
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        powers = [pow(base, odd << step, n) for step in range(twos)]
        if powers[0] != 1 and n - 1 not in powers:
            return False
    return True


def test_the_field_is_the_first_above_all_secrets():
    assert is_prime(shamir.PRIME)
    assert not any(is_prime(n) for n in range(2**256 + 1, shamir.PRIME, 2))
    assert 256**shamir.SECRET_BYTES < shamir.PRIME < 256**shamir.SHARE_BYTES


def test_shares_by_hand():
    """f(x) = 5 + 3 x + 2 x^2 modulo 7 at 1, 2, 3: 10, 19, 32."""
    draws = iter([3, 2])
    secret = (5).to_bytes(32, "little")
    shares = shamir.split(secret, 3, (1, 2, 3), lambda bound: next(draws), prime=7)
    assert [int.from_bytes(share, "little") for share in shares.values()] == [3, 5, 4]
    assert shamir.combine(shares, 3, prime=7) == secret


def test_a_threshold_of_one_hands_the_secret_out():
    assert shamir.split(SECRET, 1, (9,)) == {9: SECRET + b"\0"}


def test_every_sharing_is_drawn_anew():
    one, other = (shamir.split(SECRET, 2, (1, 2)) for _ in range(2))
    assert one[1] != other[1] and one[2] != other[2]


def test_shares_of_something_else_are_refused():
    large = shamir.PRIME.to_bytes(33, "little")
    with pytest.raises(ValueError, match="not shares of a 32-byte secret"):
        shamir.combine({1: large, 2: large}, 2)
    beyond = (2**256 + 1).to_bytes(33, "little")
    with pytest.raises(ValueError, match="not shares of a 32-byte secret"):
        shamir.combine({1: beyond}, 1)


@pytest.mark.parametrize(
    ("threshold", "points", "said"),
    [
        (2, (1, 1), "distinct"),
        (2, (0, 1), r"in \[1, prime\)"),
        (3, (1, 2), "threshold of 3 cannot be met by 2 shares"),
        (0, (1, 2), "threshold of 0"),
    ],
)
def test_the_error_says_what_is_wrong(threshold, points, said):
    with pytest.raises(ValueError, match=said):
        shamir.split(SECRET, threshold, points)
