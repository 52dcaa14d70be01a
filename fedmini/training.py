"""One run from its first round, or from its last checkpoint, to its summary.

Order of writing in a round: ledger, server step, checkpoint, metrics line. The checkpoint carries
its own round's line, so that a run killed between the two loses neither.
"""

import dataclasses
import math
import sys
from time import perf_counter

import torch
from tqdm import tqdm

from fedmini.errors import RunFailed
from fedmini.evaluation import scores
from fedmini.federation import Federation, Snapshot
from fedmini.outcome import Outcome
from fedmini.folder import RunFolder
from fedmini.server import Round


class Training:
    """Plays the rounds of a federation and keeps its folder true to them."""

    def __init__(self, federation: Federation, folder: RunFolder) -> None:
        self.federation, self.folder = federation, folder
        self.best: dict = {}
        self.seconds = 0.0  # of all rounds so far, evaluation included
        self.ledger = None
        if federation.plan is not None:
            from fedmini.privacy.ledger import Ledger

            self.ledger = Ledger(folder.path, federation.plan)

    def restore(self) -> dict | None:
        """Stand where the last checkpoint stood, and return it; None before the first."""
        checkpoint = self.folder.load_checkpoint()
        if checkpoint is not None:
            self.federation.restore(checkpoint)
            self.best, self.seconds = checkpoint["best"], checkpoint["seconds"]
            if self.ledger is not None:
                self.ledger.check(checkpoint["round"])
        return checkpoint

    def resume(self) -> None:
        """Go back to the last checkpoint, or to the beginning, and forget what came after."""
        for leftover in self.folder.path.glob(".*.partial"):
            leftover.unlink()  # a file that a killed process was about to write
        checkpoint = self.restore()
        self.folder.cut_back(self.federation.server.round)
        rounds = [line["round"] for line in self.folder.records()]
        if checkpoint is not None and checkpoint["round"] not in rounds:
            self.folder.append(checkpoint["line"])

    def run(self, quiet: bool = False) -> dict:
        """Train, test, and write model, figures and summary; returns the summary."""
        federation, config = self.federation, self.federation.config
        pay = {} if self.ledger is None else {"pay": self.ledger.pay}
        rounds, done = federation.server.run(config.rounds, **pay), federation.server.round
        with tqdm(  # quiet, or away from a terminal, there is no bar
            rounds, config.algo, config.rounds, initial=done, unit="round", disable=quiet or None
        ) as bar:
            started = perf_counter()
            for record in bar:
                self.refuse_divergence()
                record = dataclasses.replace(record, simulated_hours=federation.hours(record))
                failures, record = record.failures, self.public(record)
                if not quiet:
                    for name, reason in failures.items():
                        who = name if name in record.failures else "a hospital"
                        bar.write(f"round {record.number}: {who} failed: {reason}", sys.stderr)
                score = self.validate(record)
                self.seconds += perf_counter() - started
                started = perf_counter()
                self.write(record, score)
                bar.set_postfix_str(describe(record, score, federation.task.primary))
        return self.finish()

    def public(self, record: Round) -> Round:
        """What the log may say of a round."""
        if self.ledger is None:
            return record
        from fedmini.private import withheld

        return withheld(self.federation, record)

    def due(self, number: int, every: int) -> bool:
        """Whether it is the turn of what happens in every so many rounds, and in the last one."""
        if number % every == 0 or number == self.federation.config.rounds:
            return True
        return self.ledger is not None and not self.ledger.allows(number + 1)

    def refuse_divergence(self) -> None:
        """RunFailed for a model that is not finite: the checkpoint before it stays the last one."""
        server = self.federation.server
        low, high = torch.aminmax(server.model)
        if not math.isfinite(low + high):
            cause = "the model is no longer finite: training diverged"
            raise RunFailed(f"round {server.round}: {cause}; try a lower --lr or --server-lr")

    def validate(self, record: Round) -> dict[str, float]:
        """The validation metrics of a round, where one is due; remembers the best for best-val."""
        config, federation = self.federation.config, self.federation
        if not self.due(record.number, config.eval_every):
            return {}
        snapshot = federation.snapshot()
        found = scores(federation.task, federation.evaluate(snapshot, "validation"))
        score = found.get(federation.task.primary, -1.0)
        if config.select == "best-val" and score < 0:
            line = f"{federation.task.primary} is not defined for the validation patients"
            raise RunFailed(f"--select best-val: {line}; use --select last")
        if config.select == "best-val" and score > self.best.get("score", -1.0):
            self.best = {
                "round": record.number,
                "score": score,
                "model": snapshot.model.cpu(),
                "private": {name: kept.cpu() for name, kept in snapshot.private.items()},
            }
        return found

    def write(self, record: Round, score: dict[str, float]) -> None:
        """Transcript where one is kept, checkpoint, then the line of metrics.jsonl."""
        epsilon = None if self.ledger is None else self.ledger.lines[record.number - 1]["epsilon"]
        line = {"round": record.number, **dataclasses.asdict(record), **score, "epsilon": epsilon}
        del line["number"]
        server = self.federation.server
        if self.federation.config.transcript and not server.algorithm.alone:
            server.network.save(self.folder.path, record.number, server.learnt)
        if self.due(record.number, self.federation.config.checkpoint_every):
            kept = {"line": line, "best": self.best, "seconds": self.seconds}
            self.folder.save_checkpoint(self.federation.state() | kept)
        self.folder.append(line)

    def selected(self) -> tuple[Snapshot, int]:
        """The model that is tested, and its round: the last, or the best on validation data."""
        if not self.best:
            return self.federation.snapshot(), self.federation.server.round
        return Snapshot(self.best["model"], self.best["private"]), self.best["round"]

    def finish(self) -> dict:
        """Test the selected model, write and draw what remains; the summary comes last of all.

        A folder with summary.json is a finished run; one without it can be resumed.
        """
        from fedmini.drawing import draw_run  # matplotlib takes its time: not before now

        snapshot, number = self.selected()
        account = {} if self.ledger is None else self.ledger.account(self.federation.server.round)
        outcome = Outcome(self.federation, snapshot, number, self.folder, account)
        summary = outcome.write(self.seconds)
        summary["figures"] = draw_run(outcome, summary)
        self.folder.save_summary(summary)
        return summary


def describe(record: Round, score: dict[str, float], metric: str) -> str:
    """The postfix of the progress bar."""
    parts = [f"loss {record.train_loss:.3f}"] if record.train_loss is not None else []
    parts += [f"{metric} {score[metric]:.3f}"] if metric in score else []
    parts += [f"{(record.bytes_up + record.bytes_down) / 1e6:.1f} MB"]
    return ", ".join(parts if record.seconds is None else [*parts, f"{record.seconds:.1f} s"])
