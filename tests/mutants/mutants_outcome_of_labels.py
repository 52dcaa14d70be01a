"""Wrong thresholds of a tested model."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fedmini.evaluation import pool
from fedmini.outcome import Outcome
from fedmini.statistics import Evaluation
from tests.contracts.framework import mutant

LAW = "law_thresholds_come_from_validation_alone"


@mutant(
    "thresholds",
    law=LAW,
    harm="Sensitivity and specificity are the best that the test patients allow, by design.",
)
class ChosenOnTest(Outcome):
    @cached_property
    def thresholds(self):
        found = self.federation.evaluate(self.snapshot, "test")
        cuts = self.federation.task.thresholds(pool(found.values()).evidence)
        return dict.fromkeys(found, cuts)


@mutant(
    "thresholds",
    law=LAW,
    harm="Thresholds of all hospitals' scores, for a hospital that trained alone and saw none of them.",
)
class PooledForAll(Outcome):
    @cached_property
    def thresholds(self):
        found = self.federation.evaluate(self.snapshot, "validation")
        cuts = self.federation.task.thresholds(pool(found.values()).evidence)
        return dict.fromkeys(found, cuts)


@mutant(
    "thresholds",
    law=LAW,
    harm="The file names thresholds, and every decision was made at one half.",
)
class NeverUsed(Outcome):
    @cached_property
    def tested(self):
        found = self.federation.evaluate(self.snapshot, "test")
        return {
            name: Evaluation(
                np.concatenate(
                    [each.evidence[..., :2], each.evidence[..., :1] >= 0.5], axis=2
                ),
                each.patients,
            )
            for name, each in found.items()
        }
