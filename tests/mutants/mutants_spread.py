"""Wrong variances of many hospitals."""

from __future__ import annotations

import dataclasses

from tests.contracts.framework import load, mutant
from tests.contracts.laws_spread import SOLUTION

from fedmini.algorithms.fedavg import FedAvg

Spread = load(SOLUTION)


@mutant(
    "spread",
    law="law_variance_is_that_of_the_union",
    harm="The mean of variances: unlike hospitals look alike, and activations come out too large.",
)
class MeanOfVariances(FedAvg):
    pass


@mutant(
    "spread",
    law="law_variance_is_that_of_the_union",
    harm="Every hospital's mean counts the same: one with two patients sets the scale for all.",
)
class HospitalsCountTheSame(Spread):
    def server_step(self, server, total):
        weight = total.weight / len(total.clients)
        sums = {name: each * weight for name, each in total.sums.items()}
        super().server_step(server, dataclasses.replace(total, sums=sums))

    def local_update(self, client, down):
        done = super().local_update(client, down)
        sums = {name: each / done.weight for name, each in done.sums.items()}
        return dataclasses.replace(done, sums=sums)


@mutant(
    "spread",
    law="law_variance_is_that_of_the_union",
    harm="Divided by everyone's number: when a hospital drops out, the means seem to have moved.",
)
class DividedByEveryone(Spread):
    def server_step(self, server, total):
        share = len(total.clients) / len(server.cohorts.clients)
        sums = {name: each * share for name, each in total.sums.items()}
        super().server_step(server, dataclasses.replace(total, sums=sums))


@mutant(
    "spread",
    law="law_variance_is_that_of_the_union",
    harm="The spread of standard deviations: hospitals whose means differ add nothing.",
)
class SpreadOfTheScales(Spread):
    def local_update(self, client, down):
        done = super().local_update(client, down)
        v = client.model.state[client.model.variances()].double()
        return dataclasses.replace(
            done, sums=done.sums | {"m": done.weight * v.sqrt(), "m2": done.weight * v}
        )


@mutant(
    "spread",
    law="law_all_else_is_averaged",
    harm="Means get the last client's values: where evaluation puts zero depends on who is slow.",
)
class MeansOfTheLast(Spread):
    def local_update(self, client, down):
        self.last = client.model
        return super().local_update(client, down)

    def server_step(self, server, total):
        super().server_step(server, total)
        means = self.last.mask(lambda name: name.endswith("running_mean"))
        server.model[means] = self.last.state[means]


@mutant(
    "spread",
    law="law_without_batch_norm_it_is_fedavg",
    harm="No variances, no step: with group norm the model never moves, whatever the hospitals do.",
)
class NoStepWithoutVariances(Spread):
    def server_step(self, server, total):
        if server.variances is not None:
            super().server_step(server, total)
