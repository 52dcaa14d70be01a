"""Prepare a data set case by case: several are read at a time, and written in order.

What a case becomes does not depend on when it is read, so the file has the same bytes with one
reader or many, and after any number of interruptions. Readers are threads: unpacking, decoding and
arithmetic on arrays leave Python's lock alone, and no pixel has to be sent to another process. A
few cases are in memory at a time, however many there are.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np
from tqdm import tqdm

from data_prep.disk import uninterrupted
from data_prep.growing import Growing, crc32, growing
from data_prep.journal import Journal
from fedmini.errors import UserError
from fedmini.files import disk_errors

SHOWN = 3  # of many that are left out for one reason


class Case(Protocol):
    """What becomes one or more rows of the file. Names are distinct."""

    name: str
    files: Sequence[Path]  # a case whose files have changed is prepared again


@dataclass(frozen=True, eq=False)
class Rows:
    """What a case became: for each array its rows, and whatever else is to be known of it."""

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, object]  # JSON can hold them
    broken: Mapping[str, str] = field(default_factory=dict)  # its parts without a row: name, reason


@dataclass(frozen=True)
class Plan:
    """What is to be prepared, and how.

    `layout` has for each array the shape and type of a row. `make` turns a case into rows; it
    raises UserError for a broken one. `finish` completes the file, given a dictionary a case, its
    facts with `name`, `rows` and `left out` (broken parts), or none and `broken`, the reason; it
    returns a summary in words.
    """

    options: Mapping[str, str]  # only a command with the same ones goes on with the file
    layout: Mapping[str, tuple[tuple[int, ...], type]]
    cases: Sequence[Case]
    make: Callable[[Case], Rows]
    finish: Callable[[h5py.File, list[dict]], str]
    kind: str = "cases"  # what the cases are called


def prepare(out: Path, plan: Plan, workers: int, strict: bool) -> str:
    """Write the rows of all cases, in their order, to a new file; returns the summary.

    An interrupted call leaves `out`.partial and .journal, and the same call goes on with them.
    Raises UserError if the options differ, or every case is broken, or with `strict` a single one;
    RunFailed where the disk refuses.
    """
    partial, record = out.with_name(f"{out.name}.partial"), out.with_name(f"{out.name}.journal")
    with disk_errors(partial), closing(Journal(record, plan.options)) as journal:
        with growing(partial, plan.layout) as file:
            journal.cut(_recall(file, journal.entries, plan.cases))
            file.forget()
            _prepare_cases(file, journal, plan, workers, strict)
            if file.rows:
                with uninterrupted():
                    summary = plan.finish(file.file, journal.entries)
        if file.rows:
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            os.replace(partial, out)
        else:
            partial.unlink()
        journal.remove()
    if not file.rows:
        found = f"{len(plan.cases)} {plan.kind}"
        raise UserError(f"none of {found} can be used; the lines above say why")
    return summary


def leave_out(name: str, reason: object, strict: bool) -> None:
    """Name a broken case, above the progress bar; with `strict` as a UserError."""
    if strict:
        raise UserError(f"{name}: {reason}")
    tqdm.write(f"left out: {name}: {reason}", file=sys.stderr)


def leave_out_some(what: str, which: Sequence[str], strict: bool) -> None:
    """The same for several at once, if there are any: how many, and the first of them."""
    if which:
        shown = [text if text.isprintable() else ascii(text) for text in which[:SHOWN]]
        more = f" and {len(which) - SHOWN} more" if len(which) > SHOWN else ""
        leave_out(f"{what} ({len(which)})", ", ".join(shown) + more, strict)


def _recall(file: Growing, entries: list[dict], cases: Sequence[Case]) -> int:
    """How many entries of the journal are still true, from the first one on."""
    for count, (entry, case) in enumerate(zip(entries, cases, strict=False)):
        if entry["name"] != case.name or entry["files"] != _stamp(case):
            return count
        if entry["rows"] and not file.recall(entry["rows"], entry["checksum"]):
            return count
    return min(len(entries), len(cases))


def _prepare_cases(
    file: Growing, journal: Journal, plan: Plan, workers: int, strict: bool
) -> None:
    remaining = plan.cases[len(journal.entries) :]
    for entry in journal.entries:
        _leave_out(entry, strict)
    with tqdm(
        total=len(plan.cases), initial=len(journal.entries), unit=f" {plan.kind}", disable=None
    ) as bar:
        for entry, arrays in _in_order(plan.make, remaining, workers):
            _leave_out(entry, strict)
            if entry["rows"]:
                file.append(arrays)
            journal.add(entry)
            bar.set_postfix(images=file.rows)
            bar.update()


def _leave_out(entry: dict, strict: bool) -> None:
    """Name what is broken: the case, or parts of it."""
    whole = {entry["name"]: entry["broken"]} if "broken" in entry else {}
    for name, reason in {**whole, **entry.get("left out", {})}.items():
        leave_out(name, reason, strict)


def _in_order(
    make: Callable[[Case], Rows], cases: Sequence[Case], workers: int
) -> Iterator[tuple[dict, Mapping[str, np.ndarray]]]:
    """What each case became, in the order of the cases; a few are worked on ahead."""

    def attempt(case: Case) -> tuple[dict, Mapping[str, np.ndarray]]:
        entry = {"name": case.name, "files": _stamp(case), "rows": 0}
        try:
            made = make(case)
        except UserError as broken:
            return {**entry, "broken": str(broken)}, {}
        rows = len(next(iter(made.arrays.values())))
        known = {"rows": rows, "checksum": crc32(made.arrays), "left out": made.broken}
        return {**entry, **known, **made.facts}, made.arrays

    pool, waiting = ThreadPoolExecutor(workers), deque()
    try:
        for case in cases:
            waiting.append(pool.submit(attempt, case))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _stamp(case: Case) -> list[list[int]]:
    """Size and time of change of each file; nothing for one that cannot be reached."""
    stamps = []
    for path in case.files:
        try:
            status = path.stat()
            stamps.append([status.st_size, status.st_mtime_ns])
        except OSError:
            stamps.append([])
    return stamps
