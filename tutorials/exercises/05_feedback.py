"""Exercise 05: a compressor with a memory, (Eq. 5.3) and (Eq. 5.4), not yet right.

This one remembers, but too little and too early: it measures what was left out against the vector
in hand, and takes every upload for one that arrived. The laws ask that

* what is sent and what is left out are, together, the vector and all that was left out before;
* `compress` changes neither its input nor `residual`: what it leaves out is `pending`;
* `commit` makes it the residual, and a second `commit` changes nothing;
* `discard`, or the next `compress`, leaves no trace of an upload that was lost.

    pytest tests/contracts --impl error_feedback=tutorials/exercises/05_feedback.py:Memory
"""

from __future__ import annotations

from torch import Generator, Tensor

from fedmini.compression import Quantiser, Sparsifier


class Memory:
    """Adds to each vector (D,) what is left of those before."""

    def __init__(self, compressor: Sparsifier | Quantiser) -> None:
        self.compressor = compressor
        self.residual: Tensor | None = None  # left out by all uploads that arrived
        self.pending: Tensor | None = None  # what it becomes if the last upload arrives

    def compress(self, vector: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        total = vector if self.residual is None else vector + self.residual
        part = self.compressor.compress(total, generator)
        self.pending = vector - self.decompress(part)  # your lines
        self.residual = self.pending
        return part

    def decompress(self, part: dict[str, Tensor]) -> Tensor:
        return self.compressor.decompress(part)

    def commit(self) -> None:
        """The last upload arrived."""
        self.residual, self.pending = self.pending, None  # your lines

    def discard(self) -> None:
        """The last upload was lost."""
        self.pending = None
