"""The ledger of a private run, privacy.jsonl: a round is paid for before it is released.

A line holds the round, a fingerprint of the key, what the round cost each party (rate, noise
multiplier, steps) and the epsilon after it. It is on the disk before the round begins. A run that
was killed plays the last rounds again, with the draws of its secret key and so with the same bits:
a round that is in the ledger already is not charged again. A ledger that is missing, cut, or
shorter than the checkpoint is refused, since what it says would be too little.
"""

import hashlib
import json
import secrets
from pathlib import Path

from fedmini.errors import UserError
from fedmini.files import atomic_path, disk_errors, write_bytes
from fedmini.privacy.plan import Plan

KEY_BYTES = 32


class Ledger:
    """The account of one run, in its folder; UserError if what stands there is no ledger."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.path, self.plan = folder / "privacy.jsonl", plan
        self.lines, self.key = read(self.path), fingerprint(folder / "run.key")
        for number, line in enumerate(self.lines, start=1):
            if line.get("key") != self.key:
                raise UserError(f"{self.path}, line {number}: it belongs to another run.key")
            if number > len(plan.asked) or line["charges"] != plan.line(number):
                raise UserError(f"{self.path}, line {number}: this run would not be charged that")
        if self.lines and self.lines[-1].get("epsilon") != self.spent(self.lines):
            raise UserError(f"{self.path}: its last epsilon is not what its charges come to")

    def check(self, round: int) -> None:
        """UserError if rounds up to that of the checkpoint are not all charged."""
        if len(self.lines) < round:
            found = f"ends with round {len(self.lines)}, the checkpoint is of round {round}"
            raise UserError(f"{self.path} {found}: charges were lost, and the run cannot go on")

    def pay(self, round: int) -> bool:
        """Charge a round, on the disk when this returns; False if the budget does not allow it."""
        if round <= len(self.lines):
            return True
        line = self.line(round)
        if line["epsilon"] > self.plan.budget:
            return False
        lines = [*self.lines, line]
        write_bytes(self.path, "".join(json.dumps(each) + "\n" for each in lines).encode())
        self.lines = lines
        return True

    def allows(self, round: int) -> bool:
        """Whether `pay` would let this round, the next one or an earlier one, happen."""
        return round <= len(self.lines) or self.line(round)["epsilon"] <= self.plan.budget

    def line(self, round: int) -> dict[str, object]:
        """The line of the next round."""
        line = {"round": round, "key": self.key, "charges": self.plan.line(round)}
        return line | {"epsilon": self.spent([*self.lines, line])}

    def spent(self, lines: list[dict]) -> float:
        """Epsilon after these lines, of the party that has spent most."""
        return max(self.plan.spent(line["charges"] for line in lines).values())

    def account(self, round: int) -> dict[str, object]:
        """For the summary of a run that ended after this round: epsilon, and what it means."""
        spent = self.plan.spent(line["charges"] for line in self.lines)
        words, rounds = self.plan.words(spent), len(self.plan.asked)
        if round < rounds:
            words += f" Training stopped after round {round} of {rounds}: the next one would have "
            words += f"passed the budget of {self.plan.budget:g}."
        return {
            "privacy": words,
            "epsilon": max(spent.values()),
            "delta": self.plan.delta,
            "unit": self.plan.unit,
            "spent": spent,
            "noise": {name: each.noise_multiplier for name, each in self.plan.charges.items()},
        }


def read(path: Path) -> list[dict]:
    """The lines of a ledger, from round 1 on; none if there is no file. UserError if damaged."""
    content = path.read_bytes() if path.exists() else b""
    lines = []
    for number, text in enumerate(content.splitlines(keepends=True), start=1):
        try:
            line = json.loads(text)
            whole = text.endswith(b"\n") and line["round"] == number
            line["charges"].items()  # none where a Poisson cohort was empty
        except (ValueError, TypeError, KeyError, AttributeError):
            whole = False
        if not whole:
            raise UserError(f"{path}, line {number}: this is not the charge of round {number}")
        lines.append(line)
    return lines


def fingerprint(path: Path) -> str | None:
    """What tells one key from another and nothing else; None where there is none."""
    if not path.exists():
        return None
    return hashlib.sha256(b"fedmini ledger" + path.read_bytes()).hexdigest()[:16]


def run_key(folder: Path) -> bytes:
    """The secret 256 bits of a run: those in its folder, or new ones, readable by their owner only.

    UserError if they are damaged, or gone from a run that has begun.
    """
    path = folder / "run.key"
    if path.exists():
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise UserError(f"{path} holds {len(key)} bytes, not {KEY_BYTES}: it is no key")
        return key
    for begun in ("privacy.jsonl", "checkpoint.pt", "metrics.jsonl"):
        if (folder / begun).exists():
            raise UserError(f"{path} is gone: with other noise, rounds would be released twice")
    key = secrets.token_bytes(KEY_BYTES)
    with disk_errors(path), atomic_path(path) as partial:
        partial.touch(mode=0o600)
        partial.write_bytes(key)
    return key
