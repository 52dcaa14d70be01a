"""Wrong accounts of a run and of a budget: too small, too large, restarted, or undefined."""

from __future__ import annotations

import math

from fedmini.privacy import accountant, gaussian, renyi
from fedmini.privacy.accountant import Charge, calibrate
from tests.contracts.framework import mutant

ORDERS = [1 + 1.3**k for k in range(-24, 30)]


def moments(charges, order):
    return sum(
        each.steps * renyi.log_moment(order, each.sample_rate, each.noise_multiplier)
        for each in charges
    )


def converted(charge, delta, orders=ORDERS):
    """The Renyi bound of one charge at the best of these orders, in our conversion."""
    return min(
        (moments([charge], order) - math.log(delta * order)) / (order - 1) + math.log1p(-1 / order)
        for order in orders
    )


@mutant(
    "total_epsilon",
    law="law_no_attack_sees_more_than_epsilon",
    harm="The epsilon of one round is reported for all of them.",
)
def one_round_for_all(charges, delta):
    return max(
        accountant.total_epsilon([Charge(each.sample_rate, each.noise_multiplier)], delta)
        for each in charges
    )


@mutant(
    "total_epsilon",
    law="law_no_attack_sees_more_than_epsilon",
    harm="The accountant starts again at a resume: what was spent before the crash is forgotten.",
)
def since_the_last_resume(charges, delta):
    return accountant.total_epsilon(charges[-1:], delta)


@mutant(
    "total_epsilon",
    law="law_no_attack_sees_more_than_epsilon",
    harm="A Renyi divergence is no epsilon: without the price of delta it promises too much.",
)
def divergence_for_epsilon(charges, delta):
    return min(moments(charges, order) / (order - 1) for order in ORDERS)


@mutant(
    "total_epsilon",
    law="law_no_attack_sees_more_than_epsilon",
    harm="A fixed cohort, rate 1, is charged as if half of the clients were drawn in secret.",
)
def amplified_though_all_take_part(charges, delta):
    halved = [
        Charge(min(each.sample_rate, 0.5), each.noise_multiplier, each.steps) for each in charges
    ]
    return accountant.total_epsilon(halved, delta)


@mutant(
    "total_epsilon",
    law="law_order_and_parts_of_a_run_do_not_matter",
    harm="Epsilons are added up: a resumed run pays for its interruption, and stops too early.",
)
def added_up(charges, delta):
    return sum(accountant.total_epsilon([each], delta) for each in charges)


@mutant(
    "total_epsilon",
    law="law_unequal_gaussians_are_one_gaussian",
    harm="Unequal rounds are charged at their mean noise: the one with little noise is hidden.",
)
def at_the_mean_noise(charges, delta):
    noise = sum(each.noise_multiplier for each in charges) / len(charges)
    return accountant.total_epsilon([Charge(1.0, noise, len(charges))], delta)


@mutant(
    "epsilon",
    law="law_epsilon_is_as_small_as_the_best_order_allows",
    harm="The first conversion (Mironov 2017) wastes about a tenth of a small budget.",
)
def first_conversion(*, sample_rate, noise_multiplier, steps, delta):
    charge = Charge(sample_rate, noise_multiplier, steps)
    return min((moments([charge], a) - math.log(delta)) / (a - 1) for a in ORDERS)


@mutant(
    "epsilon",
    law="law_epsilon_is_as_small_as_the_best_order_allows",
    harm="With orders from 2 on, a large epsilon is larger than it is: no fraction is tried.",
)
def orders_from_two_on(*, sample_rate, noise_multiplier, steps, delta):
    charge = Charge(sample_rate, noise_multiplier, steps)
    return max(0.0, converted(charge, delta, range(2, 64)))


@mutant(
    "epsilon",
    law="law_epsilon_falls_with_privacy",
    harm="A rate of 0.9 costs more than 1: the Renyi bound is not held against the exact one.",
)
def renyi_below_a_rate_of_one(*, sample_rate, noise_multiplier, steps, delta):
    if sample_rate == 1:
        return gaussian.epsilon(math.sqrt(steps) / noise_multiplier, delta)
    return renyi.epsilon({(sample_rate, noise_multiplier): steps}, delta)


@mutant(
    "epsilon",
    law="law_epsilon_has_the_right_ends",
    harm="A negative epsilon: reported as it is, or added to others as a refund.",
)
def below_zero(*, sample_rate, noise_multiplier, steps, delta):
    if not steps or not sample_rate or not noise_multiplier:
        return accountant.epsilon(
            sample_rate=sample_rate, noise_multiplier=noise_multiplier, steps=steps, delta=delta
        )
    return converted(Charge(sample_rate, noise_multiplier, steps), delta)


@mutant(
    "epsilon",
    law="law_epsilon_has_the_right_ends",
    harm="No noise is read as no privacy asked for, at no cost.",
)
def no_noise_is_free(**run):
    return accountant.epsilon(**run) if run["noise_multiplier"] else 0.0


@mutant(
    "epsilon",
    law="law_epsilon_names_bad_arguments",
    harm="A rate above 1 or a delta of 0 is mended in silence: the report holds for another run.",
)
def mended(*, sample_rate, noise_multiplier, steps, delta):
    return accountant.epsilon(
        sample_rate=min(1.0, abs(sample_rate)),
        noise_multiplier=noise_multiplier,
        steps=steps,
        delta=delta,
    )


def spends(sample_rate, steps, delta):
    return lambda noise: accountant.total_epsilon([Charge(sample_rate, noise, steps)], delta)


@mutant(
    "noise_for_budget",
    law="law_the_budget_is_spent_and_not_passed",
    harm="The budget is spent in each round instead of in all of them.",
)
def for_one_round(*, epsilon, delta, sample_rate, steps):
    return calibrate(spends(sample_rate, 1, delta), epsilon)


@mutant(
    "noise_for_budget",
    law="law_the_budget_is_spent_and_not_passed",
    harm="The lower end of the search is returned: the budget is passed by a little, every time.",
)
def lower_end(*, epsilon, delta, sample_rate, steps):
    return accountant.noise_multiplier(
        epsilon=epsilon * 1.001, delta=delta, sample_rate=sample_rate, steps=steps
    )


@mutant(
    "noise_for_budget",
    law="law_the_budget_is_spent_and_not_passed",
    harm="A search that stops at one percent makes every model a little worse than it need be.",
)
def stops_early(*, epsilon, delta, sample_rate, steps):
    return 1.01 * accountant.noise_multiplier(
        epsilon=epsilon, delta=delta, sample_rate=sample_rate, steps=steps
    )


@mutant(
    "noise_for_budget",
    law="law_the_budget_is_spent_and_not_passed",
    harm="q sqrt(2 T ln(1.25 / delta)) / epsilon is a rule of thumb, and sold as a guarantee.",
)
def rule_of_thumb(*, epsilon, delta, sample_rate, steps):
    return sample_rate * math.sqrt(2 * steps * math.log(1.25 / delta)) / epsilon


@mutant(
    "noise_for_budget",
    law="law_nothing_released_needs_no_noise",
    harm="Where nothing is released the search ends at its first guess: noise for nothing.",
)
def at_least_one(**run):
    return max(1.0, accountant.noise_multiplier(**run))


@mutant(
    "noise_for_budget",
    law="law_budget_names_bad_arguments",
    harm="A budget of 0 or less is taken for no budget: training goes on without noise.",
)
def no_budget_no_noise(*, epsilon, **run):
    return accountant.noise_multiplier(epsilon=epsilon, **run) if epsilon > 0 else 0.0
