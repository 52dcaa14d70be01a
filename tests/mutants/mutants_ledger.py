"""Wrong ledgers: each lets a run say less than it has spent, or stops it early."""

from __future__ import annotations

import dataclasses
import math

from fedmini.privacy.ledger import Ledger, read
from fedmini.privacy.plan import Plan
from tests.contracts.framework import mutant


@mutant(
    "ledger",
    law="law_a_round_is_on_the_disk_when_it_is_paid",
    harm="A round is charged after its release: a run killed in between never paid for it.",
)
class ChargesAfterTheRelease(Ledger):
    owed = 0

    def pay(self, round):
        paid = not self.owed or super().pay(self.owed)
        self.owed = round
        return paid


@mutant(
    "ledger",
    law="law_a_round_is_on_the_disk_when_it_is_paid",
    harm="Hospitals pay for rounds in which nobody asked them, and all stop too early.",
)
class ChargesEverybody(Ledger):
    def __init__(self, folder, plan):
        everybody = [frozenset(plan.charges)] * len(plan.asked)
        super().__init__(folder, dataclasses.replace(plan, asked=everybody))


@mutant(
    "ledger",
    law="law_a_replayed_round_is_charged_once",
    harm="Each resume charges its rounds a second time: a run that is often killed never ends.",
)
class ChargesAReplayAgain(Ledger):
    def pay(self, round):
        if round == len(self.lines):
            with self.path.open("a") as file:
                file.write(self.path.read_text().splitlines()[-1] + "\n")
        return super().pay(round)


@mutant(
    "ledger",
    law="law_a_replayed_round_is_charged_once",
    harm="Replayed rounds are cut from the ledger: killed now, it knows less than was released.",
)
class CutsItselfBack(Ledger):
    def pay(self, round):
        if round < len(self.lines):
            self.lines = self.lines[: round - 1]
        return super().pay(round)


class PerRound(Plan):
    def spent(self, lines):
        return super().spent(list(lines)[-1:])


class BestForWorst(Plan):
    def spent(self, lines):
        found = super().spent(lines)
        return dict.fromkeys(found, min(found.values()))


class SumOfHospitals(Plan):
    def spent(self, lines):
        found = super().spent(lines)
        return dict.fromkeys(found, sum(found.values()))


@mutant(
    "ledger",
    law="law_epsilon_is_that_of_the_worst_hospital_so_far",
    harm="The epsilon of one round is reported as that of the run: hundreds are spent as one.",
)
class ReportsOneRound(Ledger):
    def __init__(self, folder, plan):
        super().__init__(folder, PerRound(**vars(plan)))


@mutant(
    "ledger",
    law="law_epsilon_is_that_of_the_worst_hospital_so_far",
    harm="Epsilon of the hospital with most noise: the others' patients are worse off than told.",
)
class ReportsTheBest(Ledger):
    def __init__(self, folder, plan):
        super().__init__(folder, BestForWorst(**vars(plan)))


@mutant(
    "ledger",
    law="law_epsilon_is_that_of_the_worst_hospital_so_far",
    harm="Hospitals add up though no patient is at two: ten of them get a tenth of the budget.",
)
class AddsHospitalsUp(Ledger):
    def __init__(self, folder, plan):
        super().__init__(folder, SumOfHospitals(**vars(plan)))


@mutant(
    "ledger",
    law="law_epsilon_is_that_of_the_worst_hospital_so_far",
    harm="The accountant starts again at a resume: ten resumes spend ten budgets.",
)
class StartsAgainAtResume(Ledger):
    def __init__(self, folder, plan):
        super().__init__(folder, plan)
        before = len(self.lines)

        class SinceTheResume(Plan):
            def spent(self, lines):
                return super().spent(list(lines)[before:])

        self.plan = SinceTheResume(**vars(plan))


@mutant(
    "ledger",
    law="law_it_pays_exactly_while_the_budget_allows",
    harm="The budget is looked at after the round: the last one passes it, and is released.",
)
class ChecksAfterTheRound(Ledger):
    def pay(self, round):
        if self.lines and self.lines[-1]["epsilon"] > self.plan.budget:
            return False
        budget, self.plan = self.plan.budget, dataclasses.replace(self.plan, budget=math.inf)
        super().pay(round)
        self.plan = dataclasses.replace(self.plan, budget=budget)
        return True


@mutant(
    "ledger",
    law="law_it_pays_exactly_while_the_budget_allows",
    harm="Nine tenths of the budget are held back: patients pay with noise for nothing.",
)
class StopsEarly(Ledger):
    def __init__(self, folder, plan):
        super().__init__(folder, dataclasses.replace(plan, budget=0.9 * plan.budget))


@mutant(
    "ledger",
    law="law_a_ledger_that_says_too_little_is_refused",
    harm="A ledger that was lost starts again from nothing, though its rounds were published.",
)
class KnowsNoCheckpoint(Ledger):
    def check(self, round):
        pass


@mutant(
    "ledger",
    law="law_a_ledger_that_says_too_little_is_refused",
    harm="A cut last line is dropped in silence: a round that was released is charged no more.",
)
class SkipsACutLine(Ledger):
    def __init__(self, folder, plan):
        path = folder / "privacy.jsonl"
        if path.exists():
            whole = path.read_bytes().rpartition(b"\n")
            path.write_bytes(whole[0] + whole[1])
        super().__init__(folder, plan)


@mutant(
    "ledger",
    law="law_a_ledger_that_says_too_little_is_refused",
    harm="Whoever edits the ledger decides what the run has spent.",
)
class BelievesWhatItReads(Ledger):
    def __init__(self, folder, plan):
        self.path, self.plan, self.key = folder / "privacy.jsonl", plan, None
        self.lines = read(self.path)


@mutant(
    "ledger",
    law="law_a_ledger_that_says_too_little_is_refused",
    harm="The epsilon on the page is whatever someone typed into a file.",
)
class BelievesItsEpsilon(Ledger):
    def spent(self, lines):
        return lines[-1].get("epsilon") or super().spent(lines)
