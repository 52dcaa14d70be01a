"""An option is a dataclass field that knows its help text, its unit and its range.

`Config` and every component (an algorithm, a partition, an optimiser, a student's own class) state
their options in this one way; the command line reads them from here. No torch is imported.
"""

import dataclasses
import difflib
import inspect
import math
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import NoneType

from fedmini.errors import UserError


@dataclass(frozen=True)
class Option:
    """One option: `type` converts the text of the command line, `check` refuses its value."""

    name: str
    type: type
    default: object
    help: str = ""
    unit: str = ""
    choices: tuple[str | int, ...] = ()
    above: float | None = None  # the value must be greater than this
    low: float | None = None  # the smallest value allowed
    high: float | None = None  # the largest value allowed
    group: str = ""
    bare: str = ""  # the value of the flag alone

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def convert(self, text: str) -> object:
        """The value that `text` stands for; UserError names the flag where it stands for none."""
        try:
            # bool("False") is True
            value = {"true": True, "false": False}[text] if self.type is bool else self.type(text)
        except (ValueError, KeyError):
            kinds = {int: "a whole number", float: "a number", bool: "true or false"}
            raise UserError(f"{self.flag} takes {kinds[self.type]}, not {text!r}") from None
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """UserError if `value` is outside the option's choices or range."""
        if value is None:
            return
        if self.choices and value not in self.choices:
            known = [str(each) for each in self.choices]
            hint = nearest(str(value), known)
            raise UserError(f"{self.flag} {value}: choose from {', '.join(known)}{hint}")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_range(value)

    def _check_range(self, value: float) -> None:
        if not -math.inf < value < math.inf:
            raise UserError(f"{self.flag} {value}: must be a finite number")
        if self.above is not None and not value > self.above:
            raise UserError(f"{self.flag} {value}: must be above {self.above}")
        if self.low is not None and value < self.low:
            raise UserError(f"{self.flag} {value}: must be at least {self.low}")
        if self.high is not None and value > self.high:
            raise UserError(f"{self.flag} {value}: must be at most {self.high}")


def option(default: object, help: str, **details: object) -> typing.Any:
    """A dataclass field that carries an `Option`: unit, above, low, high, group, bare."""
    return field(default=default, metadata={"help": help, **details})


def options_of(component: type) -> list[Option]:
    """The options of a dataclass, or of any class whose constructor has defaults.

    A field without default is not an option. Units and ranges come from the metadata of `option`,
    choices from the annotation, such as `Literal["sgd", "adam"]`; None among them is no choice.
    """
    if dataclasses.is_dataclass(component):
        hints = typing.get_type_hints(component)
        return [
            Option(item.name, default=item.default, **_kind(hints[item.name]), **item.metadata)
            for item in dataclasses.fields(component)
            if item.init and item.default is not dataclasses.MISSING
        ]
    parameters = inspect.signature(component).parameters.values()
    return [
        Option(each.name, type(each.default), each.default)
        for each in parameters
        if isinstance(each.default, (int, float, str))
    ]


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the known name nearest to `name`, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _kind(hint: object) -> dict[str, object]:
    """The type of an option annotated `float`, `float | None` or `Literal`; its choices."""
    parts = [each for each in typing.get_args(hint) or [hint] if each not in (None, NoneType)]
    if typing.get_origin(hint) is typing.Literal:
        return {"type": type(parts[0]), "choices": tuple(parts)}
    return {"type": parts[0]}
