"""Sparsifiers: of all coordinates of a vector only k travel.

Top-k keeps those of largest magnitude (Aji, Heafield 2017); which ones they are depends on the
data, and travels too. Random-k draws them from a seed (Konecny et al. 2016): eight bytes say which.
Prevk keeps the largest of the last public aggregate and, in turn, all others; the server says which
before anyone trains. The last two show nothing about a client, and are the same for all clients of
a round, so that their values can be summed.

Left out: values scaled by D/k, which would make random-k unbiased. With error feedback what was
left out comes later, and scaling would diverge.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fedmini.compression import indices
from fedmini.compression.select import largest
from fedmini.errors import UserError
from fedmini.rng import numpy_stream, stream

Part = dict[str, Tensor]  # tensors by name, of the types that a message carries


@dataclass(frozen=True)
class Sparsifier:
    """Keeps the part `ratio` of all coordinates, in (0, 1]; a subclass says which."""

    ratio: float
    common = False  # do the coordinates depend on no client's data, so that all have the same?

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= 1:
            raise UserError(f"a sparsifier of ratio {self.ratio}: above 0 and at most 1 is right")

    def kept(self, size: int) -> int:
        """The number of coordinates, out of `size`, that travel: at least one."""
        # k = max(1, round(ratio · D)) (Eq. 5.1)
        return max(1, round(self.ratio * size))

    def coordinates(self, vector: Tensor, generator: Generator | None = None) -> Tensor:
        """Those of `vector` (D,) that travel: (k,) int64, strictly ascending.

        Draws come from `generator`; with None from torch's global one, as everywhere in torch.
        """
        raise NotImplementedError("a sparsifier needs the method `coordinates`")

    def compress(self, vector: Tensor, generator: Generator | None = None) -> Part:
        """The values (k,) of a float32 vector (D,), coded indices (uint8), and D (int64)."""
        chosen = self.coordinates(vector, generator)
        code = indices.encode(chosen, len(vector))
        return {"values": vector[chosen], "indices": code, "size": torch.tensor(len(vector))}

    def decompress(self, part: Part) -> Tensor:
        """The vector (D,), zero where nothing came; ValueError if the part is not consistent."""
        chosen, values = self.where(part), part["values"]
        if chosen.shape != values.shape:
            raise ValueError(f"{len(values)} values came for {len(chosen)} coordinates")
        dense = values.new_zeros(int(part["size"]))
        dense[chosen] = values
        return dense

    def where(self, part: Part) -> Tensor:
        """The coordinates (k,) of a part; ValueError if it does not tell them."""
        return indices.decode(part["indices"], int(part["size"]))


class TopK(Sparsifier):
    """The k coordinates of largest magnitude; of equal ones the lowest."""

    def coordinates(self, vector: Tensor, generator: Generator | None = None) -> Tensor:
        return largest(vector, self.kept(len(vector)))


class RandomK(Sparsifier):
    """k coordinates drawn uniformly from a seed, which stands for them: announced, or in the part."""

    common = True

    def announce(self, size: int, round: int, previous: Tensor | None, key: object) -> Tensor:
        """The seed (1,) int64 of a round, that the server sends."""
        return _seed(stream(key, "coordinates", round))

    def read(self, announcement: Tensor, size: int) -> Tensor:
        """The coordinates (k,) of a seed."""
        draws = numpy_stream(announcement.item(), "coordinates")
        chosen = draws.choice(size, self.kept(size), replace=False, shuffle=False)
        return torch.from_numpy(chosen).sort().values

    def coordinates(self, vector: Tensor, generator: Generator | None = None) -> Tensor:
        return self.read(_seed(generator), len(vector))

    def compress(self, vector: Tensor, generator: Generator | None = None) -> Part:
        """The values (k,), the seed (1,) int64, and D."""
        seed, size = _seed(generator), len(vector)
        values = vector[self.read(seed, size)]
        return {"values": values, "seed": seed, "size": torch.tensor(size)}

    def where(self, part: Part) -> Tensor:
        return self.read(part["seed"], int(part["size"]))


class PrevK(Sparsifier):
    """The largest of what the last round made public, and a tenth by rotation through all."""

    common = True

    def announce(self, size: int, round: int, previous: Tensor | None, key: object) -> Tensor:
        """The coded coordinates of a round, from 1; `previous` (D,) is the last aggregate or None.

        Without `previous` all of them come by rotation, else a tenth of k, at least one: every
        coordinate within ceil(D / that) rounds.
        """
        k = self.kept(size)
        turn = max(1, k // 10)
        places = (round - 1) * turn + torch.arange(k if previous is None else turn)
        marked = torch.zeros(size) if previous is None else previous.clone()
        # Infinite, what comes by rotation is first among the largest
        marked[torch.randperm(size, generator=stream(key, "rotation"))[places % size]] = math.inf
        return indices.encode(largest(marked, k), size)

    def read(self, announcement: Tensor, size: int) -> Tensor:
        """The coordinates (k,) of an announcement."""
        return indices.decode(announcement, size)

    def coordinates(self, vector: Tensor, generator: Generator | None = None) -> Tensor:
        """For a vector alone, with nothing public: those of a first round, its key drawn."""
        announcement = self.announce(len(vector), 1, None, _seed(generator).item())
        return self.read(announcement, len(vector))


def _seed(generator: Generator | None) -> Tensor:
    return torch.randint(-(2**63), 2**63 - 1, (1,), generator=generator)
