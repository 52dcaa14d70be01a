"""Rounds of secure aggregation: what a client and a server do otherwise where only a sum is known.

A client's upload becomes one vector of the ring, weight x update, then its sums, then its weight,
and leaves under masks, or in shares for several servers; learnt are the survivors' total of it, and
their names. Whatever may not be summed is refused by the client, who then counts as dropped out.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fedmini.client import Client
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.messages import Message, Upload
from fedmini.ring import Ring
from fedmini.run_options import SECAGG
from fedmini.secagg import Aborted, Coordinator, Participant
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import AdvertiseKeys, TrainMasked, need
from fedmini.secagg.mpc import Servers, split
from fedmini.secagg.transcript import WORDS, Recorder
from fedmini.server import Server, Total
from fedmini.uplink import LARGEST_LOSS, public_weight

SUMS = ("clipped", "loss")  # what every client may send beside its update


@dataclass
class SecureClient:
    """A client whose uploads nobody can read; fresh secrets every round, in no checkpoint."""

    client: Client
    ring: Ring
    cohort: int  # so many clients are summed at most
    generator: str  # of the masks
    servers: int = 0  # among which its vector is shared; 0: it is masked
    participant: Participant | None = None  # of the round under way
    noise: Callable[[int, str], np.ndarray] | None = None  # by round and client

    def answer(self, question: Message) -> Message:
        """The next answer of the protocol; training happens when the vector is due."""
        if self.servers:
            return split(self.vector(question), question.round, self.servers, self.generator)
        if isinstance(question, AdvertiseKeys):
            name, round = self.client.name, question.round
            fresh = self.participant is None or round > self.participant.round
            need(fresh, "a client was asked for a second time in a round")
            self.participant = Participant(name, round, self.vector, self.generator)
        return self.participant.answer(question)

    def vector(self, question: TrainMasked) -> Tensor:
        """Train, and encode the upload: (D + 3,) in the ring."""
        upload = self.client.answer(question)
        for name in upload.sums.keys() - set(SUMS):
            raise ValueError(f"its algorithm sends {name!r}, for which a secure sum has no place")
        if self.noise is not None:
            upload = replace(upload, sums={})  # no noise is charged for them
        try:
            encoded = self.ring.encode(flat(upload), self.cohort)
        except (ValueError, OverflowError):  # which name numbers
            raise ValueError("its upload does not fit the ring: it diverged") from None
        if not encoded[-1]:
            raise ValueError("its weight is too small for the ring")
        if self.noise is not None:
            noise = self.noise(question.round, self.client.name)
            encoded[: len(noise)] += torch.from_numpy(noise)
        return encoded


def flat(upload: Upload) -> Tensor:
    """(D + 3,) float64: weight x update, the sums, the weight."""
    weight = upload.weight
    sums = {name: float(upload.sums.get(name, 0.0)) for name in SUMS}
    sums["loss"] = min(sums["loss"], weight * LARGEST_LOSS)
    rest = torch.tensor([*sums.values(), weight], dtype=torch.float64)
    return torch.cat([upload.update.double() * weight, rest.to(upload.update.device)]).cpu()


def enrol(config: Config, clients: Mapping[str, Client], ring: Ring) -> dict[str, SecureClient]:
    """The clients as participants; UserError where the options cannot hold for so many."""
    most = math.ceil(config.cohort_size(len(clients)))
    least = max(config.min_survivors, config.secagg_threshold or 0, config.dp_colluders + 1)
    if most < 2 or least > most:
        found = f"--secagg with cohorts of {most} and a threshold of {least}"
        raise UserError(f"{found}: right would be at least 2, and a threshold of all at most")
    if config.secagg_threshold and 2 * config.secagg_threshold <= most:
        right = f"more than half of the {most} hospitals in a round, {most // 2 + 1} or more"
        raise UserError(f"--secagg-threshold {config.secagg_threshold}: right would be {right}")
    add_mask(torch.zeros(0, dtype=ring.dtype), bytes(32), 1, config.mask_generator)  # for trial
    for name, each in clients.items():
        weight = public_weight(each.examples, config.weight_cap) if config.unit else each.examples
        if 0 < weight * 2**ring.fractional_bits < 1:
            raise UserError(f"--weight-cap {config.weight_cap}: {name} would weigh nothing")
    common = ring, len(clients), config.mask_generator, SECAGG[config.secagg]
    return {name: SecureClient(each, *common) for name, each in clients.items()}


class SecureServer(Server):
    """A server that learns the sum of a round's uploads and nothing else about them."""

    ring: Ring
    threshold: int  # so many clients must stay to the end; never less than a majority
    generator: str  # of the masks
    learnt: list[int] | None  # the first words of the round's sum
    servers: int  # among which vectors are shared; 0: they are masked
    told: tuple[str, ...]  # the sums that clients send

    def settle(self, config: Config, ring: Ring) -> None:
        """What is fixed before the first round."""
        self.ring, self.generator, self.servers = ring, config.mask_generator, SECAGG[config.secagg]
        asked = config.min_survivors, config.secagg_threshold or 0
        self.threshold = max(*asked, config.dp_colluders + 1)
        self.told = SUMS if config.unit is None else ("loss",)
        if config.dp_mode == "distributed":
            self.told = ()

    def gather(self, cohort: list[str]) -> Total:
        """The total of a cohort by secure aggregation; of too few, nothing."""
        trains, total, self.learnt = self.questions(cohort), Total(), None
        aggregator = self.aggregator(len(cohort))
        threshold = max(self.threshold, len(cohort) // 2 + 1)
        side = self.network, self.round, threshold, self.generator
        coordinator = Servers(*side, self.servers) if self.servers else Coordinator(*side)
        try:
            if threshold > len(cohort) or len(cohort) < 2:
                raise Aborted(f"round {self.round}: {len(cohort)} clients are too few")
            summed, total.clients = coordinator.aggregate(
                cohort, lambda name, letters: TrainMasked(**vars(trains[name]), letters=letters)
            )
            self.learnt = summed[:WORDS].tolist()
            numbers = self.ring.decode(summed).to(self.model.device)
            updates, sums = numbers.split([len(numbers) - len(SUMS) - 1, len(SUMS) + 1])
            total.weight = sums[-1].item()
            total.sums = {name: sums[SUMS.index(name)] for name in self.told}
            total.mean = self.expand(aggregator.mean_of(updates, total.weight).float())
        except Aborted:
            return Total()
        return total
