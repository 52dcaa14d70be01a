"""Wrong outlooks before training: they promise learning, or despair of it, for no reason."""

from __future__ import annotations

import dataclasses
import math

from fedmini.privacy import accountant
from fedmini.privacy.explain import warning
from fedmini.privacy.outlook import HOPELESS, SIZE, Outlook, needed, outlook
from tests.contracts.framework import mutant


@mutant(
    "outlook",
    law="law_the_noise_spends_the_budget",
    harm="The noise of a single round is announced; training with ten needs three times as much.",
)
def of_one_round(study, unit):
    return outlook(dataclasses.replace(study, rounds=1), unit)


@mutant(
    "outlook",
    law="law_the_noise_spends_the_budget",
    harm="Rounds are counted for steps: DP-SGD makes many in a round, and each one spends.",
)
def rounds_for_steps(study, unit):
    run = study.releases(unit) | {"steps": study.rounds}
    noise = accountant.noise_multiplier(epsilon=study.epsilon, **run)
    return dataclasses.replace(outlook(study, unit), multiplier=noise)


@mutant(
    "outlook",
    law="law_as_many_are_expected_as_are_drawn",
    harm="A quarter is drawn, but the mean is taken over all: noise looks four times less.",
)
def all_are_expected(study, unit):
    return dataclasses.replace(outlook(study, unit), expected=getattr(study, SIZE[unit]))


@mutant(
    "outlook",
    law="law_noise_is_as_long_as_the_clip_at_breakeven",
    harm="Without the square, a thousand hospitals are told that 122 parameters are too many.",
)
def breakeven_without_square(study, unit):
    class Wrong(Outlook):
        @property
        def breakeven(self):
            return 1 / self.relative_noise

    return Wrong(**vars(outlook(study, unit)))


@mutant(
    "outlook",
    law="law_ratio_is_that_of_a_run_in_which_all_agree",
    harm="Noise is taken to add up like signal: long runs of DP-SGD are called hopeless.",
)
def noise_adds_up(study, unit):
    class Wrong(Outlook):
        @property
        def ratio(self):
            return self.relative_noise * math.sqrt(self.parameters)

    return Wrong(**vars(outlook(study, unit)))


@mutant(
    "outlook",
    law="law_ratio_is_that_of_a_run_in_which_all_agree",
    harm="The length of the noise grows with the root of the parameters, not with their number.",
)
def linear_in_parameters(study, unit):
    class Wrong(Outlook):
        @property
        def ratio(self):
            return self.relative_noise * self.parameters / math.sqrt(self.steps)

    return Wrong(**vars(outlook(study, unit)))


@mutant(
    "outlook",
    law="law_more_of_what_helps_is_less_noise",
    harm="A multiplier of 1.1 from a tutorial: no budget, however large, changes anything.",
)
def of_a_tutorial(study, unit):
    return outlook(study, unit, multiplier=1.1)


@mutant(
    "needed",
    law="law_what_is_needed_is_enough_and_less_is_not",
    harm="Noise does not fall in proportion: the recommended budget is not the one that is enough.",
)
def in_proportion(study, unit, name):
    factor = max(1.0, outlook(study, unit).ratio / HOPELESS)
    return getattr(study.scaled(name, 1 / factor if name == "parameters" else factor), name)


@mutant(
    "needed",
    law="law_where_all_take_part_no_number_of_rounds_helps",
    harm="The end of the search is returned for its answer: a million rounds, and nothing learnt.",
)
def end_of_the_search(study, unit, name):
    found = needed(study, unit, name)
    return getattr(study.scaled(name, 1e6), name) if found is None else found


@mutant(
    "warning",
    law="law_only_a_hopeless_run_is_warned_of",
    harm="Whoever is warned before every private run reads no warning any more.",
)
def of_every_run(found):
    return warning(dataclasses.replace(found, parameters=10**12))


@mutant(
    "warning",
    law="law_only_a_hopeless_run_is_warned_of",
    harm="Hours of training end in noise that could have been foretold.",
)
def never(found):
    return None


@mutant(
    "warning",
    law="law_a_warning_says_what_would_be_just_enough",
    harm="As many hospitals as noise is loud: ten times more are asked for than are needed.",
)
def down_to_the_signal(found):
    return warning(dataclasses.replace(found, multiplier=found.multiplier * HOPELESS))
