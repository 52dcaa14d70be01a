"""Images and masks that stay in their file: indexed like arrays, read when they are indexed.

A prepared file may be larger than memory. It is compressed image by image, so any of them is read
alone; what is done to all of them (shrinking, say) is done to each as it is read. A file that is
deleted or replaced serves the run that has it open to its end; what is written over it is noticed
by the checksums that fedmini's own files have.

Left out: reading ahead, and speed with files of other programs that compress many images as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fedmini.errors import RunFailed, UserError

if TYPE_CHECKING:
    import h5py

    Change = Callable[[np.ndarray], np.ndarray]

BLOCK, VALUES = 64, 2**20  # rows, and numbers in them, that are worked on at one time


class DiskArray:
    """(N, ...) rows of an open file, or a choice of them, changed or as they are."""

    def __init__(
        self, source: h5py.Dataset, rows: np.ndarray | None = None, changes: tuple[Change, ...] = ()
    ) -> None:
        self.source, self.changes, self.path = source, changes, source.file.filename
        self.rows = np.arange(len(source)) if rows is None else rows
        nothing = self._read(self.rows[:0])
        self.dtype, self.shape = nothing.dtype, (len(self.rows), *nothing.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """The memory that all rows would take."""
        return prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        """What numpy would give, in memory. Raises RunFailed, naming the file, if it is damaged."""
        wanted = self.rows[index]
        rows = np.atleast_1d(wanted)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for block in _slices(len(rows), self.source.shape):
            found[block] = self._read(rows[block])
        return found[0] if np.ndim(wanted) == 0 else found

    def changed(self, change: Change) -> DiskArray:
        """The same rows after `change`, which maps (n, ...) to (n, ...); n may be 0."""
        return type(self)(self.source, self.rows, (*self.changes, change))

    def chosen(self, rows: np.ndarray) -> DiskArray:
        """Those rows that `rows` picks, indices or booleans; nothing is read."""
        return type(self)(self.source, self.rows[rows], self.changes)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        with one_line(self.path):
            if len(rows) and (np.diff(rows) == 1).all():
                values = self.source[rows[0] : rows[-1] + 1]
            else:
                values = np.empty((len(rows), *self.source.shape[1:]), self.source.dtype)
                for place, row in enumerate(rows):
                    values[place] = self.source[row]
        for change in self.changes:
            values = change(values)
        return values


Array = np.ndarray | DiskArray


def choose(array: Array, rows: np.ndarray) -> Array:
    """Some rows, indices or booleans, in the order of `rows`: a copy, or still on disk."""
    return array.chosen(rows) if isinstance(array, DiskArray) else array[rows]


def changed(array: Array, change: Change) -> Array:
    """All rows after `change`, see `DiskArray.changed`: at once, or on disk as they are read."""
    if isinstance(array, DiskArray):
        return array.changed(change)
    return np.concatenate([change(block) for block in blocks(array)])


def blocks(array: Array) -> Iterator[np.ndarray]:
    """The rows in order, a few at a time."""
    for block in _slices(len(array), array.shape):
        yield array[block]


def _slices(count: int, shape: tuple[int, ...]) -> Iterator[slice]:
    """`count` rows of an array of this shape, at most `BLOCK` at a time, fewer of large ones."""
    step = min(BLOCK, VALUES // prod(shape[1:])) or 1
    return (slice(start, start + step) for start in range(0, count, step))


@contextmanager
def one_line(path: str) -> Iterator[None]:
    """RunFailed, a line that begins with the file, for whatever the HDF5 library raises."""
    try:
        yield
    except (UserError, RunFailed):
        raise
    except Exception as error:  # it reports damage as almost any exception
        reason = " ".join(str(error).split())
        raise RunFailed(f"{path}: the file is damaged or cannot be read: {reason}") from error
