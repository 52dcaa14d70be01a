"""Wrong options."""

from __future__ import annotations

from fedmini.errors import UserError
from fedmini.options import Option
from tests.contracts.framework import mutant


@mutant(
    "option",
    law="law_ranges_hold_to_the_last_number",
    harm="A learning rate of nan is neither below 0 nor above 1: the run starts, and ends in NaN.",
)
class NaNIsInRange(Option):
    def _check_range(self, value):
        outside = (
            (self.above is not None and value <= self.above)
            or (self.low is not None and value < self.low)
            or (self.high is not None and value > self.high)
        )
        if outside or abs(value) == float("inf"):
            raise UserError(f"{self.flag} {value} is out of range")


@mutant(
    "option",
    law="law_ranges_hold_to_the_last_number",
    harm="A learning rate of 0 is accepted: a night of rounds that teach nothing.",
)
class BoundsIncluded(Option):
    def _check_range(self, value):
        if self.above is None or value != self.above:
            super()._check_range(value)


@mutant(
    "option",
    law="law_false_is_not_true",
    harm="--nesterov False switches it on.",
)
class TypeIsBool(Option):
    def convert(self, text):
        return bool(text) if self.type is bool else super().convert(text)


@mutant(
    "option",
    law="law_what_is_no_number_is_refused",
    harm="--rounds 2.7 plays two rounds.",
)
class Truncating(Option):
    def convert(self, text):
        try:
            return int(float(text)) if self.type is int else super().convert(text)
        except (ValueError, OverflowError):
            return super().convert(text)


@mutant(
    "option",
    law="law_choices_are_the_only_ones",
    harm="A misspelt optimiser falls back to the default, and the table names the wrong one.",
)
class FallsBack(Option):
    def convert(self, text):
        return text if text in self.choices else self.default
