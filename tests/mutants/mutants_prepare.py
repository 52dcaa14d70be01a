"""Wrong splits, and wrong ways to go on after a kill."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

import data_prep.prepare
from data_prep.prepare import prepare
from data_prep.split import draw_split
from tests.contracts.framework import mutant


@mutant(
    "draw_split",
    law="law_splits_have_their_shares_and_every_site_trains",
    harm="Shares are cut off to whole patients: of three patients nobody tests the model.",
)
def split_rounded_down(sites, validation, test, seed):
    counts = [int(share * len(sites)) for share in (validation, test)]
    split = draw_split(sites, 0.0, 0.0, seed)
    split[: counts[0]], split[len(split) - counts[1] :] = 1, 2
    return split


@mutant(
    "draw_split",
    law="law_splits_have_their_shares_and_every_site_trains",
    harm="Rounding up leaves nobody to train on in a small download.",
)
def split_rounded_up(sites, validation, test, seed):
    split = np.zeros(len(sites), np.uint8)
    split[: int(np.ceil(test * len(sites)))] = 2
    split[len(split) - int(np.ceil(validation * len(sites))) :] = 1
    return split


@mutant(
    "draw_split",
    law="law_every_site_is_split_alike",
    harm="Sites have no say: one hospital trains on all its patients, another only tests.",
)
def split_regardless_of_site(sites, validation, test, seed):
    return draw_split(np.zeros(len(sites)), validation, test, seed)


@mutant(
    "draw_split",
    law="law_the_seed_alone_draws_a_split",
    harm="--split-seed is not used: three splits are one split three times.",
)
def split_without_seed(sites, validation, test, seed):
    return draw_split(sites, validation, test, 0)


def patched(name: str, change):
    """`prepare` with a function of its module, or of `Growing`, replaced."""

    def mutated(*arguments):
        where = data_prep.prepare
        if not hasattr(where, name):
            where = data_prep.prepare.Growing
        with patch.object(where, name, change(getattr(where, name))):
            return prepare(*arguments)

    return mutated


@mutant(
    "prepare",
    law="law_readers_have_no_say_in_the_order",
    harm="Rows in the order in which they are ready: no two commands make the same file.",
)
def prepared_in_order_of_arrival(out, plan, workers, strict):
    def by_arrival(in_order):
        def arrived(make, cases, workers):
            return in_order(make, cases if workers == 1 else cases[::-1], workers)

        return arrived

    return patched("_in_order", by_arrival)(out, plan, workers, strict)


@mutant(
    "prepare",
    law="law_a_stopped_command_goes_on",
    harm="A case is known by its name alone: a download that was mended keeps its damage.",
)
def prepared_by_name(out, plan, workers, strict):
    return patched("_stamp", lambda stamp: lambda case: [])(out, plan, workers, strict)


@mutant(
    "prepare",
    law="law_a_stopped_command_goes_on",
    harm="The journal is believed but the rows are not there: the images of one patient under the "
    "name of the next.",
)
def prepared_without_recall(out, plan, workers, strict):
    def forgetful(recall):
        return lambda file, rows, checksum: True

    return patched("recall", forgetful)(out, plan, workers, strict)


@mutant(
    "prepare",
    law="law_what_was_left_is_believed_only_if_whole",
    harm="What was left is not checked: a torn image trains a network, or ends every run.",
)
def prepared_in_good_faith(out, plan, workers, strict):
    def trusting(recall):
        def trust(file, rows, checksum):
            start = file.rows
            recall(file, rows, checksum)
            file.rows = start + rows
            return True

        return trust

    return patched("recall", trusting)(out, plan, workers, strict)


@mutant(
    "prepare",
    law="law_strict_ends_at_a_broken_case",
    harm="--strict is read and forgotten: a study lacks patients and nobody knows.",
)
def prepared_leniently(out, plan, workers, strict):
    return prepare(out, plan, workers, False)
