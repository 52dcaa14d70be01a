"""Wrong profiles of unequal hospitals."""

from __future__ import annotations

import json
from pathlib import Path

from fedmini.profiles import TIERS, Profile, profiles
from tests.contracts.framework import mutant


@mutant(
    "profiles",
    law="law_tiers_are_thirds_by_rank",
    harm="The alphabet decides who is a university: where work and speed meet is an accident.",
)
def tiers_by_name(text, hospitals):
    return profiles(text, dict.fromkeys(hospitals, 1))


@mutant(
    "profiles",
    law="law_tiers_are_thirds_by_rank",
    harm="The smallest hospital has the fastest machine: nobody is ever late.",
)
def tiers_upside_down(text, hospitals):
    return profiles(text, {name: -count for name, count in hospitals.items()})


@mutant(
    "profiles",
    law="law_tiers_are_thirds_by_rank",
    harm="Equal hospitals rank as they are listed: the same data in another order, other hours.",
)
def ties_by_order(text, hospitals):
    ranked = sorted(hospitals, key=hospitals.get, reverse=True)
    tiers = list(TIERS.values())
    return {name: tiers[3 * rank // len(ranked)] for rank, name in enumerate(ranked)}


@mutant(
    "profiles",
    law="law_uniform_hospitals_are_alike",
    harm="The control group has tiers as well: unequal hospitals seem to cost nothing.",
)
def uniform_with_tiers(text, hospitals):
    return profiles("hospital-tiers", hospitals)


@mutant(
    "profiles",
    law="law_files_are_read_as_written",
    harm="The line up is taken for the line down: shrinking the uplink saves no time.",
)
def line_turned_round(text, hospitals):
    found = profiles(text, hospitals)
    return {name: Profile(each.gigaflops, each.down, each.up) for name, each in found.items()}


@mutant(
    "profiles",
    law="law_files_are_read_as_written",
    harm="Everybody is one of the others: the profile of a named hospital is never used.",
)
def others_for_all(text, hospitals):
    others = profiles(text, hospitals | {"others": 1})["others"]
    return dict.fromkeys(hospitals, others)


@mutant(
    "profiles",
    law="law_bad_files_are_refused",
    harm="A misspelt hospital is ignored, and the real one keeps the speed of the others.",
)
def unknown_names_ignored(text, hospitals):
    given = json.loads(Path(text).read_bytes())
    strangers = given.keys() - {"others"} if isinstance(given, dict) else ()
    found = profiles(text, hospitals | dict.fromkeys(strangers, 1))
    return {name: found[name] for name in hospitals}


def amended(text, hospitals, old, new):
    """The profiles of a file in which the bad text `old` is overlooked."""
    path = Path(text)
    path.write_text(path.read_text().replace(old, new, 1))
    return profiles(text, hospitals)


@mutant(
    "profiles",
    law="law_bad_files_are_refused",
    harm="A hospital left out by mistake has the profile of another: hours of no real federation.",
)
def missing_are_regional(text, hospitals):
    regional = json.dumps(vars(TIERS["regional"]))
    return amended(text, hospitals, "{", f'{{"others": {regional}, ')


@mutant(
    "profiles",
    law="law_bad_files_are_refused",
    harm="nan <= 0 is false: a hospital without speed, and a round of nan hours.",
)
def nan_is_not_below_zero(text, hospitals):
    return amended(text, hospitals, "NaN", "1")


@mutant(
    "profiles",
    law="law_bad_files_are_refused",
    harm="true is 1 in Python: a hospital with 1 gigaflop that nobody wrote down.",
)
def true_is_a_number(text, hospitals):
    return amended(text, hospitals, "true", "1")
