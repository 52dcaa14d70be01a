"""Wrong algorithms of chapter 11."""

from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from tests.contracts.framework import CATALOGUE, load, mutant
from tests.contracts.laws_tutorials import TUTORIALS

from fedmini.algorithms.fedavg import Contribution

Scaffold = load(f"{TUTORIALS / 'scaffold.py'}:Scaffold")
Momentum = load(CATALOGUE.real["fedavgm"])


@mutant(
    "scaffold",
    law="law_rounds_are_algorithm_1",
    harm="Committed though the upload was lost: c is never again the mean of the c_k.",
)
class KeepsLostUploads(Scaffold):
    def local_update(self, client, down):
        done = super().local_update(client, down)
        client.state |= client.pending
        return done


@mutant(
    "scaffold",
    law="law_rounds_are_algorithm_1",
    harm="c moves by the mean over the cohort: the fewer answer, the more it overshoots.",
)
class MeanOverTheCohort(Scaffold):
    def server_step(self, server, total):
        share = len(server.cohorts.clients) / len(total.clients)
        sums = {"control": total.sums["control"] * share}
        super().server_step(server, SimpleNamespace(mean=total.mean, sums=sums))


@mutant(
    "scaffold",
    law="law_rounds_are_algorithm_1",
    harm="A straggler's shorter way is divided by all the steps: its gradient is told too small.",
)
class StepsAsPlanned(Scaffold):
    def local_update(self, client, down):
        start = client.state.get("control", 0)
        update = super().local_update(client, down).update
        passes = client.training.epochs
        planned = passes * math.ceil(client.examples / client.training.batch_size)
        change = -update / (planned * client.question.lr) - down["control"]
        client.keep(control=start + change)
        return Contribution(update, 1, {"control": change})


@mutant(
    "scaffold",
    law="law_rounds_are_algorithm_1",
    harm="The wrong sign: every step adds what is peculiar to the hospital a second time.",
)
class WrongSign(Scaffold):
    def correct(self, client, down):
        towards = client.state.get("control", 0) - down["control"]
        client.model.grad += towards[: len(client.model.grad)]


@mutant(
    "scaffold",
    law="law_rests_at_the_optimum_of_the_mean",
    harm="Control variates are sent, summed and never used: FedAvg at twice the price.",
)
class NeverCorrects(Scaffold):
    def correct(self, client, down):
        pass


@mutant(
    "scaffold",
    law="law_rests_at_the_optimum_of_the_mean",
    harm="Only c is added: all hospitals are pushed alike, and drift as before.",
)
class WithoutItsOwn(Scaffold):
    def correct(self, client, down):
        client.model.grad += down["control"][: len(client.model.grad)]


@mutant(
    "scaffold",
    law="law_memory_is_in_the_checkpoint",
    harm="c lies in the object: after a resume it is zero, while the clients' c_k are not.",
)
class RemembersInItself(Scaffold):
    def broadcast(self, server):
        control = getattr(self, "control", torch.zeros_like(server.model))
        return {"model": server.model, "control": control}

    def server_step(self, server, total):
        super().server_step(server, total)
        self.control = server.state.pop("control") + getattr(self, "control", 0)


@mutant(
    "fedavgm",
    law="law_memory_is_in_the_checkpoint",
    harm="The velocity lies in the object: every resume brakes to a halt, and no one is told.",
)
class VelocityInItself(Momentum):
    def server_step(self, server, total):
        self.velocity = self.beta * getattr(self, "velocity", 0) + total.mean
        server.model += self.server_lr * self.velocity


@mutant(
    "fedavgm",
    law="law_velocity_is_a_geometric_sum",
    harm="New updates are damped by 1 - beta: with 0.9, ten times the rounds for the same way.",
)
class DampsWhatIsNew(Momentum):
    def server_step(self, server, total):
        velocity = self.beta * server.state.get("velocity", 0) + (1 - self.beta) * total.mean
        server.state["velocity"] = velocity
        server.model += self.server_lr * velocity


@mutant(
    "fedavgm",
    law="law_velocity_is_a_geometric_sum",
    harm="A tuned server rate does nothing, and the search for it reports noise.",
)
class IgnoresServerRate(Momentum):
    def server_step(self, server, total):
        server.state["velocity"] = self.beta * server.state.get("velocity", 0) + total.mean
        server.model += server.state["velocity"]


@mutant(
    "fedavgm",
    law="law_without_momentum_it_is_fedavg",
    harm="`beta or default`: the baseline without momentum has some, and momentum gains nothing.",
)
class ZeroMeansDefault(Momentum):
    def server_step(self, server, total):
        Momentum(server_lr=self.server_lr, beta=self.beta or 0.9).server_step(server, total)
