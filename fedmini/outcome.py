"""What a run has come to at its end: test metrics and the model file."""

import platform
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

import fedmini
from fedmini.algorithms.fedavg import FedAvg
from fedmini.data.examples import Hospital
from fedmini.evaluation import estimates, pool
from fedmini.federation import Federation, Snapshot
from fedmini.folder import RunFolder
from fedmini.statistics import Estimate, Evaluation

NO_NOISE = "No differential privacy: no noise was added to anything."


@dataclass
class Outcome:
    """The tested model of a run: `snapshot`, as it stood after round `number`."""

    federation: Federation
    snapshot: Snapshot
    number: int
    folder: RunFolder
    account: dict = field(default_factory=dict)  # of a private run: what the ledger says

    @cached_property
    def thresholds(self) -> dict[str, np.ndarray]:
        """Where the scores of each hospital's model become decisions, by hospital.

        Chosen on the validation patients of all hospitals for a model that they share, for a
        model of its own on those of the hospital.
        """
        known = self.federation.evaluate(self.snapshot, "validation")
        if not self.snapshot.private:
            known = dict.fromkeys(known, pool(known.values()))
        return {name: self.federation.task.thresholds(e.evidence) for name, e in known.items()}

    @cached_property
    def tested(self) -> dict[str, Evaluation]:
        """The test evidence of each hospital that has test patients."""
        decide = self.federation.task.decide
        return {
            name: Evaluation(decide(each.evidence, self.thresholds[name]), each.patients)
            for name, each in self.federation.evaluate(self.snapshot, "test").items()
            if len(each.patients)
        }

    def write(self, seconds: float) -> dict:
        """Write the model and its test evidence into the folder; returns the summary."""
        pooled = pool(self.tested.values())
        summary = self.summary(seconds)
        self.folder.save_model(self.model_file())
        self.folder.save_evaluation("test", evidence=pooled.evidence, patients=pooled.patients)
        return summary

    def summary(self, seconds: float) -> dict:
        """summary.json: test metrics with 95% intervals, pooled and per hospital, and totals."""
        federation, task = self.federation, self.federation.task
        config, lines = federation.config, self.folder.records()
        hours = [line["simulated_hours"] for line in lines]
        hospitals = {
            name: plain(estimates(task, each)) | {"patients": len(np.unique(each.patients))}
            for name, each in self.tested.items()
        }
        everyone = pool(self.tested.values())
        return {
            "dataset": federation.dataset.name, "synthetic": federation.dataset.synthetic,
            "algorithm": config.algo, "seed": config.seeds[0], "split_seed": config.split_seeds[0],
            "primary": task.primary, "select": config.select, "round": self.number,
            "test": plain(estimates(task, everyone)),
            "hospitals": hospitals, "worst": worst(hospitals, task.primary),
            "left_out": task.left_out(everyone.evidence, everyone.patients),
            "thresholds": {
                name: dict(zip(task.findings, cuts.tolist(), strict=False))
                for name, cuts in self.thresholds.items()
            },
            "members": members(federation.hospitals, lines),
            "exchange": exchange(federation.server.algorithm, config.secagg),
            "privacy": NO_NOISE, "epsilon": None, **self.account,
            "totals": {
                "rounds": federation.server.round,
                "bytes_up": sum(line["bytes_up"] for line in lines),
                "bytes_down": sum(line["bytes_down"] for line in lines),
                "dropped": sum(len(line["dropped"]) for line in lines),
                "aborted": sum(line["aborted"] for line in lines),
                "seconds": round(seconds, 3),
                "simulated_hours": None if None in hours else sum(hours),
            },
            "versions": {
                "fedmini": fedmini.__version__, "python": platform.python_version(),
                "torch": torch.__version__, "numpy": np.__version__,
            },
            "device": config.device, "threads": config.threads,
            "parameters": federation.model.vector.numel(), "pretrained": list(federation.loaded),
            "weights_sha256": federation.weights_sha256(self.snapshot),
        }  # fmt: skip

    def model_file(self) -> dict:
        """model.pt: what `python -m fedmini.predict` needs to rebuild the model and its input."""
        federation, snapshot = self.federation, self.snapshot
        config, dataset = federation.config, federation.dataset
        content = {
            "dataset": dataset.name, "synthetic": dataset.synthetic,
            "task": dataset.task, "classes": list(dataset.classes),
            "regions": {name: list(indices) for name, indices in dataset.regions.items()},
            "mean": dataset.mean.tolist(), "std": dataset.std.tolist(), "size": config.size,
            "thresholds": {name: cuts.tolist() for name, cuts in self.thresholds.items()},
            "model": {
                "name": config.model,
                "arguments": [dataset.channels, federation.task.outputs],
                "options": config.component_values("model", config.model),
            },
        }  # fmt: skip
        if not snapshot.private:
            return content | {"state_dict": self.weights(snapshot.model)}
        hospitals = {name: federation.personal(snapshot, name) for name in snapshot.private}
        return content | {"hospitals": {name: self.weights(v) for name, v in hospitals.items()}}

    def weights(self, state: Tensor) -> dict[str, Tensor]:
        """A plain state_dict on the CPU, copies and no views."""
        model = self.federation.model
        model.load(state)
        return {name: tensor.cpu().clone() for name, tensor in model.module.state_dict().items()}


def members(hospitals: list[Hospital], lines: list[dict]) -> dict[str, dict[str, int]]:
    """What each hospital holds, how often it was asked, and how often its answer was missing."""
    asked = Counter(name for line in lines for name in line["cohort"])
    missing = Counter(name for line in lines for name in line["dropped"])
    return {
        each.name: {
            "training_patients": len(np.unique(each.train.patients)),
            "training_images": len(each.train),
            "validation_patients": len(np.unique(each.validation.patients)),
            "test_patients": len(np.unique(each.test.patients)),
            "asked": asked[each.name], "missing": missing[each.name],
        }
        for each in hospitals
    }  # fmt: skip


def exchange(algorithm: FedAvg, secagg: str | None) -> str:
    """What others see of a hospital: its "images", "nothing", "updates", or their "sums"."""
    if algorithm.pooled:
        return "images"
    return "nothing" if algorithm.alone else "sums" if secagg else "updates"


def worst(hospitals: dict[str, dict], metric: str) -> str | None:
    """The hospital with the lowest value of a metric; None where no hospital has one."""
    values = {name: each[metric]["value"] for name, each in hospitals.items()}
    known = {name: value for name, value in values.items() if value is not None}
    return min(known, key=known.get, default=None)


def plain(estimates: dict[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Estimates by metric for JSON, which knows no NaN."""
    return {
        metric: {key: None if np.isnan(value) else value for key, value in vars(each).items()}
        for metric, each in estimates.items()
    }
