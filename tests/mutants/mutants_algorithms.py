"""Wrong algorithms."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tests.contracts.framework import mutant

from fedmini.algorithms.centralized import Centralized
from fedmini.algorithms.fedavg import FedAvg
from fedmini.algorithms.fedprox import FedProx
from fedmini.algorithms.local import Local


@mutant(
    "fedavg",
    law="law_one_full_batch_step_is_gradient_descent_on_the_union",
    harm="Every hospital weighs the same: the model is fitted to small hospitals' patients.",
)
class Unweighted(FedAvg):
    def local_update(self, client, down):
        return dataclasses.replace(super().local_update(client, down), weight=1.0)


@mutant(
    "fedavg",
    law="law_one_full_batch_step_is_gradient_descent_on_the_union",
    harm="Models are sent where updates are expected: the server adds whole models to its own.",
)
class SendsTheModel(FedAvg):
    def local_update(self, client, down):
        sent = super().local_update(client, down)
        return dataclasses.replace(sent, update=client.model.state.clone())


@mutant(
    "fedavg",
    law="law_one_full_batch_step_is_gradient_descent_on_the_union",
    harm="Global minus local: the server climbs the loss.",
)
class WrongSign(FedAvg):
    def local_update(self, client, down):
        sent = super().local_update(client, down)
        return dataclasses.replace(sent, update=-sent.update)


@mutant(
    "fedavg",
    law="law_server_rate_scales_the_step",
    harm="A tuned server rate does nothing, and the search for it reports noise.",
)
class IgnoresServerRate(FedAvg):
    def server_step(self, server, total):
        server.model += total.mean


@mutant(
    "fedprox",
    law="law_proximal_gradient_is_autograds",
    harm="The reference is the live model itself: the leash is always zero, FedProx is FedAvg.",
)
class AliasedReference(FedProx):
    def correct(self, client, down):
        super().correct(client, {"model": client.model.state})


@mutant(
    "fedprox",
    law="law_proximal_gradient_is_autograds",
    harm="The norm without its square pulls equally hard near and far: mu has another meaning.",
)
class NormWithoutSquare(FedProx):
    def correct(self, client, down):
        w = client.model.vector
        away = w - down["model"][: w.numel()]
        client.model.grad.add_(away / away.norm().clamp(min=1e-12), alpha=self.mu / 2)


@mutant(
    "fedprox",
    law="law_proximal_gradient_is_autograds",
    harm="The 1/2 is forgotten: every mu that is reported is half of the one that was used.",
)
class DoubleLeash(FedProx):
    def correct(self, client, down):
        super().correct(client, down)
        super().correct(client, down)


@mutant(
    "fedprox",
    law="law_proximal_gradient_is_autograds",
    harm="The leash replaces the gradient: hospitals learn nothing from their patients.",
)
class LeashInsteadOfGradient(FedProx):
    def correct(self, client, down):
        client.model.grad.zero_()
        super().correct(client, down)


@mutant(
    "fedprox",
    law="law_leash_holds_at_every_step_and_to_the_round",
    harm="A generator of parameters, exhausted after the first batch: no leash from then on.",
)
class OnlyTheFirstBatch(FedProx):
    def local_update(self, client, down):
        self.once = iter([down])
        return super().local_update(client, down)

    def correct(self, client, down):
        for each in self.once:
            super().correct(client, each)


@mutant(
    "fedprox",
    law="law_leash_holds_at_every_step_and_to_the_round",
    harm="The reference runs behind the model: only the last step is held back, drift is free.",
)
class LateReference(FedProx):
    def correct(self, client, down):
        late = {"model": getattr(self, "last", down["model"])}
        self.last = client.model.state.clone()
        super().correct(client, late)


@mutant(
    "fedprox",
    law="law_leash_holds_at_every_step_and_to_the_round",
    harm="The reference is that of the first round: the longer a run, the more it is pulled back.",
)
class ReferenceOfTheFirstRound(FedProx):
    def correct(self, client, down):
        self.first = getattr(self, "first", down["model"])
        super().correct(client, {"model": self.first})


@mutant(
    "fedprox",
    law="law_without_leash_it_is_fedavg",
    harm="`mu or default`: the baseline without leash has one, and FedProx seems to gain nothing.",
)
class ZeroMeansDefault(FedProx):
    def correct(self, client, down):
        FedProx(mu=self.mu or 0.01).correct(client, down)


@mutant(
    "fedprox",
    law="law_without_leash_it_is_fedavg",
    harm="Its own random draws: a difference to FedAvg may be only another order of batches.",
)
class OwnShuffle(FedProx):
    def local_update(self, client, down):
        client.question = dataclasses.replace(client.question, round=client.question.round + 1000)
        return super().local_update(client, down)


@mutant(
    "fedprox",
    law="law_fedprox_keeps_what_stragglers_did",
    harm="Unfinished work is thrown away: slow hospitals' patients hardly count.",
)
@dataclass
class DropsStragglers(FedProx):
    partial_work = False


@mutant(
    "centralized",
    law="law_centralized_is_one_client_with_one_optimizer",
    harm="Moments are reset every round: the upper line of every comparison is too low.",
)
class ResetsItsOptimizer(Centralized):
    keeps_optimizer = False


@mutant(
    "local",
    law="law_local_hospitals_share_nothing",
    harm="Hospitals that should be alone share one layer: the lower line is too high.",
)
class SharesTheBias(Local):
    def shared(self, model):
        return model.mask(lambda name: name.endswith("bias"))
