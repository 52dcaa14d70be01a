"""A network that loses clients and slows them, as real hospitals are lost and slow.

Each (round, client) draws one fate, whatever is asked in that round: a client may drop out before
training (it never hears the question), before the upload (it trained in vain) or after the upload
(it is in the sum, but answers nothing more); or be a straggler that gets a uniform part of its
steps done, as one is who would come after the deadline. Li et al. 2020 (FedProx, section 5.2) keep
such partial work or drop it: the policy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch

from fedmini.messages import Message, Train, wire_size
from fedmini.network import Answering, Network
from fedmini.rng import stream

STAGES = ("before training", "before upload", "after upload")


@dataclass(frozen=True)
class Fate:
    """What happens to one client in one round."""

    dropout: str | None = None  # one of STAGES
    work: float = 1.0  # below 1: a straggler


@dataclass(frozen=True)
class Faults:
    """Independent dropout and straggling, as probabilities in [0, 1] per client and round."""

    dropout: float = 0.0
    stragglers: float = 0.0
    keep_partial: bool = False
    key: int | bytes = 0

    def fate(self, round: int, client: str) -> Fate:
        """The fate of `client` in `round`: the same however often it is asked."""
        draws = stream(self.key, "fate", round, client)
        drops, stage, straggles, work = torch.rand(4, dtype=torch.float64, generator=draws).tolist()
        return Fate(
            dropout=STAGES[int(stage * len(STAGES))] if drops < self.dropout else None,
            # 1 - u lies in (0, 1] where u lies in [0, 1)
            work=1.0 - work if straggles < self.stragglers else 1.0,
        )


class FaultyNetwork(Network):
    """A network whose clients meet the fates of `faults`."""

    def __init__(self, clients: Mapping[str, Answering], faults: Faults) -> None:
        super().__init__(clients)
        self.faults = faults
        # client, bytes down -> the part of its steps before the deadline, if there is one
        self.in_time: Callable[[str, int], float] = lambda name, down: 1.0

    def begin_round(self) -> None:
        super().begin_round()
        self.gone: set[str] = set()  # dropped out in this round

    def deliver(self, name: str, question: Message) -> Message | None:
        """As the base class, but None also for a client that dropped out or came too late."""
        fate = self.faults.fate(question.round, name)
        if name in self.gone or fate.dropout == "before training":
            return None
        if question.uploads:
            heard = self.down[name] + wire_size(question)
            work = min(fate.work, self.in_time(name, heard))
            if work == 0 or (work < 1.0 and not self.faults.keep_partial):
                self.down[name] = heard  # but nobody waits for it
                self.gone.add(name)
                return None
            if isinstance(question, Train):
                question = replace(question, work=work)
        reply = super().deliver(name, question)
        if question.uploads and fate.dropout is not None:
            self.gone.add(name)
            if fate.dropout == "before upload" and reply is not None:
                self.up[name] -= wire_size(reply)
                return None
        return reply
