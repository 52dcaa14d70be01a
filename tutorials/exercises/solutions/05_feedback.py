"""Exercise 05, solved: measured against all that should have been sent, and pending until it was.

pytest tests/contracts --impl error_feedback=tutorials/exercises/solutions/05_feedback.py:Memory
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
        self.pending = total - self.decompress(part)
        return part

    def decompress(self, part: dict[str, Tensor]) -> Tensor:
        return self.compressor.decompress(part)

    def commit(self) -> None:
        """The last upload arrived."""
        # The second of two acknowledgements finds nothing pending.
        if self.pending is not None:
            self.residual, self.pending = self.pending, None

    def discard(self) -> None:
        """The last upload was lost."""
        self.pending = None
