"""Error feedback: what compression left out is added to the next update.

So every coordinate arrives in the end, and a biased compressor such as top-k converges (Stich,
Cordonnier, Jaggi 2018, Algorithm 1; Karimireddy et al. 2019, Algorithm 2). Half of it is to know
whether an upload arrived: until then, what it left out is pending.

This is the idea by itself, for any compressor: with a quantiser, rounding is remembered too. A client
of a federation has its residual in its state, and remembers no rounding: `fedmini/compressed.py`.
"""

from torch import Generator, Tensor

from fedmini.compression.quantise import Chain, Quantiser
from fedmini.compression.sparsify import Part, Sparsifier


class ErrorFeedback:
    """A compressor with a memory.

    residual: (D,) what all acknowledged uploads together left out, None before the first.
    pending: (D,) what it becomes if the last upload is acknowledged, None where none is open.
    """

    def __init__(self, compressor: Sparsifier | Quantiser | Chain) -> None:
        self.compressor = compressor
        self.residual: Tensor | None = None
        self.pending: Tensor | None = None

    def compress(self, vector: Tensor, generator: Generator | None = None) -> Part:
        """The part of vector (D,) plus residual. An upload still pending counts as lost."""
        # p_t = delta_t + e_t
        total = vector if self.residual is None else vector + self.residual
        part = self.compressor.compress(total, generator)
        # e_{t+1} = p_t - C(p_t)
        self.pending = total - self.decompress(part)
        return part

    def decompress(self, part: Part) -> Tensor:
        """The vector (D,) that a part stands for."""
        return self.compressor.decompress(part)

    def commit(self) -> None:
        """The last upload arrived; saying so twice changes nothing."""
        if self.pending is not None:
            self.residual, self.pending = self.pending, None

    def discard(self) -> None:
        """The last upload was lost: the residual stays what it was before."""
        self.pending = None
