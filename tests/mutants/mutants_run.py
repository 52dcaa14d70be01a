"""Wrong courses of a run: rounds lost or doubled, selection that peeks, tables that mislead."""

from __future__ import annotations

import numpy as np

from fedmini.comparison import compare
from fedmini.evaluation import scores
from fedmini.outcome import Outcome
from fedmini.training import Training
from tests.contracts.framework import mutant


@mutant(
    "training",
    law="law_a_run_that_was_killed_goes_on_as_if_not",
    harm="A round whose checkpoint was written before the crash is missing from every curve.",
)
class LosesALine(Training):
    def resume(self):
        self.restore()
        self.folder.cut_back(self.federation.server.round)


@mutant(
    "training",
    law="law_a_run_that_was_killed_goes_on_as_if_not",
    harm="Rounds after the checkpoint are played twice and stand twice in the log.",
)
class DoublesLines(Training):
    def resume(self):
        checkpoint = self.restore()
        rounds = [line["round"] for line in self.folder.records()]
        if checkpoint is not None and checkpoint["round"] not in rounds:
            self.folder.append(checkpoint["line"])


@mutant(
    "training",
    law="law_a_run_that_was_killed_goes_on_as_if_not",
    harm="The model is restored, but not its round: the cohorts and batches of round 1 come again.",
)
class RestoresTheModelOnly(Training):
    def restore(self):
        checkpoint = super().restore()
        self.federation.server.round = 0
        return checkpoint


@mutant(
    "training",
    law="law_a_run_that_was_killed_goes_on_as_if_not",
    harm="What hospitals keep (their own weights, moments) starts anew after every crash.",
)
class ForgetsTheClients(Training):
    def restore(self):
        kept = [dict(client.state) for client in self.federation.clients.values()]
        checkpoint = super().restore()
        for client, state in zip(self.federation.clients.values(), kept, strict=True):
            client.state, client.pending = state, {}
        return checkpoint


@mutant(
    "training",
    law="law_the_first_best_round_on_validation_is_tested",
    harm="The round is chosen by the test patients it is then reported on: results too good.",
)
class BestOfTest(Training):
    def validate(self, record):
        federation = self.federation
        snapshot = federation.snapshot()
        found = scores(federation.task, federation.evaluate(snapshot, "test"))
        score = found[federation.task.primary]
        if score > self.best.get("score", -1.0):
            model = {"model": snapshot.model, "private": {}}
            self.best = {"round": record.number, "score": score, **model}
        return found


@mutant(
    "training",
    law="law_the_first_best_round_on_validation_is_tested",
    harm="The best round's number is reported with the last round's weights.",
)
class KeepsTheLiveModel(Training):
    def validate(self, record):
        score = super().validate(record)
        self.best["model"] = self.federation.server.model
        return score


@mutant(
    "training",
    law="law_the_first_best_round_on_validation_is_tested",
    harm="--select best-val is ignored, and the last round is reported under its name.",
)
class AlwaysTheLast(Training):
    def selected(self):
        return self.federation.snapshot(), self.federation.server.round


@mutant(
    "outcome",
    law="law_the_summary_counts_patients_and_names_the_worst",
    harm="The best hospital is called the worst: the one that is failed goes unseen.",
)
class NamesTheBest(Outcome):
    def summary(self, seconds):
        found = super().summary(seconds)
        places = found["hospitals"]
        return found | {"worst": max(places, key=lambda name: places[name]["dice"]["value"])}


@mutant(
    "outcome",
    law="law_the_summary_counts_patients_and_names_the_worst",
    harm="A hospital of one patient weighs as much as one of a hundred in the headline.",
)
class MeanOfHospitals(Outcome):
    def summary(self, seconds):
        found = super().summary(seconds)
        values = [each["dice"]["value"] for each in found["hospitals"].values()]
        found["test"]["dice"]["value"] = float(np.mean(values))
        return found


@mutant(
    "outcome",
    law="law_the_summary_counts_patients_and_names_the_worst",
    harm="Images are counted as patients: a hospital looks twice as well tested.",
)
class CountsImages(Outcome):
    def summary(self, seconds):
        found = super().summary(seconds)
        for name, each in found["hospitals"].items():
            each["patients"] = len(self.tested[name].patients)
        return found


@mutant(
    "compare",
    law="law_differences_are_paired_and_point_from_the_earlier",
    harm="The sign is lost: the table praises the algorithm that did worse.",
)
def wrong_way_round(task, runs):
    content = compare(task, runs)
    for row in content["rows"]:
        for metrics in row["differences"].values():
            for name, each in metrics.items():
                low, high = -each["high"], -each["low"]
                metrics[name] = {"value": -each["value"], "low": low, "high": high}
    return content


@mutant(
    "compare",
    law="law_differences_are_paired_and_point_from_the_earlier",
    harm="Each algorithm meets patients of its own: real differences drown in their variety.",
)
def unpaired(task, runs):
    content = compare(task, runs)
    ranges = {row["algorithm"]: row["metrics"] for row in content["rows"]}
    for row in content["rows"]:
        for other, metrics in row["differences"].items():
            for name, each in metrics.items():
                mine, theirs = ranges[row["algorithm"]][name], ranges[other][name]
                each |= {"low": mine["low"] - theirs["high"], "high": mine["high"] - theirs["low"]}
    return content
