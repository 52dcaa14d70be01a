"""A client in one round of secure aggregation: four questions, each answered once, in their order.

Its vector leaves under a mask of its own and one in common with each other client; the secrets
behind them, a seed and a mask key, are shared among all. Of each client it reveals a share of ONE
of the two, whatever the server says: with both, that client's vector would lie bare.
"""

import secrets
from collections.abc import Callable

from torch import Tensor

from fedmini.messages import Message
from fedmini.secagg import messages
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import KEY_BYTES, QUESTIONS, need, to_bytes, to_tensor
from fedmini.secagg.pairwise import add_pairwise_masks, seal, unseal
from fedmini.secagg.shamir import SHARE_BYTES, split
from fedmini.secagg.x25519 import public_key, shared_secret


class Participant:
    """One client in one round; the next round, or the same one tried again, needs a new one.

    vector: called with the third question, a `MaskedInput` or `TrainMasked`, for the (D,) int32 or
    int64 to be summed; it stays as it is. generator: of the masks, one for all (see `add_mask`).
    """

    def __init__(
        self, name: str, round: int, vector: Callable[[Message], Tensor], generator: str = "shake"
    ) -> None:
        self.name, self.round, self.vector, self.generator = name, round, vector, generator
        self.letter_key, self.mask_key, self.seed = (secrets.token_bytes(32) for _ in range(3))
        self.answered = self.threshold = 0
        self.keys: dict[str, bytes] = {}  # everyone's public keys: for letters, then for masks
        self.agreed: dict[str, bytes] = {}  # with each other client: the secret of their letters
        self.shares: dict[str, bytes] = {}  # of all who take part: of the seed, then of the key

    def answer(self, question: Message) -> Message:
        """The answer to the next question; to another one ProtocolError, and nothing changes."""
        expected = (*QUESTIONS, ())[self.answered]
        fits = isinstance(question, expected) and question.round == self.round
        need(fits, f"a client was sent {type(question).__name__} out of order, or of another round")
        reply = (self.advertise, self.share, self.mask, self.reveal)[self.answered](question)
        self.answered += 1
        return reply

    def advertise(self, question: messages.AdvertiseKeys) -> messages.PublicKeys:
        """Its public keys."""
        keys = public_key(self.letter_key) + public_key(self.mask_key)
        return messages.PublicKeys(self.round, to_tensor(keys))

    def share(self, question: messages.ShareKeys) -> messages.SealedShares:
        """To each other client a letter with a share of the seed and one of the mask key."""
        keys = {name: to_bytes(each) for name, each in sorted(question.keys.items())}
        need(self.name in keys, "a client was sent the keys of all but itself")
        messages.need_majority(question.threshold, len(keys))
        points = range(1, len(keys) + 1)
        seeds = split(self.seed, question.threshold, points)
        mask_keys = split(self.mask_key, question.threshold, points)
        shares = {name: seeds[x] + mask_keys[x] for name, x in zip(keys, points, strict=True)}
        self.shares = {self.name: shares.pop(self.name)}
        self.keys, self.threshold = keys, question.threshold
        letters = {}
        for name, share in shares.items():
            self.agreed[name] = shared_secret(self.letter_key, keys[name][:KEY_BYTES])
            letters[name] = to_tensor(seal(self.agreed[name], share, self.round, self.name, name))
        return messages.SealedShares(self.round, letters)

    def mask(self, question: messages.MaskedInput) -> messages.MaskedVector:
        """Its vector under all masks; those whose letters came take part."""
        letters = question.letters
        need(letters.keys() <= self.agreed.keys(), "a client was sent a letter from a stranger")
        need(len(letters) + 1 >= self.threshold, "a client was sent too few letters")
        opened = {
            name: unseal(self.agreed[name], to_bytes(each), self.round, name, self.name)
            for name, each in letters.items()
        }
        # y_u = x_u + PRG(b_u) + sum_{v > u} PRG(s_uv) - sum_{v < u} PRG(s_uv) (Eq. 6.4)
        masked = self.vector(question).clone()
        add_mask(masked, self.seed, 1, self.generator)
        peers = {name: self.keys[name][KEY_BYTES:] for name in opened}
        add_pairwise_masks(masked, self.name, self.mask_key, peers, self.round, self.generator)
        self.shares |= opened
        return messages.MaskedVector(self.round, masked)

    def reveal(self, question: messages.Unmask) -> messages.Revealed:
        """Of each survivor a share of the seed, of each other client one of the mask key."""
        survivors = set(question.survivors)
        need(survivors <= self.shares.keys(), "a client was told of a survivor that took no part")
        need(self.name in survivors, "a client that sent its vector was told that it did not")
        need(len(survivors) >= self.threshold, "a client was told of too few survivors")
        shares = {
            name: to_tensor(share[:SHARE_BYTES] if name in survivors else share[SHARE_BYTES:])
            for name, share in self.shares.items()
        }
        return messages.Revealed(self.round, shares)
