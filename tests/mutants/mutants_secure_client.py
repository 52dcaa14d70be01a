"""Wrong clients of secure aggregation: other vectors, and words that nobody should see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from fedmini.secagg.messages import AdvertiseKeys, MaskedInput, MaskedVector, TrainMasked
from fedmini.secure import SecureClient, flat
from tests.contracts.framework import mutant
from tests.core.secure_rounds import CLIP

VECTOR = "law_a_vector_holds_update_sums_and_weight"
REPLIES = "law_replies_hold_keys_letters_one_vector_and_shares"


def encoding(name: str, law: str, harm: str):
    """Register a client whose vector is made by the decorated function of its upload and itself."""

    def register(make):
        def vector(self, question):
            return make(self, self.client.answer(question))

        mutant("secure_client", law=law, harm=harm)(type(name, (SecureClient,), {"vector": vector}))

    return register


@encoding("ClipsAfterEncoding", VECTOR, "Clipped when weighted already: large hospitals shrink.")
def _(client, upload):
    words, bound = client.ring.encode(flat(upload), client.cohort), client.ring
    return words.clamp(-int(CLIP * 2**bound.fractional_bits), int(CLIP * 2**bound.fractional_bits))


@encoding("ForgetsTheWeight", VECTOR, "A plain sum of updates over a sum of weights: steps shrink.")
def _(client, upload):
    words = client.ring.encode(flat(replace(upload, weight=1)), client.cohort)
    return torch.cat([words[:-1], client.ring.encode(flat(upload), client.cohort)[-1:]])


@encoding("RoundsToTheNearest", VECTOR, "Rounded up by half a step: the clip bound holds no more.")
def _(client, upload):
    scaled = flat(upload) * 2**client.ring.fractional_bits
    return scaled.round().to(client.ring.dtype)


@encoding("LeavesLossesUnbounded", "law_a_loss_is_bounded", "One loss of 1e9 wraps everybody's.")
def _(client, upload):
    vector = flat(upload)
    vector[-2] = float(upload.sums["loss"])
    return (vector * 2**client.ring.fractional_bits).long().to(client.ring.dtype)


@encoding(
    "DropsSumsInSilence",
    "law_sums_of_an_algorithm_are_refused",
    "An algorithm that needs a sum of its own trains on, and never gets it.",
)
def _(client, upload):
    return client.ring.encode(flat(upload), client.cohort)


@encoding(
    "SendsZerosForNaN",
    "law_what_could_wrap_is_refused",
    "A hospital that diverged counts with all its images, and moves nothing.",
)
def _(client, upload):
    return client.ring.encode(flat(upload).nan_to_num(0.0, 0.0, 0.0), client.cohort)


@encoding(
    "ChecksItselfOnly",
    "law_what_could_wrap_is_refused",
    "Each vector fits the ring and their sum does not: the mean changes its sign.",
)
def _(client, upload):
    return client.ring.encode(flat(upload))


@mutant(
    "secure_client",
    law=REPLIES,
    harm="The upload is sent as it is: the server reads the update and the number of images.",
)
class SendsItsUpload(SecureClient):
    def answer(self, question):
        masked = super().answer(question)
        return self.client.answer(question) if isinstance(question, MaskedInput) else masked


@dataclass(frozen=True)
class VectorWithLoss(MaskedVector):
    loss: float


@mutant(
    "secure_client",
    law=REPLIES,
    harm="The loss travels beside the masks: it tells how far a hospital's patients are learned.",
)
class SendsItsLoss(SecureClient):
    def answer(self, question):
        reply = super().answer(question)
        if not isinstance(question, TrainMasked):
            return reply
        return VectorWithLoss(reply.round, reply.vector, loss=1.0)


@mutant(
    "secure_client",
    law="law_no_two_rounds_share_a_key_or_a_mask",
    harm="One participant for all rounds: the difference of two uploads is free of masks.",
)
class StaysOneParticipant(SecureClient):
    def answer(self, question):
        if not isinstance(question, AdvertiseKeys) or self.participant is None:
            return super().answer(question)
        self.participant.answered, self.participant.round = 0, question.round
        return self.participant.answer(question)


@mutant(
    "secure_client",
    law="law_training_waits_until_the_vector_is_due",
    harm="Everybody trains before the keys are known: whoever is lost then trained in vain.",
)
class TrainsAtOnce(SecureClient):
    def answer(self, question):
        if isinstance(question, AdvertiseKeys):
            self.client.answer(question)
        return super().answer(question)
