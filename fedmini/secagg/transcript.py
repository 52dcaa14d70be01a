"""The transcript of a round: every message as its wire bytes, and in words what each party saw.

A file a round, RUN/transcript-0003.pt: "exchanges" holds a client, the question to it, its reply or
None, and of a masked vector the length and the chi-square statistic; "sum" what the server learnt,
None where the round was aborted. Keys, letters and shares are whole; masked vectors, the model and
the sum are cut to their first 64 words.

All of it passed through the server's hands: a reply that was lost on its way is not in it, so that
nobody learns from it what the server does not know. A question is in it even if nobody heard it.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from fedmini.errors import UserError
from fedmini.faults import FaultyNetwork
from fedmini.messages import Message, Train, decode, encode, tensors
from fedmini.secagg.messages import MaskedVector, to_bytes, to_tensor
from fedmini.tensors import load_tensors, save_tensors

FILE, WORDS = "transcript-{:04}.pt", 64
MEASURED = "{} words; chi-square {:.0f}, of uniform bytes 191 to 330 in 998 of 1,000 cases"


class Recorder(FaultyNetwork):
    """A network that keeps the exchanges of the round under way as the server saw them, cut."""

    def begin_round(self) -> None:
        super().begin_round()
        self.exchanges: list[tuple] = []

    def deliver(self, name: str, question: Message) -> Message | None:
        """As the base class."""
        reply = super().deliver(name, question)
        masked = isinstance(reply, MaskedVector)
        measured = (len(reply.vector), chi_square(reply.vector)) if masked else ()
        self.exchanges.append((name, wire(question), reply and wire(reply), measured))
        return reply

    def save(self, run: Path, round: int, total: list[int] | None) -> None:
        """Write the file of a round; `total` holds the first words of its sum, if it has one."""
        save_tensors(run / FILE.format(round), {"exchanges": self.exchanges, "sum": total})


def wire(sent: Message) -> Tensor:
    """The wire form, uint8, of a message whose long vectors are cut."""
    if isinstance(sent, MaskedVector):
        sent = replace(sent, vector=sent.vector[:WORDS])
    if isinstance(sent, Train):
        sent = replace(sent, arrays={k: v.flatten()[:WORDS] for k, v in sent.arrays.items()})
    return to_tensor(encode(sent))


def chi_square(vector: Tensor) -> float:
    """How far the bytes of a vector, (D,) int32 or int64, are from uniform: by chance about 255."""
    counts = torch.bincount(vector.view(torch.uint8), minlength=256).double()
    # sum_b (n_b - n / 256)^2 / (n / 256)
    return float(((counts - counts.mean()) ** 2).sum() / counts.mean())


def show(run: str, round: int) -> str:
    """What each party saw in a round of a run, in words; UserError where no transcript is kept."""
    path = Path(run) / FILE.format(round)
    if not path.exists():
        raise UserError(f"{path} is not there: a run keeps one a round if it has --transcript")
    kept = load_tensors(path)
    views: dict[str, list[str]] = {"the server": []}
    for client, question, reply, measured in kept["exchanges"]:
        views.setdefault(f"{client}, as long as it was there,", []).append(describe(question))
        if reply is not None:
            views["the server"].append(f"{client}: {describe(reply, measured)}")
    total = (kept["sum"] or ["none; the round was aborted"])[:4]
    views["the server"].append(f"the sum, in integers of the ring: {', '.join(map(str, total))}")
    return "\n\n".join("\n- ".join((f"What {who} saw", *seen)) for who, seen in views.items())


def describe(content: Tensor, measured: tuple = ()) -> str:
    """A message in words, with the first bytes or words of what it carries."""
    message = decode(to_bytes(content))
    parts = [type(message).__doc__.partition(": ")[2], *getattr(message, "survivors", ())]
    parts += [MEASURED.format(*measured)] if measured else []
    for (field, key), each in tensors(message):
        first = ", ".join(map(str, each[:4].tolist()))
        if each.dtype == torch.uint8:
            first = f"{len(each)} bytes, {to_bytes(each[:8]).hex()}"
        parts.append(f"{key or field}: {first} ...")
    return "\n    ".join(parts)
