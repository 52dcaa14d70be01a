"""A client: one hospital's data, its local training, and what it sends.

All clients of a simulation take turns on one model (a `FlatModel`); what a client keeps between
rounds is a small dictionary of tensors. The uplink is one visible line of steps, in `answer`.

What depends on an upload (private coordinates, a control variate, kept moments of the optimiser) is
`pending` until the server's next message acknowledges that upload, and only then becomes `state`:
an upload that was lost leaves no trace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import Contribution, FedAvg
from fedmini.data.examples import Hospital, flip
from fedmini.data.normalise import Normalise
from fedmini.messages import Train, Upload
from fedmini.optim import SGD, Adam, Memory
from fedmini.rng import stream
from fedmini.tasks import Task
from fedmini.vector import FlatModel

if TYPE_CHECKING:
    from fedmini.compressed import Compression


@dataclass(frozen=True)
class LocalTraining:
    """What every client is told about local training before the first round."""

    batch_size: int
    epochs: float = 1.0  # passes over the client's data in a round, fractions too
    steps: int | None = None  # this many steps instead
    augment: str = "flips"  # left to right and top to bottom; "mirror": the former; "none"
    key: int | bytes = 0  # of the streams that shuffle and flip

    def steps_of(self, count: int, work: float = 1.0) -> int:
        """The steps of a round over `count` examples, or those that a straggler gets done."""
        whole = self.steps or self.epochs * math.ceil(count / self.batch_size)
        # 0.07 passes of 100 batches are 7 steps, though 0.07 * 100 is 7.000000000000001
        return max(1, math.ceil(work * whole - 1e-9))


@dataclass(eq=False)
class Client:
    """One hospital as a participant; `answer` is all that the network sees of it."""

    hospital: Hospital
    model: FlatModel
    task: Task
    algorithm: FedAvg
    optimizer: SGD | Adam
    normalise: Normalise
    training: LocalTraining
    shared: Tensor | None = None  # (P,) bool: the coordinates that cross the wire; None is all
    uplink: Sequence[Callable[[Contribution], Contribution]] = ()
    compression: Compression | None = None

    def __post_init__(self) -> None:
        self.name, self.data = self.hospital.name, self.hospital.train
        self.question: Train | None = None  # of the round under way
        self.loss: Tensor | None = None  # of this round's training, mean over the examples it saw
        self.steps = 0  # of this round's training
        self.state: dict[str, Tensor] = {}
        self.pending: dict[str, Tensor] = {}
        self.pending_round = 0
        if self.shared is not None:
            self.state["private"] = self.model.state[~self.shared].clone()

    @property
    def examples(self) -> int:
        """n_k: the number of training examples."""
        return len(self.data)

    @property
    def whole_steps(self) -> int:
        """The steps of a round in which it is no straggler."""
        return self.training.steps_of(self.examples)

    def answer(self, question: Train) -> Upload:
        """Take part in one round. FloatingPointError if training diverged: nothing is sent then."""
        self.settle(question.acknowledged)
        self.question, self.pending_round, self.loss = question, question.round, None
        down = {**question.arrays, "model": self.complete(question.arrays["model"])}
        contribution = self.algorithm.local_update(self, down)
        if self.shared is not None:
            self.keep(private=self.model.state[~self.shared])
        return self.upload(contribution)

    def upload(self, contribution: Contribution) -> Upload:
        """The uplink: all finite or nothing -> shared -> sparsify -> clip, weight -> quantise."""
        loss = {} if self.loss is None else {"loss": self.loss}
        refuse_unusable(contribution.update, contribution.weight, {**contribution.sums, **loss})
        update, packing, compression = contribution.update, {}, self.compression
        if self.shared is not None:
            update = update[self.shared]
        if compression is not None:
            update, packing = compression.sparsify(update, self)
        contribution = replace(contribution, update=update)
        for step in self.uplink:
            contribution = step(contribution)
        weight = contribution.weight
        sums = {**contribution.sums, **{name: weight * each for name, each in loss.items()}}
        upload = Upload(self.question.round, contribution.update, weight, sums, packing)
        return upload if compression is None else compression.quantise(upload, self)

    def settle(self, acknowledged: int) -> None:
        """What is pending becomes state if its upload was acknowledged, and vanishes if not."""
        if self.pending and acknowledged == self.pending_round:
            self.state |= self.pending
        self.pending = {}

    def keep(self, **tensors: Tensor) -> None:
        """Put these into `state` once this round's upload is acknowledged (`private` is taken)."""
        self.pending |= {name: tensor.clone() for name, tensor in tensors.items()}

    def complete(self, shared: Tensor) -> Tensor:
        """(P,) model from the shared coordinates that came and the private ones kept here."""
        if self.shared is None:
            return shared
        whole = torch.empty_like(self.model.state)
        whole[self.shared], whole[~self.shared] = shared, self.state["private"]
        return whole

    def load(self, state: Tensor) -> None:
        """Put a (P,) vector into the model that local training works on."""
        self.model.load(state)

    def train(self, correct: Callable[[], None]) -> None:
        """Local training: this round's steps, `correct` called between gradient and step."""
        model, lr = self.model, self.question.lr
        memory = self._memory()
        loss_sum, seen = torch.zeros((), device=model.state.device), 0
        model.module.train()
        for examples, *rest in self.batches():
            loss = self.gradient(examples, *rest)
            correct()
            self.optimizer.step(model.vector, model.grad, lr, memory)
            loss_sum += len(examples) * loss
            seen += len(examples)
        model.check_views()
        self.loss = loss_sum / max(1, seen)
        if self.algorithm.keeps_optimizer:
            self.keep(**{f"optimizer.{name}": tensor for name, tensor in memory.items()})

    def gradient(self, images: Tensor, targets: Tensor) -> Tensor:
        """Write the batch's mean gradient into model.grad; return the loss, still on the device."""
        self.model.grad.zero_()
        loss = self.task.loss(self.model.module(images), targets)
        loss.backward()
        return loss.detach()

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """This round's batches, drawn beforehand so that no step waits for the host.

        Every pass is a fresh permutation of all examples; the last batch of a pass may be short.
        A straggler's batches are the first ones of its whole work.
        """
        size, count, where = self.training.batch_size, self.examples, self.data.images.device
        self.steps = self.training.steps_of(count, self.question.work)
        passes = math.ceil(self.steps / math.ceil(count / size))
        key, address = self.training.key, (self.question.round, self.name)
        draws = stream(key, "shuffle", *address)
        order = torch.stack([torch.randperm(count, generator=draws) for _ in range(passes)])
        flips = torch.rand(passes, count, 2, generator=stream(key, "flip", *address)) < 0.5
        rows = [batch for each in order.to(where) for batch in each.split(size)]
        flips = [batch for each in flips.to(where) for batch in each.split(size)]
        for chosen, flipped in list(zip(rows, flips, strict=True))[: self.steps]:
            yield self.prepared(chosen, flipped)

    def prepared(self, rows: Tensor, flipped: Tensor) -> tuple[Tensor, Tensor]:
        """Images and targets of these rows, mirrored where draws (B, 2) say so: see `flip`."""
        images, targets = self.normalise(self.data.images[rows]), self.data.targets[rows]
        if self.training.augment == "none":
            return images, targets
        flipped[:, 1] &= self.training.augment == "flips"
        return flip(images, targets, flipped)

    def _memory(self) -> Memory:
        """What the optimiser remembers: what this client kept of it, or nothing."""
        kept = {name: each for name, each in self.state.items() if name.startswith("optimizer.")}
        return {name.removeprefix("optimizer."): each.clone() for name, each in kept.items()}


def refuse_unusable(update: Tensor, weight: float, sums: Mapping[str, Tensor]) -> None:
    """FloatingPointError if any number to be sent is not finite; ValueError for a bad weight."""
    if not (math.isfinite(weight) and weight >= 2**-20):
        raise ValueError(f"its weight is {weight}: right would be a number of examples, or 1")
    for name, tensor in {"update": update, **sums}.items():
        # aminmax carries NaN, and inf - inf is NaN
        if tensor.numel() and not math.isfinite(sum(map(float, torch.aminmax(tensor)))):
            raise FloatingPointError(f"its {name} is not finite: it diverged; try a lower --lr")
