"""Clients in secure aggregation with wrong masks, or secrets that serve twice."""

from __future__ import annotations

import hashlib

import torch

from fedmini.secagg.client import Participant
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import KEY_BYTES, MaskedVector
from fedmini.secagg.pairwise import add_pairwise_masks
from tests.contracts.framework import mutant


class Masking(Participant):
    """A client whose masks are put on by `masks`, from which mutants derive."""

    def mask(self, question):
        super().mask(question)
        masked = self.vector(question).clone()
        peers = {name: self.keys[name][KEY_BYTES:] for name in question.letters}
        self.masks(masked, peers)
        return MaskedVector(self.round, masked)


@mutant(
    "participant",
    law="law_peers_and_shares_undo_every_mask",
    harm="The sign follows the order of arrival: masks double instead of cancelling.",
)
class SignByArrival(Masking):
    def masks(self, masked, peers):
        add_mask(masked, self.seed, 1)
        for place, (name, key) in enumerate(peers.items()):
            one = torch.zeros_like(masked)
            add_pairwise_masks(one, self.name, self.mask_key, {name: key}, self.round, "shake")
            masked += one if place % 2 else -one


@mutant(
    "participant",
    law="law_peers_and_shares_undo_every_mask",
    harm="Masks in common with clients that left before are never taken off.",
)
class MasksOfTheWholeRoster(Masking):
    def masks(self, masked, peers):
        add_mask(masked, self.seed, 1)
        peers = {name: keys[KEY_BYTES:] for name, keys in self.keys.items() if name != self.name}
        add_pairwise_masks(masked, self.name, self.mask_key, peers, self.round, "shake")


@mutant(
    "participant",
    law="law_peers_and_shares_undo_every_mask",
    harm="The masks stay in the client's own vector, and the next local training starts from them.",
)
class MaskedInPlace(Masking):
    def masks(self, masked, peers):
        add_mask(masked, self.seed, 1)
        add_pairwise_masks(masked, self.name, self.mask_key, peers, self.round, "shake")
        self.vector(None).copy_(masked)


@mutant(
    "participant",
    law="law_an_upload_is_uniform_even_without_the_masks_in_common",
    harm="A client that is late, but not gone, is unmasked: the server got its mask key as that of "
    "a dropped client, and nothing else covers the update.",
)
class NoOwnMask(Masking):
    def masks(self, masked, peers):
        add_pairwise_masks(masked, self.name, self.mask_key, peers, self.round, "shake")


@mutant(
    "participant",
    law="law_an_upload_is_uniform_even_without_the_masks_in_common",
    harm="The own mask is the same in every round: two uploads give their difference away.",
)
class OwnMaskFromTheName(Participant):
    def __init__(self, name, *rest):
        super().__init__(name, *rest)
        self.seed = hashlib.sha256(name.encode()).digest()


@mutant(
    "participant",
    law="law_no_secret_serves_twice",
    harm="Who is given the mask key of a dropped client can read the letters to it: both secrets.",
)
class OneKeyForBoth(Participant):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.mask_key = self.letter_key


@mutant(
    "participant",
    law="law_no_secret_serves_twice",
    harm="A round is aborted after mask keys were revealed; tried again, it masks with the same.",
)
class KeysOfTheRound(Participant):
    def __init__(self, name, round, *rest):
        super().__init__(name, round, *rest)
        self.mask_key = hashlib.sha256(f"{name} {round}".encode()).digest()


@mutant(
    "participant",
    law="law_no_secret_serves_twice",
    harm="A log that shows a client shows its keys.",
)
class ShowsItsKeys(Participant):
    def __repr__(self):
        return f"Participant({vars(self)})"
