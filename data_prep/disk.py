"""A disk for HDF5 to write to that may be full.

When a write fails, the HDF5 library gives up in the middle of closing its file and may take the
process with it. Here it writes to an object that keeps the first error to itself, lets go whatever
follows, and raises that error when HDF5 has closed in peace. Ctrl-C waits for HDF5 too.
"""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py


class Disk(io.RawIOBase):
    """A file that begins empty for HDF5, whatever it held before."""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.position = self.end = 0
        self.error: OSError | None = None  # the first one
        self.kept = os.fstat(file.fileno()).st_size  # the file is not cut shorter than this
        self.absent: int | None = None  # writes of just this length are let go

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + (0, self.position, self.end)[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: memoryview) -> int:
        self.file.seek(self.position)
        if self.file.readinto(buffer) < len(buffer):
            raise OSError("the file is shorter than its index says")
        self.position += len(buffer)
        return len(buffer)

    def write(self, content: memoryview) -> int:
        length = len(content)
        if length != self.absent:
            self._attempt(self._write_all, content)
        self.position += length
        self.end = max(self.end, self.position)
        return length

    def truncate(self, size: int) -> int:
        self._attempt(self.file.truncate, max(size, self.kept))
        self.end = size
        return size

    def _attempt(self, action, argument) -> None:
        if self.error is None:
            try:
                action(argument)
            except OSError as error:
                self.error = error

    def _write_all(self, content: memoryview) -> None:
        self.file.seek(self.position)
        while content:
            content = content[self.file.write(content) :]


@contextmanager
def hdf5(path: Path, again: bool = False) -> Iterator[tuple[h5py.File, Disk]]:
    """A new HDF5 file and the disk below it; OSError, after all, where that refused a write.

    `again` leaves in place what the path holds, until it is written over. Whoever writes to the
    file does so inside `uninterrupted`.
    """
    with open(path, "r+b" if again else "w+b", buffering=0) as file:
        disk = Disk(file)
        # the format of HDF5 1.10, whose checksums turn damage into an error; no cache of pixels
        content = h5py.File(disk, "w", libver="v110", rdcc_nbytes=0)
        try:
            yield content, disk
        finally:
            with uninterrupted():
                content.close()
            if disk.error:
                raise disk.error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block is done: inside HDF5 it would tear a file apart."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        raise KeyboardInterrupt
