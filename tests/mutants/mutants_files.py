"""Wrong ways to write a file."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path

from fedmini.files import atomic_path
from tests.contracts.framework import mutant


@mutant(
    "atomic_path",
    law="law_a_reader_sees_the_old_file_or_the_new_one",
    harm="Killed while it writes the checkpoint, a run has neither the new one nor the old one.",
)
@contextmanager
def written_in_place(path):
    Path(path).write_bytes(b"")
    yield path


@mutant(
    "atomic_path",
    law="law_a_reader_sees_the_old_file_or_the_new_one",
    harm="Every checkpoint leaves a second one behind, until the disk is full.",
)
@contextmanager
def copied_over(path):
    partial = Path(f"{path}.partial")
    yield partial
    Path(path).write_bytes(partial.read_bytes())


@mutant(
    "atomic_path",
    law="law_an_error_leaves_everything_as_it_was",
    harm="A full disk is not noticed: the run goes on, and cannot be resumed.",
)
@contextmanager
def error_swallowed(path):
    with suppress(BaseException), atomic_path(path) as partial:
        yield partial


@mutant(
    "atomic_path",
    law="law_an_error_leaves_everything_as_it_was",
    harm="The half of a checkpoint that was written before the error replaces the whole one.",
)
@contextmanager
def renamed_all_the_same(path):
    partial = Path(f"{path}.partial")
    try:
        yield partial
    finally:
        partial.replace(path)


@mutant(
    "atomic_path",
    law="law_an_error_leaves_everything_as_it_was",
    harm="Every interrupted write leaves a part of a file that a glob later takes for a result.",
)
@contextmanager
def leftovers(path):
    partial = Path(f"{path}.partial")
    yield partial
    partial.replace(path)
