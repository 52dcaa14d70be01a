"""Wrong means."""

from __future__ import annotations

import torch
from tests.contracts.framework import mutant

from fedmini.aggregation.mean import Mean


@mutant(
    "mean",
    law="law_mean_is_weighted_over_those_who_answered",
    harm="A clinic with ten patients pulls as hard as a university hospital with ten thousand.",
)
class UnweightedMean(Mean):
    def add(self, client, update, weight):
        super().add(client, update, 1.0)


@mutant(
    "mean",
    law="law_mean_is_weighted_over_those_who_answered",
    harm="Whoever drops out counts as an update of zero: faults shorten the server's step.",
)
class DividesByEveryoneAsked(Mean):
    def result(self):
        return super().result() * self.updates.added / self.updates.count


@mutant(
    "mean",
    law="law_mean_has_no_order",
    harm="Results change with the network's timing: no run can be replayed.",
)
class FloatsInArrivalOrder(Mean):
    def __init__(self, cohort):
        self.total, self.weight = 0.0, 0.0

    def add(self, client, update, weight):
        self.total, self.weight = self.total + update * weight, self.weight + weight

    def result(self):
        return self.total / self.weight


@mutant(
    "mean",
    law="law_mean_leaves_updates_alone",
    harm="A client's update is scaled under its feet: its residual or state is worthless after.",
)
class WeighsInPlace(Mean):
    def add(self, client, update, weight):
        super().add(client, update.mul_(weight) / weight, weight)


@mutant(
    "mean",
    law="law_mean_leaves_updates_alone",
    harm="The accumulator is the first client's own tensor, which the others are added to.",
)
class AccumulatesInTheFirstUpdate(Mean):
    def __init__(self, cohort):
        self.total, self.weight = None, 0.0

    def add(self, client, update, weight):
        self.weight += weight
        self.total = update.mul_(weight) if self.total is None else self.total.add_(update * weight)

    def result(self):
        return self.total / self.weight


@mutant(
    "mean",
    law="law_mean_refuses_what_has_no_weight",
    harm="A hospital without patients brings 0/0, and every coordinate of the model is NaN.",
)
class TakesAnyWeight(Mean):
    def add(self, client, update, weight):
        self.updates.add(update.double() * weight if weight == weight else update.double())
        self.weights.add(torch.zeros(()))
