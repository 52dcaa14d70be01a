"""The server: it samples a cohort, asks it to train, sums the answers and moves the model.

`run` is the whole of federated learning; everything else is detail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fedmini.algorithms.fedavg import FedAvg
from fedmini.errors import RunFailed
from fedmini.messages import Train, Upload
from fedmini.network import Network
from fedmini.ring import Ring, RingSum
from fedmini.rng import stream

if TYPE_CHECKING:
    from fedmini.compressed import Compression


@dataclass(frozen=True)
class Cohorts:
    """Who is asked in a round: `size` clients of `clients`, or each with probability size / n."""

    clients: tuple[str, ...]
    size: float  # whole, unless poisson
    poisson: bool = False
    key: int | bytes = 0

    def sample(self, round: int) -> list[str]:
        """The cohort of a round, in the order of `clients`; a Poisson cohort may be empty."""
        draws = stream(self.key, "cohort", round)
        count = len(self.clients)
        if self.poisson:
            chance = torch.rand(count, dtype=torch.float64, generator=draws)
            chosen = (chance < self.size / count).nonzero()[:, 0]
        else:
            chosen = torch.randperm(count, generator=draws)[: self.size].sort().values
        return [self.clients[place] for place in chosen.tolist()]


@dataclass
class Total:
    """What the server knows of a round's answers: who answered, and sums."""

    clients: list[str] = field(default_factory=list)
    mean: Tensor | None = None  # (P,) float32, zero where nothing is shared
    sums: dict[str, Tensor] = field(default_factory=dict)  # float64, over the clients
    weight: float = 0.0


@dataclass(frozen=True)
class Round:
    """The record of one round."""

    number: int
    cohort: list[str]
    dropped: list[str]  # asked, but not in the sum
    failures: dict[str, str]  # client -> what it raised
    train_loss: float | None
    aborted: bool  # fewer answers than --min-survivors: the model stayed
    bytes_up: int
    bytes_down: int
    seconds: float | None
    clipped: float | None = None  # the part of the updates that was longer than --clip
    simulated_hours: float | None = None  # what a real federation would have taken


@dataclass(eq=False)
class Server:
    """Holds the global model, a (P,) vector, and in `state` tensors that the algorithm keeps."""

    model: Tensor
    network: Network
    cohorts: Cohorts
    algorithm: FedAvg
    aggregator: Callable[[int], object]
    learning_rate: Callable[[int], float]
    shared: Tensor | None = None  # (P,) bool: the coordinates that cross the wire; None is all
    variances: Tensor | None = None  # (P,) bool
    min_survivors: int = 1
    compression: Compression | None = None

    def __post_init__(self) -> None:
        self.model, self.state = self.model.clone(), {}
        self.round = 0
        self.acknowledged: dict[str, int] = {}
        self.announced: dict[str, Tensor] = {}  # what --compress sent down in this round

    @property
    def sent(self) -> int:
        """How many coordinates an upload holds."""
        if self.compression is not None:
            return self.compression.sent
        return len(self.model) if self.shared is None else int(self.shared.sum())

    def run(self, rounds: int, pay: Callable[[int], bool] = lambda _: True) -> Iterator[Round]:
        """Play the rounds that are left, up to round number `rounds`; yield each one's record.

        Before a round `pay` is asked with its number; where it is False, the run ends.
        """
        while self.round < rounds and pay(self.round + 1):
            self.round += 1
            started = perf_counter()
            self.network.begin_round()
            if self.compression is not None:
                self.announced = self.compression.announce(self)
            cohort = self.cohorts.sample(self.round)
            total = self.gather(cohort)
            aborted = len(total.clients) < self.min_survivors
            if not aborted:
                self.step(total)
            yield self.record(cohort, total, aborted, perf_counter() - started)

    def gather(self, cohort: list[str]) -> Total:
        """Ask the cohort to train, and sum its answers."""
        return self.collect(cohort, self.network.ask(self.questions(cohort)))

    def questions(self, cohort: Iterable[str]) -> dict[str, Train]:
        """The algorithm's broadcast as one question to each client of the cohort."""
        arrays = dict(self.algorithm.broadcast(self)) | self.announced
        if self.shared is not None:
            arrays["model"] = arrays["model"][self.shared]
        told = self.round, self.learning_rate(self.round), arrays
        return {name: Train(*told, self.acknowledged.get(name, 0)) for name in cohort}

    def collect(self, cohort: list[str], replies: Iterable[tuple[str, Upload]]) -> Total:
        """Stream the replies into sums."""
        total, aggregator = Total(), self.aggregator(len(cohort))
        sums: dict[str, RingSum] = {}
        for name, reply in replies:
            try:
                update = reply.update
                if self.compression is not None:
                    update = self.compression.unpack(reply)
                aggregator.add(name, update, reply.weight)
                for key, value in reply.sums.items():
                    sums.setdefault(key, RingSum(Ring(), len(cohort))).add(value)
            except OverflowError as error:
                line = f"round {self.round}: {name} sent numbers too large to be summed"
                raise RunFailed(f"{line}: training diverged; try a lower --lr") from error
            total.clients.append(name)
            total.weight += reply.weight
        if total.clients or not self.min_survivors:
            total.mean = self.expand(aggregator.result().float())
            total.sums = {key: each.value() for key, each in sums.items()}
        return total

    def expand(self, mean: Tensor) -> Tensor:
        """(P,) from the coordinates that came, zero elsewhere."""
        if self.announced:
            mean = self.compression.expand(mean, self.announced)
        if self.shared is None:
            return mean
        whole = torch.zeros_like(self.model)
        whole[self.shared] = mean
        return whole

    def step(self, total: Total) -> None:
        """Let the algorithm move the model, and acknowledge the uploads that did it."""
        self.model = self.model.clone()  # a question that was sent keeps the round's weights
        self.algorithm.server_step(self, total)
        if self.variances is not None:
            # v <- max(0, v + eta sum_k p_k (v_k - v)) (Eq. 4.3)
            self.model[self.variances] = self.model[self.variances].clamp(min=0)
        self.acknowledged |= dict.fromkeys(total.clients, self.round)
        if self.announced:
            self.state["last mean"] = total.mean  # public: all that read the model know it

    def record(self, cohort: list[str], total: Total, aborted: bool, seconds: float) -> Round:
        """What happened; RunFailed if every client raised, though one has to answer."""
        failures = self.network.failures
        everyone = failures.keys() >= set(cohort)
        if failures and everyone and not (self.cohorts.poisson and total.mean is not None):
            first, reason = next(iter(failures.items()))
            raise RunFailed(f"round {self.round}: no client answered; {first}: {reason}")
        loss, clipped = total.sums.get("loss"), total.sums.get("clipped")
        return Round(
            number=self.round,
            cohort=cohort,
            dropped=[name for name in cohort if name not in total.clients],
            failures=dict(failures),
            train_loss=None if loss is None else float(loss) / total.weight,
            aborted=aborted,
            bytes_up=self.network.bytes_up,
            bytes_down=self.network.bytes_down,
            seconds=seconds,
            clipped=None if clipped is None else float(clipped) / len(total.clients),
        )
