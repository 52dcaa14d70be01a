"""Compression of an update: fewer coordinates, fewer bits for each, and what is lost comes later.

A compressor turns a vector into a part, the tensors that travel, and a part into a vector again.
select.py finds large coordinates, sparsify.py keeps some of them, indices.py says which in few
bytes; quantise.py rounds values to few bits; feedback.py remembers what was left out (a client of a federation by `fedmini/compressed.py`).

Left out: compression of what the server sends, momentum correction, signs, and a code shorter than
its bits (entropy coding).
"""

from fedmini.compression.feedback import ErrorFeedback
from fedmini.compression.quantise import Chain, Quantiser
from fedmini.compression.sparsify import PrevK, RandomK, Sparsifier, TopK
from fedmini.errors import UserError
from fedmini.registry import resolve
from fedmini.specification import stages

__all__ = ["Chain", "ErrorFeedback", "PrevK", "Quantiser", "RandomK", "Sparsifier", "TopK", "parse"]


def parse(spec: str) -> tuple[Sparsifier | None, Quantiser | None]:
    """What a text such as `topk:0.01+quant:4` stands for; None for a stage that is not there.

    Raises UserError for any other text, and for a class from a file that is no Sparsifier.
    """
    sparsifier = quantiser = None
    for name, number in stages(spec):
        found = resolve("compressor", name)
        if name == "quant":
            quantiser = found(number)
        elif isinstance(found, type) and issubclass(found, Sparsifier):
            sparsifier = found(number)
        else:
            raise UserError(f"--compress {spec}: {name} is no subclass of compression.Sparsifier")
    if sparsifier is not None and sparsifier.common and not hasattr(sparsifier, "announce"):
        raise UserError(f"--compress {spec}: with common = True it needs announce() and read()")
    return sparsifier, quantiser
