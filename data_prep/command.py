"""What the commands of this room have in common: options, exit status, where to write.

Exit status: 0 done; 1 the disk refused or something unforeseen happened, 2 a bad option or input,
one line on stderr; 130 Ctrl-C. After 1 and 130 the same command goes on where it stopped.
"""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

from fedmini.cli import Parser, unforeseen
from fedmini.config import available_threads
from fedmini.errors import RunFailed, UserError


def run(work: Callable[[], None]) -> int:
    """Do the work; returns the exit status."""
    try:
        with unforeseen(RunFailed):
            work()
    except (UserError, RunFailed) as error:
        print("fedmini:", " ".join(str(error).split()), file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    except KeyboardInterrupt:
        print("fedmini: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def parser(program: str, description: str) -> Parser:
    """A parser with the options that every command has."""
    options = Parser(prog=f"python -m {program}", description=description, allow_abbrev=False)
    options.add_argument("source", type=Path, metavar="SOURCE", help="the publisher's folder")
    options.add_argument(
        "--out", type=Path, metavar="FILE.h5", required=True, help="new file to write; needed"
    )
    for split, share in (("validation", 0.1), ("test", 0.2)):
        text = f"share of the patients for {split} [%(default)s]"
        options.add_argument(f"--{split}", type=fraction, default=share, metavar="X", help=text)
    options.add_argument(
        "--split-seed", type=whole(0), default=0, metavar="N",
        help="draws who is in which split [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--workers", type=whole(1), default=available_threads(), metavar="N",
        help="cases read at a time [the processors: %(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--strict", action="store_true", help="end at a broken case instead of leaving it out"
    )
    return options


def check(options: Namespace) -> None:
    """UserError unless there is a folder to read, a new file to write, and someone to train on."""
    if not options.source.is_dir():
        raise UserError(f"SOURCE {options.source}: there is no such folder")
    if options.out.exists():
        raise UserError(f"--out {options.out}: exists already; choose a new name, or delete it")
    if not options.out.parent.is_dir():
        raise UserError(f"--out {options.out}: must be a new file in a folder that exists")
    if options.validation + options.test >= 1:
        raise UserError(
            f"--validation {options.validation} and --test {options.test}: nobody is left to train"
        )


def content(options: Namespace) -> dict[str, str]:
    """The options of every command that have a say in what the file holds."""
    return {
        "SOURCE": str(options.source.resolve()),
        "--validation": str(options.validation),
        "--test": str(options.test),
        "--split-seed": str(options.split_seed),
    }


def whole(low: int, high: int = 2**63) -> Callable[[str], int]:
    """A type for argparse: a whole number from `low` to `high`."""

    def convert(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            limit = f"from {low}" if high == 2**63 else f"from {low} to {high}"
            raise ArgumentTypeError(f"takes a whole number {limit}, not {text!r}")
        return int(text)

    return convert


def fraction(text: str) -> float:
    """A type for argparse: from 0 to below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"takes a number from 0 to below 1, not {text!r}")
    return value
