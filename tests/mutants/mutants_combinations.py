"""Wrong tables of what may not be combined, and the laws that find them out."""

from __future__ import annotations

from collections.abc import Callable

from fedmini.combinations import ROWS, kinds, refuse
from fedmini.config import Config
from fedmini.errors import UserError
from tests.contracts.framework import mutant

REFUSED = "law_pairs_that_break_a_promise_are_refused_in_a_line"
ALLOWED = "law_all_other_pairs_are_let_through"
NAMED = "law_every_part_of_a_compressor_is_named"
FROM_DATA = "client privacy x coordinates chosen from data"


def read(config: Config, name: str, forbids: Callable[[Config], object]) -> None:
    """The table with another predicate in one of its rows."""
    for row in ROWS:
        if forbids(config) if row.name == name else row.forbids(config):
            raise UserError(row.refusal)


@mutant("refuse", law=REFUSED, harm="topk under client noise sends indices that no noise covers")
def row_forgotten(config):
    read(config, FROM_DATA, lambda c: False)


@mutant("refuse", law=REFUSED, harm="a student's own choice of coordinates passes for a public one")
def known_names_only(config):
    read(config, FROM_DATA, lambda c: c.unit == "client" and "topk" in kinds(c.compress))


@mutant("refuse", law=REFUSED, harm="a quantiser behind a sparsifier breaks the norm bound unseen")
def first_part_only(config):
    name = "client privacy x quantiser"
    read(config, name, lambda c: c.unit == "client" and c.compress.startswith("quant"))


@mutant("refuse", law=REFUSED, harm="levels of different scales are added up with --ring-bits")
def masks_only(config):
    read(config, "ring x quantiser", lambda c: c.secagg and "quant" in kinds(c.compress))


@mutant("refuse", law=REFUSED, harm="statistics of patients leave their hospital as they are")
def clients_only(config):
    read(config, "privacy x batch norm", lambda c: c.unit == "client" and c.norm == "batch")


@mutant("refuse", law=REFUSED, harm="a run with a wrong epsilon goes on after a warning")
def warned_only(config):
    try:
        refuse(config)
    except UserError as error:
        error.add_note("this may not be private")


@mutant("refuse", law=REFUSED, harm="a script that reads the last line of the log never sees why")
def several_lines(config):
    try:
        refuse(config)
    except UserError as error:
        raise UserError(str(error).replace("; ", "\n")) from None


@mutant("refuse", law=ALLOWED, harm="patients' privacy loses compression, though it comes after it")
def every_unit(config):
    read(config, FROM_DATA, lambda c: c.unit and "topk" in kinds(c.compress))


@mutant("refuse", law=ALLOWED, harm="a unit of privacy without noise forbids compression")
def unit_without_noise(config):
    read(config, FROM_DATA, lambda c: c.dp_unit and "topk" in kinds(c.compress))


@mutant("kinds", law=NAMED, harm="a student's file called quant.py counts as the quantiser")
def found_anywhere(spec):
    return {name for name in ("topk", "randk", "prevk", "quant") if name in spec}


@mutant("kinds", law=NAMED, harm="a student's my.py:Mine is looked up as my.py")
def up_to_the_first_colon(spec):
    return {part.partition(":")[0] for part in spec.split("+") if ":" in part}


@mutant("kinds", law=NAMED, harm="topk:0.01+quant:4 is read as topk, and rounds unseen")
def one_part(spec):
    return kinds(spec.partition("+")[0])
