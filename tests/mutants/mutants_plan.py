"""Wrong charges: the plan of a run says another rate, other steps or other noise than it uses."""

from __future__ import annotations

import dataclasses
import statistics

from fedmini.client import LocalTraining
from fedmini.privacy.plan import make_plan
from fedmini.private import protect
from tests.contracts.framework import mutant


@mutant(
    "protect",
    law="law_only_poisson_cohorts_are_charged_at_their_rate",
    harm="A cohort of fixed size is charged with an amplification that it does not have.",
)
def amplifies_a_fixed_cohort(federation, key):
    server, right = federation.server, federation.server.cohorts
    server.cohorts = dataclasses.replace(right, poisson=True)
    protect(federation, key)
    server.cohorts = dataclasses.replace(right, key=key)


@mutant(
    "protect",
    law="law_only_poisson_cohorts_are_charged_at_their_rate",
    harm="Secret sampling is not counted: twice the noise that the budget needs.",
)
def never_amplifies(federation, key):
    server, right = federation.server, federation.server.cohorts
    server.cohorts = dataclasses.replace(right, poisson=False)
    protect(federation, key)
    server.cohorts = dataclasses.replace(right, key=key)


def replan(federation, change, asked=None):
    """Plan again, with other (rate, steps) of each hospital."""
    plan = federation.plan
    parties = {n: change(n, each.sample_rate, each.steps) for n, each in plan.charges.items()}
    federation.plan = make_plan(federation.config, parties, asked or plan.asked)
    for name, client in federation.clients.items():
        charge = federation.plan.charges[name]
        client.release = dataclasses.replace(client.release, charge=charge)


@mutant(
    "protect",
    law="law_each_hospital_pays_for_its_own_steps",
    harm="All hospitals get the noise of a middling one: in the small ones epsilon is passed.",
)
def the_same_noise_for_all(federation, key):
    protect(federation, key)
    rate = statistics.median(each.sample_rate for each in federation.plan.charges.values())
    replan(federation, lambda name, _, steps: (rate, steps))


@mutant(
    "protect",
    law="law_each_hospital_pays_for_its_own_steps",
    harm="Noise for rounds in which a hospital is not asked: it learns slower for nothing.",
)
def everyone_pays_for_every_round(federation, key):
    protect(federation, key)
    everyone = [frozenset(federation.clients)] * federation.config.rounds
    replan(federation, lambda name, rate, steps: (rate, steps), everyone)


@mutant(
    "protect",
    law="law_each_hospital_pays_for_its_own_steps",
    harm="A patient is charged at the rate of one image: with two images epsilon is far above it.",
)
def rate_by_images(federation, key):
    protect(federation, key)
    batch = federation.config.batch_size
    images = {name: each.examples for name, each in federation.clients.items()}
    replan(federation, lambda name, _, steps: (min(1.0, batch / images[name]), steps))


@mutant(
    "protect",
    law="law_each_hospital_pays_for_its_own_steps",
    harm="Sampled batches are charged as whole data sets: noise that nobody needs.",
)
def never_amplifies_batches(federation, key):
    protect(federation, key)
    replan(federation, lambda name, rate, steps: (1.0, steps))


@mutant(
    "protect",
    law="law_nobody_does_more_steps_than_are_charged",
    harm="A round is charged as one release, however many steps it has.",
)
def one_step_a_round(federation, key):
    protect(federation, key)
    replan(federation, lambda name, rate, steps: (rate, 1))


class RoundsUp(LocalTraining):
    def steps_of(self, count, work=1.0):
        return super().steps_of(count, work) + (work < 1)


@mutant(
    "protect",
    law="law_nobody_does_more_steps_than_are_charged",
    harm="A straggler's part is rounded up beyond the whole: one step more than was paid for.",
)
def stragglers_do_one_more(federation, key):
    protect(federation, key)
    for client in federation.clients.values():
        client.training = RoundsUp(**vars(client.training))
