"""What one secure sum costs, by masks and by shares for three servers: seconds and bytes a client.

All sides run one after the other on one core, in seconds of processor time. A client is one that
stays to the end; its seconds are those that it takes to answer, and what no client takes is the
servers', all of them together. The speed of mask expansion is set beside the generator alone, in
alternating order. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from time import process_time

import torch
from torch import Tensor

from fedmini.messages import Message
from fedmini.network import Network
from fedmini.secagg import Coordinator, Participant
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import MaskedInput
from fedmini.secagg.mpc import Servers, split
from tests.benchmarks.bench import compare

MILLION = 10**6
CASES = ((MILLION, 10), (MILLION, 30), (11 * MILLION, 10))  # words of 32 bits, clients
DROPOUTS = (0, 2)
SERVERS = 3
SEED = bytes(range(32))


@dataclass
class Sharing:
    """A client that sends shares of its vector."""

    vector: Tensor
    generator: str

    def answer(self, question: Message) -> Message:
        return split(self.vector, question.round, SERVERS, self.generator)


class Timed(Network):
    """A network on which some clients' vectors are lost; it adds up seconds and bytes by client."""

    def __init__(self, clients: dict[str, object], lost: Collection[str]) -> None:
        super().__init__(clients)
        self.lost = lost
        self.seconds = Counter()

    def deliver(self, name: str, question: Message) -> Message | None:
        if question.uploads and name in self.lost:
            return None
        started = process_time()
        reply = super().deliver(name, question)
        self.seconds[name] += process_time() - started
        return reply


def secure_sum(kind: str, words: int, count: int, dropouts: int, generator: str) -> None:
    """Sum once, check the sum, and print a line."""
    vector = torch.arange(words, dtype=torch.int32)  # everyone's
    names = [str(index) for index in range(count)]
    if kind == "masks":
        clients = {name: Participant(name, 1, lambda _: vector, generator) for name in names}
    else:
        clients = dict.fromkeys(names, Sharing(vector, generator))
    network = Timed(clients, names[:dropouts])
    side = Coordinator if kind == "masks" else partial(Servers, count=SERVERS)
    started = process_time()
    server = side(network, 1, count // 2 + 1, generator)
    total, survivors = server.aggregate(names, lambda name, letters: MaskedInput(1, letters))
    whole = process_time() - started
    assert len(survivors) == count - dropouts and torch.equal(total, vector * len(survivors))
    stayed, servers = names[-1], whole - network.seconds.total()
    print(
        f"{kind:<6} {generator:<8} {words:>11,} {count:>8} {dropouts:>9} {whole:>9.2f}"
        f" {network.seconds[stayed]:>9.3f} {servers:>9.2f}"
        f" {network.up[stayed]:>12,} {network.down[stayed]:>10,}",
        flush=True,
    )


def expansion(generator: str, pairs: int) -> None:
    """Print the speed of expansion in parts of that of SHAKE-128 by itself."""
    total = torch.zeros(MILLION, dtype=torch.int32)
    alone = partial(hashlib.shake_128(SEED).digest, 4 * MILLION)
    expand = partial(add_mask, total, SEED, 1, generator)
    compare(f"a mask by {generator}: speed / SHAKE-128 alone", alone, expand, pairs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.secure")
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    generators = ["shake", *["aes-ctr"] * bool(find_spec("cryptography"))]
    for generator in generators:
        expansion(generator, pairs)
    print(
        f"\n{'kind':<6} {'masks by':<8} {'words':>11} {'clients':>8} {'dropouts':>9}"
        f" {'s in all':>9} {'s/client':>9} {'s servers':>9} {'bytes up':>12} {'down':>10}"
    )
    for generator in generators:
        for words, count in CASES:
            for dropouts in DROPOUTS:
                for kind in ("masks", f"mpc:{SERVERS}"):
                    secure_sum(kind, words, count, dropouts, generator)


if __name__ == "__main__":
    main()
