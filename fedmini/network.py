"""A round is a question and its answers: the server asks, clients answer, some do not.

`ask` yields (client, reply) as replies arrive, so that a sum can stream. A client that is gone is
simply missing. This network lives in one process and opens no socket: it hands over the message
objects themselves, sees to it that nobody writes into one that was sent, and counts the bytes of
their wire form.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

from fedmini.errors import RunFailed
from fedmini.messages import Message, tensors, wire_size


class Answering(Protocol):
    """Whoever can be asked: a client, or one side of a protocol."""

    def answer(self, question: Message) -> Message: ...


class Network:
    """The star between one server and its clients; clients never talk to each other."""

    def __init__(self, clients: Mapping[str, Answering]) -> None:
        self.clients = clients
        self.begin_round()

    def begin_round(self) -> None:
        """Count from zero, and forget the failures of the round before."""
        self.up, self.down = Counter[str](), Counter[str]()  # bytes by client
        self.failures: dict[str, str] = {}  # client -> what it raised

    @property
    def bytes_up(self) -> int:
        return self.up.total()

    @property
    def bytes_down(self) -> int:
        return self.down.total()

    def ask(self, questions: Mapping[str, Message]) -> Iterator[tuple[str, Message]]:
        """Ask each named client its question; yield (client, reply) for those that answer.

        RunFailed if a message changed after it was sent: its numbers can no longer be trusted.
        """
        last = Seal("no reply", None)
        for name, question in questions.items():
            reply = self.deliver(name, question)
            last.check()
            if reply is not None:
                last = Seal(f"the reply of client {name}", reply)
                yield name, reply
        last.check()

    def deliver(self, name: str, question: Message) -> Message | None:
        """One question to one client: its reply, or None if it raised (its name is recorded)."""
        self.down[name] += wire_size(question)
        seal = Seal(f"the question to client {name}", question)
        try:
            reply = self.clients[name].answer(question)
            self.up[name] += wire_size(reply)
        except Exception as error:
            logging.getLogger("fedmini").debug("client %s failed", name, exc_info=True)
            self.failures[name] = f"{type(error).__name__}: {error}"
            reply = None
        seal.check()
        return reply


class Seal:
    """Tensors as they were when they were sent; writes past torch (`.data`, numpy) go unseen."""

    def __init__(self, what: str, message: Message | None) -> None:
        # torch counts the in-place writes to a tensor and to all its views
        addressed = () if message is None else tensors(message)
        self.what = what
        self.sent = [(key or field, each, each._version) for (field, key), each in addressed]

    def check(self) -> None:
        """RunFailed, naming the tensor, if anyone wrote into one of them since."""
        for name, tensor, version in self.sent:
            if tensor._version != version:
                raise RunFailed(f"{self.what}: its {name} was changed after it was sent; clone it")


class InHouse(Network):
    """The network of an algorithm that needs none: nothing is sent, so no byte is counted."""

    def deliver(self, name: str, question: Message) -> Message | None:
        reply = super().deliver(name, question)
        self.up, self.down = Counter(), Counter()
        return reply
