"""What two clients have between them although the server carries every word: letters, and a mask.

Both come from X25519 secrets of the two. HKDF turns such a secret into a key for one purpose, one
round, one pair and, for letters, one direction: no key serves twice.
"""

from collections.abc import Mapping

from torch import Tensor

from fedmini.rng import address_bytes
from fedmini.secagg import aead
from fedmini.secagg.hkdf import hkdf
from fedmini.secagg.masks import add_mask
from fedmini.secagg.x25519 import shared_secret

PROTOCOL = "fedmini secure aggregation 1"
NONCE = bytes(12)  # a constant will do where each key seals one letter


def seal(secret: bytes, plaintext: bytes, round: int, sender: str, receiver: str) -> bytes:
    """A letter under the secret on which sender and receiver agreed."""
    address = address_bytes(PROTOCOL, "letter", round, sender, receiver)
    return aead.seal(hkdf(secret, address), NONCE, plaintext, address)


def unseal(secret: bytes, letter: bytes, round: int, sender: str, receiver: str) -> bytes:
    """The plaintext; ValueError if this is not what that sender wrote to that receiver."""
    address = address_bytes(PROTOCOL, "letter", round, sender, receiver)
    return aead.unseal(hkdf(secret, address), NONCE, letter, address)


def add_pairwise_masks(
    total: Tensor, name: str, private: bytes, peers: Mapping[str, bytes], round: int, generator: str
) -> None:
    """Add, in place, the masks that client `name` has in common with its peers.

    `private` is its mask key, `peers` holds their public ones. A peer adds the same mask with the
    other sign, so that the sum of both is free of it.
    """
    for peer, public in peers.items():
        address = address_bytes(PROTOCOL, "mask", round, *sorted((name, peer)))
        seed = hkdf(shared_secret(private, public), address)
        # + PRG(s_uv) where u < v, - PRG(s_uv) where u > v (Eq. 6.1)
        add_mask(total, seed, 1 if name < peer else -1, generator)
