"""Wrong bootstraps."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
from tests.contracts.framework import mutant

from fedmini.statistics import Comparison, Estimate, Evaluation, interval, paired, resamples


@mutant(
    "resamples",
    law="law_resamples_draw_with_replacement",
    harm="Every resample is the data themselves: all intervals have no width, all claims hold.",
)
def without_replacement(patients, draws, generator):
    return np.ones((draws, patients), dtype=np.int64)


@mutant(
    "resamples",
    law="law_resamples_draw_with_replacement",
    harm="The last patient is never drawn: the worst case of a hospital can vanish from intervals.",
)
def never_the_last(patients, draws, generator):
    most = max(1, patients - 1)
    return np.pad(
        generator.multinomial(patients, np.full(most, 1 / most), size=draws),
        ((0, 0), (0, patients - most)),
    )


@mutant(
    "resamples",
    law="law_resamples_draw_with_replacement",
    harm="Each patient is in or out by a coin: resamples differ in size, the mean in its noise.",
)
def a_coin_for_each(patients, draws, generator):
    return 2 * generator.integers(0, 2, (draws, patients))


@mutant(
    "interval",
    law="law_interval_holds_its_share_of_a_skewed_sample",
    harm="5% at each end instead of both together: what is called 95% is 90%.",
)
def five_percent_at_each_end(values, level=0.95):
    return interval(values, 2 * level - 1)


@mutant(
    "interval",
    law="law_interval_holds_its_share_of_a_skewed_sample",
    harm="A bell curve is put over skewed scores: intervals reach above a Dice of 1.",
)
def bell_curve(values, level=0.95):
    middle, reach = np.nanmean(values), 1.96 * np.nanstd(values)
    return middle - reach, middle + reach


@mutant(
    "interval",
    law="law_interval_of_nothing_is_not_a_number",
    harm="A metric that no resample defines is reported as a certain zero.",
)
def nothing_is_zero(values, level=0.95):
    return interval(values, level) if (~np.isnan(values)).any() else (0.0, 0.0)


@mutant(
    "paired",
    law="law_a_constant_difference_has_no_width",
    harm="Each algorithm is judged on patients of its own: real differences drown in noise.",
)
def unpaired(metrics, runs, generator, draws=2000):
    values, algorithms = {}, {}
    for name, (run,) in runs.items():
        drawn = resamples(len(np.unique(run.patients)), draws, generator)
        values[name] = {
            key: np.append(value, metrics(run.evidence, run.patients, drawn)[key])
            for key, value in metrics(run.evidence, run.patients).items()
        }
        algorithms[name] = {key: _estimate(value) for key, value in values[name].items()}
    differences = {
        (a, b): {key: _estimate(values[a][key] - values[b][key]) for key in values[a]}
        for a, b in combinations(runs, 2)
    }
    return Comparison(algorithms, differences)


def _estimate(values):
    return Estimate(float(values[0]), *interval(values[1:]))


@mutant(
    "paired",
    law="law_more_images_of_a_patient_are_no_more_evidence",
    harm="Slices are taken for patients: six slices each, and intervals are 2.4 times too narrow.",
)
def bootstrap_over_images(metrics, runs, generator, draws=2000):
    images = {
        name: [Evaluation(each.evidence, np.arange(len(each.patients))) for each in run]
        for name, run in runs.items()
    }
    return paired(metrics, images, generator, draws)


@mutant(
    "paired",
    law="law_more_seeds_are_no_more_patients",
    harm="Seeds are taken for new patients: run ten seeds, and anything is significant.",
)
def patients_anew_in_every_repeat(metrics, runs, generator, draws=2000):
    apart = {
        name: [
            dataclasses.replace(each, patients=each.patients + 1000 * index)
            for index, each in enumerate(run)
        ]
        for name, run in runs.items()
    }
    return paired(metrics, apart, generator, draws)


@mutant(
    "paired",
    law="law_repeats_with_other_patients_are_averaged",
    harm="Columns of the resamples are taken from the left: they weigh other patients' results.",
)
def columns_from_the_left(metrics, runs, generator, draws=2000):
    renamed = {
        name: [
            dataclasses.replace(each, patients=np.unique(each.patients, return_inverse=True)[1])
            for each in run
        ]
        for name, run in runs.items()
    }
    return paired(metrics, renamed, generator, draws)


@mutant(
    "paired",
    law="law_other_patients_are_not_compared",
    harm="Algorithms are compared on what each finished: the one that skipped hard cases wins.",
)
def on_what_each_finished(metrics, runs, generator, draws=2000):
    alone = {}
    for name, run in runs.items():
        alone |= paired(metrics, {name: run}, generator, draws).algorithms
    return Comparison(alone, {})
