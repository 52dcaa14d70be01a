"""A federation at work: everything of one run that changes, and everything that measures it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fedmini.client import Client
from fedmini.config import Config
from fedmini.data.dataset import Dataset
from fedmini.data.examples import Hospital
from fedmini.data.normalise import Normalise
from fedmini.data.partition import Partition
from fedmini.data.patients import PatientTable
from fedmini.errors import UserError
from fedmini.evaluation import evaluate
from fedmini.profiles import Clock
from fedmini.server import Round, Server
from fedmini.statistics import Evaluation
from fedmini.tasks import Task
from fedmini.vector import FlatModel

if TYPE_CHECKING:
    from fedmini.privacy.plan import Plan


@dataclass(frozen=True)
class Snapshot:
    """A model at one moment: the global vector, and the coordinates that hospitals keep."""

    model: Tensor
    private: dict[str, Tensor]


@dataclass
class Federation:
    """Server, clients and hospitals of one run, ready for the first round."""

    config: Config
    dataset: Dataset
    table: PatientTable
    partition: Partition
    hospitals: list[Hospital]
    clients: dict[str, Client]
    server: Server
    model: FlatModel
    task: Task
    normalise: Normalise
    loaded: Sequence[str] = ()  # what came from --pretrained, in words
    plan: Plan | None = None  # what differential privacy may cost
    clock: Clock | None = None  # None where no hospital trains
    notices: Sequence[str] = ()  # what whoever starts the run should know

    def snapshot(self) -> Snapshot:
        """The models as they stand, acknowledged uploads settled."""
        private = {}
        for name, client in self.clients.items():
            client.settle(self.server.acknowledged.get(name, 0))
            if client.shared is not None:
                private[name] = client.state["private"].clone()
        return Snapshot(self.server.model.clone(), private)

    def personal(self, snapshot: Snapshot, hospital: str) -> Tensor:
        """(P,) the model that serves a hospital's patients."""
        shared = self.server.shared
        if shared is None:
            return snapshot.model
        whole, kept = snapshot.model.clone(), ~shared.to(snapshot.model.device)
        whole[kept] = snapshot.private.get(hospital, whole[kept])
        return whole

    def hours(self, record: Round) -> float | None:
        """Simulated: until the slowest had answered, or to the deadline where one is missing."""
        deadline, network = self.config.deadline, self.server.network
        if self.clock is None:
            return None
        if deadline is not None and record.dropped:
            return deadline
        return self.clock.round({
            name: {
                "steps": client.steps if client.pending_round == record.number else 0,
                "up": network.up[name], "down": network.down[name],
            }
            for name, client in self.clients.items() if name in record.cohort
        })  # fmt: skip

    @torch.no_grad()
    def answer(self, snapshot: Snapshot, hospital: str, images: Tensor) -> Tensor:
        """The logits (n, ...) of a hospital's model for some of its images, (n, C, H, W)."""
        self.model.load(self.personal(snapshot, hospital))
        self.model.module.eval()
        return self.model.module(self.normalise(images))

    def evaluate(self, snapshot: Snapshot, split: str) -> dict[str, Evaluation]:
        """Each hospital's patients of a split, served by that hospital's model."""
        found = {}
        for each in self.hospitals:
            state = self.personal(snapshot, each.name)
            examples = getattr(each, split)
            found[each.name] = evaluate(self.model, state, examples, self.task, self.normalise)
            if self.server.shared is not None:
                evidence = self.task.of_model(found[each.name].evidence, each.number)
                found[each.name] = Evaluation(evidence, examples.patients)
        return found

    def weights_sha256(self, snapshot: Snapshot) -> str:
        """Of the little-endian float32 vector, then of what hospitals keep, in their order."""
        vectors = [snapshot.model, *snapshot.private.values()]
        parts = [each.cpu().numpy().astype("<f4", copy=False).tobytes() for each in vectors]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def state(self) -> dict:
        """All that the next round depends on: copies, on the CPU, of plain types and tensors."""
        return {
            "round": self.server.round,
            "model": self.server.model.to("cpu", copy=True),
            "server": copies(self.server.state, "cpu"),
            "acknowledged": dict(self.server.acknowledged),
            "clients": {
                name: {
                    "state": copies(client.state, "cpu"),
                    "pending": copies(client.pending, "cpu"),
                    "pending_round": client.pending_round,
                }
                for name, client in self.clients.items()
            },
        }

    def restore(self, state: dict) -> None:
        """Continue from what `state` gave; UserError if it belongs to another federation."""
        server, place = self.server, self.server.model.device
        same_model = state["model"].shape == server.model.shape
        if not same_model or state["clients"].keys() != self.clients.keys():
            raise UserError("--resume: the checkpoint belongs to another model or other hospitals")
        server.round = state["round"]
        server.model = state["model"].to(place, copy=True)
        server.state = copies(state["server"], place)
        server.acknowledged = dict(state["acknowledged"])
        for name, kept in state["clients"].items():
            client = self.clients[name]
            client.state = copies(kept["state"], place)
            client.pending = copies(kept["pending"], place)
            client.pending_round = kept["pending_round"]


def copies(tensors: Mapping[str, Tensor], place: str | torch.device) -> dict[str, Tensor]:
    """Copies at `place`; scalars, such as a count of steps, stay on the CPU."""
    return {
        name: tensor.to(place if tensor.dim() else "cpu", copy=True)
        for name, tensor in tensors.items()
    }
