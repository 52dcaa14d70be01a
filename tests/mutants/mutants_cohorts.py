"""Wrong ways to draw a cohort."""

from __future__ import annotations

import torch
from tests.contracts.framework import mutant

from fedmini.rng import stream
from fedmini.server import Cohorts


@mutant(
    "cohorts",
    law="law_fixed_cohort_is_exact",
    harm="Drawn with replacement: a cohort of ten holds nine, eight or seven hospitals.",
)
class WithReplacement(Cohorts):
    def sample(self, round):
        draws = stream(self.key, round)
        places = torch.randint(0, len(self.clients), (self.size,), generator=draws).tolist()
        return [name for place, name in enumerate(self.clients) if place in places]


@mutant(
    "cohorts",
    law="law_every_client_is_asked_equally_often",
    harm="The top value is never drawn: the last hospital's patients never count.",
)
class NeverTheLast(Cohorts):
    def sample(self, round):
        return Cohorts(self.clients[:-1], self.size, self.poisson, self.key).sample(round)


@mutant(
    "cohorts",
    law="law_poisson_sizes_vary_as_binomial_ones",
    harm="Privacy is charged with an amplification that a cohort of fixed size does not have.",
)
class PoissonInNameOnly(Cohorts):
    def sample(self, round):
        return Cohorts(self.clients, self.size, False, self.key).sample(round)


@mutant(
    "cohorts",
    law="law_cohorts_have_an_address",
    harm="Compared algorithms ask other hospitals, and a resumed run others than the first time.",
)
class DrawsCohortsGlobally(Cohorts):
    def sample(self, round):
        places = torch.randperm(len(self.clients))[: self.size].tolist()
        return [name for place, name in enumerate(self.clients) if place in places]


@mutant(
    "cohorts",
    law="law_cohorts_have_an_address",
    harm="The same hospitals train in every round, the others never.",
)
class SameCohortEveryRound(Cohorts):
    def sample(self, round):
        return super().sample(1)
