"""What --compress changes in a round: fewer coordinates travel, and each in fewer bits.

    delta + residual -> sparsify -> clip -> weight -> [ring, noise, mask | quantise] -> wire

Which coordinates travel is chosen by each hospital from its own update, and then goes up with them
(top-k), or is the same for all in a round and goes down with its question (random-k, prev-k): only
then can updates be summed unread. Error feedback (Stich et al. 2018; Karimireddy et al. 2019): what
was not sent is the residual, which the next update is added to; it is pending until the server
acknowledges the upload, and neither clip nor noise nor rounding enters it.

Left out: compression of the model on its way down, and of buffers, which travel whole.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fedmini.client import Client
from fedmini.compression import Quantiser, Sparsifier, indices, parse
from fedmini.compression.quantise import BUCKET
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.messages import Upload
from fedmini.rng import stream
from fedmini.server import Server
from fedmini.uplink import travelling
from fedmini.vector import FlatModel


@dataclass(frozen=True)
class Compression:
    """The same for every client and for the server of a run."""

    sparsifier: Sparsifier | None
    quantiser: Quantiser | None
    feedback: bool  # is what was not sent kept for the next round?
    size: int  # coordinates that travel uncompressed
    trained: int  # so many of them are compressed; buffers stand behind them
    key: int | bytes = 0

    @property
    def common(self) -> bool:
        """Whether all hospitals of a round send the same coordinates."""
        return self.sparsifier is not None and self.sparsifier.common

    @property
    def kept(self) -> int:
        """How many trained coordinates travel."""
        return self.trained if self.sparsifier is None else self.sparsifier.kept(self.trained)

    @property
    def sent(self) -> int:
        """How many coordinates travel."""
        return self.kept + self.size - self.trained

    @property
    def largest(self) -> int:
        """The bytes of an update on the wire at most."""
        bits = 32 if self.quantiser is None else self.quantiser.bits + 32 / BUCKET
        coded = self.sparsifier is not None and not self.common
        places = indices.most(self.kept, self.trained) if coded else 0
        return places + 8 + math.ceil(self.sent * bits / 8)

    def sparsify(self, update: Tensor, client: Client) -> tuple[Tensor, dict[str, Tensor]]:
        """(sent,) of an update (size,), and what must travel beside it to say which."""
        if self.sparsifier is None:
            return update, {}
        # p_t = Delta_t + e_t (Eq. 5.3)
        wanted = update[: self.trained] + client.state.get("residual", 0.0)
        if self.common:
            announced = client.question.arrays["coordinates"]
            chosen, packing = self.sparsifier.read(announced, self.trained), {}
        else:
            draws = stream(self.key, "sparsify", client.question.round, client.name)
            chosen = self.sparsifier.coordinates(wanted, draws)
            packing = {"indices": indices.encode(chosen, self.trained)}
        if self.feedback:
            # e_{t+1} = p_t - S(p_t) (Eq. 5.4)
            client.keep(residual=wanted.index_fill(0, chosen.to(wanted.device), 0.0))
        return torch.cat([wanted[chosen], update[self.trained :]]), packing

    def quantise(self, upload: Upload, client: Client) -> Upload:
        """The upload with its update in packed levels."""
        if self.quantiser is None:
            return upload
        draws = stream(self.key, "quantise", upload.round, client.name)
        part = self.quantiser.pack(upload.update, draws)
        packing = {**upload.packing, "scales": part["scales"]}
        return replace(upload, update=part["levels"], packing=packing)

    def announce(self, server: Server) -> dict[str, Tensor]:
        """What goes down with a round's question: the coordinates that all are to send."""
        if not self.common:
            return {}
        last = server.state.get("last mean")
        if last is not None:
            last = (last if server.shared is None else last[server.shared])[: self.trained]
        place = self.trained, server.round, last, self.key
        return {"coordinates": self.sparsifier.announce(*place)}

    def expand(self, mean: Tensor, announced: Mapping[str, Tensor]) -> Tensor:
        """(size,) from the mean (sent,) of the coordinates announced for a round."""
        return self.spread(mean, self.sparsifier.read(announced["coordinates"], self.trained))

    def unpack(self, upload: Upload) -> Tensor:
        """What an aggregator adds: (size,) float32, or (sent,) where all sent the same ones."""
        values = upload.update
        if self.quantiser is not None:
            packed = {"levels": values, "scales": upload.packing["scales"]}
            values = self.quantiser.unpack(packed, self.sent).to(values.device)
        if self.sparsifier is None or self.common:
            return values
        return self.spread(values, indices.decode(upload.packing["indices"], self.trained))

    def spread(self, values: Tensor, chosen: Tensor) -> Tensor:
        """(size,) from (sent,): zero where nothing was sent."""
        whole = values.new_zeros(self.size)
        whole[chosen.to(values.device)] = values[: self.kept]
        whole[self.trained :] = values[self.kept :]
        return whole


def compression(config: Config, model: FlatModel, shared: Tensor | None) -> Compression:
    """What the options say; UserError for a --compress that cannot be read."""
    sparsifier, quantiser = parse(config.compress)
    trained, size = travelling(model, shared)
    if sparsifier is not None:
        chosen = sparsifier.coordinates(torch.linspace(-1, 1, trained), stream(0, "trial"))
        right = sparsifier.kept(trained)
        if chosen.dtype != torch.int64 or chosen.shape != (right,):
            found = f"{tuple(chosen.shape)} coordinates, {chosen.dtype}"
            raise UserError(f"--compress {config.compress}: gave {found}; right is {right}, int64")
    feedback = bool(config.error_feedback)
    return Compression(sparsifier, quantiser, feedback, size, trained, config.seeds[0])
