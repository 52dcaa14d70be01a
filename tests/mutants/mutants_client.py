"""Wrong clients: each is the real one with one method changed."""

from __future__ import annotations

import dataclasses

import torch
from tests.contracts.framework import mutant

from fedmini import client as room
from fedmini.client import Client
from fedmini.rng import stream


class OwnUplink(Client):
    """The real client, whose finished reply a mutant may spoil in `spoil`."""

    def answer(self, question):
        return self.spoil(question, super().answer(question))


@mutant(
    "client",
    law="law_every_example_is_used_once_a_pass",
    harm="Hospitals with fewer patients than a batch take no part at all; others lose their last.",
)
class DropsTheLastBatch(Client):
    def batches(self):
        full = [each for each in super().batches() if len(each[0]) == self.training.batch_size]
        yield from full


@mutant(
    "client",
    law="law_every_example_is_used_once_a_pass",
    harm="A third of the patients is never seen in a pass, others twice: rare findings get lost.",
)
class DrawsWithReplacement(Client):
    def batches(self):
        draws = stream("with replacement")
        for images, _ in super().batches():
            rows = torch.randint(0, len(self.data), (len(images),), generator=draws)
            yield self.data.images[rows], self.data.targets[rows]


@mutant(
    "client",
    law="law_targets_stay_with_their_images",
    harm="Images are learned with other patients' masks.",
)
class ShufflesImagesAlone(Client):
    def batches(self):
        for images, targets in super().batches():
            yield images, targets.roll(1, 0)


@mutant(
    "client",
    law="law_order_of_batches_has_an_address",
    harm="Whoever else draws from torch's global generator changes this hospital's training.",
)
class ShufflesGlobally(Client):
    def batches(self):
        every = list(super().batches())
        yield from (every[place] for place in torch.randperm(len(every)).tolist())


@mutant(
    "client",
    law="law_order_of_batches_has_an_address",
    harm="Compared algorithms see other batches: a lucky order passes for a better algorithm.",
)
class ShufflesByAlgorithm(Client):
    def batches(self):
        every = list(super().batches())
        yield from reversed(every) if self.algorithm.keeps_optimizer else every


@mutant(
    "client",
    law="law_order_of_batches_has_an_address",
    harm="Each round repeats the order of the first: the last batch always has the last word.",
)
class ShufflesOnce(Client):
    def batches(self):
        self.question = dataclasses.replace(self.question, round=1)
        return super().batches()


@mutant(
    "client",
    law="law_straggler_does_the_first_part_of_its_steps",
    harm="Slow hospitals are as fast as the rest: experiments with stragglers show nothing.",
)
class IgnoresWork(Client):
    def batches(self):
        self.question = dataclasses.replace(self.question, work=1.0)
        return super().batches()


@mutant(
    "client",
    law="law_straggler_does_the_first_part_of_its_steps",
    harm="Rounded down, a slow hospital does no step at all and divides its loss by zero examples.",
)
class RoundsWorkDown(Client):
    def batches(self):
        whole = len(self.data) * self.training.epochs / self.training.batch_size
        return list(super().batches())[: int(self.question.work * whole)]


@mutant(
    "client",
    law="law_plain_client_is_a_bare_loop",
    harm="A hospital goes on from its own model: the global one is ignored, nothing is shared.",
)
class NeverLoads(Client):
    def load(self, state):
        pass


@mutant(
    "client",
    law="law_plain_client_is_a_bare_loop",
    harm="Gradients add up from batch to batch: steps grow until training diverges.",
)
class NeverZeroesGradients(Client):
    def gradient(self, images, targets):
        loss = self.task.loss(self.model.module(images), targets)
        loss.backward()
        return loss.detach()


@mutant(
    "client",
    law="law_plain_client_is_a_bare_loop",
    harm="Momentum of the last round points where the model no longer is.",
)
class MomentumOutlivesTheRound(Client):
    def _memory(self):
        self.memory = getattr(self, "memory", {})
        return self.memory


@mutant(
    "client",
    law="law_loss_is_the_mean_over_examples",
    harm="A short last batch counts like a full one: reported losses depend on the batch size.",
)
class MeanOfBatchMeans(Client):
    def gradient(self, images, targets):
        loss = super().gradient(images, targets)
        self.losses = [*getattr(self, "losses", []), loss]
        return loss

    def train(self, correct):
        super().train(correct)
        self.loss = torch.stack(self.losses).mean()


@mutant(
    "client",
    law="law_upload_is_no_alias",
    harm="What the server sums is whatever this hospital's model is by then.",
)
class UploadsTheLiveModel(OwnUplink):
    def spoil(self, question, reply):
        self.model.state.sub_(question.arrays["model"])
        return dataclasses.replace(reply, update=self.model.state)


@mutant(
    "client",
    law="law_upload_is_no_alias",
    harm="Training in the server's own tensor: all later hospitals start from this one's model.",
)
class TrainsInTheQuestion(Client):
    def train(self, correct):
        super().train(correct)
        self.question.arrays["model"].add_(self.model.state)


@mutant(
    "client",
    law="law_diverged_training_is_not_sent",
    harm="One hospital's NaN makes every coordinate of every hospital's model NaN.",
)
class SendsAnything(Client):
    def answer(self, question):
        check, room.refuse_unusable = room.refuse_unusable, lambda *sent: None
        try:
            return super().answer(question)
        finally:
            room.refuse_unusable = check


@mutant(
    "client",
    law="law_private_coordinates_wait_for_the_acknowledgement",
    harm="A hospital's own layers move on though the rest of its model never arrived.",
)
class CommitsAtOnce(OwnUplink):
    def spoil(self, question, reply):
        self.state |= self.pending
        return reply


@mutant(
    "client",
    law="law_private_coordinates_wait_for_the_acknowledgement",
    harm="A lost upload is committed at the next contact as if it had arrived.",
)
class CommitsAtAnyContact(Client):
    def settle(self, acknowledged):
        super().settle(self.pending_round)


@mutant(
    "client",
    law="law_private_coordinates_wait_for_the_acknowledgement",
    harm="Own layers start from the first values in every round: personalisation without memory.",
)
class NeverCommits(Client):
    def settle(self, acknowledged):
        super().settle(-1)


@mutant(
    "client",
    law="law_optimizer_starts_afresh_unless_it_is_kept",
    harm="Centralised training loses its moments every round: the upper line is too low.",
)
class ForgetsItsOptimizer(Client):
    def _memory(self):
        return {}


@mutant(
    "client",
    law="law_local_hospital_goes_its_own_way",
    harm="Hospitals that should train alone start each round from a common model.",
)
class StartsFromTheFirstModel(Client):
    def complete(self, shared):
        first = self.__dict__.setdefault("first", self.state["private"])
        self.state["private"] = first
        return super().complete(shared)
