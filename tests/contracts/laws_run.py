"""What the course of a run promises: every round once, a blind selection, fair tables."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import strategies as st

from fedmini.algorithms.fedavg import FedAvg
from fedmini.algorithms.local import Local
from fedmini.config import Config
from fedmini.faults import Faults
from fedmini.federation import Federation, Snapshot
from fedmini.optim import Adam
from fedmini.folder import RunFolder
from fedmini.rng import numpy_stream
from fedmini.server import Round
from fedmini.statistics import Evaluation
from fedmini.tasks.segmentation import Segmentation
from tests.contracts.framework import law, real
from tests.core.federations import federation

real("training", "fedmini.training:Training")
real("outcome", "fedmini.outcome:Outcome")
real("compare", "fedmini.comparison:compare")

ROUNDS = 3
SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=4, max_size=4)


def tiny(algo: str = "local", **options: object) -> Federation:
    """Three hospitals and a linear model; hospitals drop out now and then."""
    algorithm = {"fedavg": FedAvg, "local": Local}[algo]()
    made = federation(algorithm=algorithm, optimizer=Adam(), faults=Faults(dropout=0.3))
    made.config = Config.of({"algo": algo, "rounds": ROUNDS, "device": "cpu", **options})
    made.dataset = SimpleNamespace(name="tiny", synthetic=True, classes=("all",))
    return made


def stopped(impl: type) -> type:
    """The same training, without test, model file and figures at its end."""
    return type("Stopped", (impl,), {"finish": lambda self: {}})


def lines(folder: RunFolder) -> list[dict]:
    """metrics.jsonl as it stands on the disk, apart from the times."""
    found = map(json.loads, folder.metrics.read_text().splitlines())
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


def weights(made: Federation) -> str:
    return made.weights_sha256(made.snapshot())


class Killed(BaseException):
    pass


class KilledFolder(RunFolder):
    """A folder whose process dies in a round: before or after its line, the checkpoint there."""

    round, after = 0, False

    def append(self, record: dict) -> None:
        if record["round"] == self.round and not self.after:
            raise Killed
        super().append(record)
        if record["round"] == self.round:
            raise Killed


@cache
def straight(algo: str) -> tuple[list[dict], str]:
    """Lines and weights of a run that nobody interrupts, by the training that ships."""
    from fedmini.training import Training

    with tempfile.TemporaryDirectory() as place:
        training = stopped(Training)(tiny(algo), RunFolder.create(Path(place) / "run", {}))
        training.run(quiet=True)
        return lines(training.folder), weights(training.federation)


@law(
    "training",
    algo=st.sampled_from(["fedavg", "local"]),
    round=st.integers(1, ROUNDS),
    after=st.booleans(),
    every=st.integers(1, 2),
)
def law_a_run_that_was_killed_goes_on_as_if_not(impl, algo, round, after, every):
    expected_lines, expected_weights = straight(algo)
    with tempfile.TemporaryDirectory() as place:
        folder = KilledFolder.create(Path(place) / "run", {})
        folder.round, folder.after = round, after
        try:
            stopped(impl)(tiny(algo, checkpoint_every=every), folder).run(quiet=True)
        except Killed:
            pass
        training = stopped(impl)(tiny(algo, checkpoint_every=every), RunFolder.open(folder.path))
        training.resume()
        training.run(quiet=True)
        assert lines(folder) == expected_lines
        assert weights(training.federation) == expected_weights


class Scripted:
    """A federation whose scores on validation and test patients are prepared."""

    def __init__(self, validation: list[float], test: list[float]) -> None:
        self.scores = {"validation": validation, "test": test}
        self.config = Config.of({"select": "best-val", "rounds": len(test)})
        self.task = Segmentation(("background", "tumour"), {"whole": (1,)})
        self.server = SimpleNamespace(round=0, model=torch.zeros(3))
        self.plan = None

    def snapshot(self) -> Snapshot:
        return Snapshot(self.server.model.clone(), {})

    def evaluate(self, snapshot: Snapshot, split: str) -> dict[str, Evaluation]:
        whole = round(100 * self.scores[split][self.server.round - 1])
        # Dice = 2 whole / (100 + 100)
        return {"site-A": Evaluation(np.array([[[whole, 100, 100]]]), np.array([7]))}


@law("training", validation=SCORES, test=SCORES)
def law_the_first_best_round_on_validation_is_tested(impl, validation, test):
    scripted = Scripted(validation, test)
    training = impl(scripted, None)
    for number in range(1, len(validation) + 1):
        scripted.server.round = number
        scripted.server.model.fill_(number)
        training.validate(Round(number, [], [], {}, None, False, 0, 0, 0.0))
    snapshot, chosen = training.selected()
    assert chosen == 1 + int(np.argmax(validation))
    assert bool((snapshot.model == chosen).all()), "another round's weights"


def evidence(patients: list[int], seed: int) -> Evaluation:
    """Two images a patient, with random overlaps in one region."""
    rows = np.repeat(patients, 2)
    sizes = numpy_stream(seed, "evidence").integers(1, 50, (len(rows), 1, 3))
    sizes[..., 0] = sizes.min(axis=-1)
    return Evaluation(sizes, rows)


def dice(each: Evaluation) -> np.ndarray:
    """One patient after the other, in plain Python."""
    scores = []
    for patient in sorted(set(each.patients.tolist())):
        both, predicted, true = each.evidence[each.patients == patient, 0].sum(axis=0)
        scores.append(2 * both / (predicted + true))
    return np.array(scores)


@law("outcome", counts=st.lists(st.integers(0, 4), min_size=3, max_size=3), seed=st.integers(0, 99))
def law_the_summary_counts_patients_and_names_the_worst(impl, counts, seed):
    counts = [max(counts[0], 1), *counts[1:]]
    made, first, found = tiny(), 0, {}
    made.task = Segmentation(("background", "tumour"), {"whole": (1,)})
    for place, (hospital, count) in enumerate(zip(made.hospitals, counts, strict=True)):
        found[hospital.name] = evidence(list(range(first, first + count)), seed + place)
        first += count
    made.evaluate = lambda snapshot, split: found
    outcome = impl(made, made.snapshot(), 1, SimpleNamespace(records=list))
    summary = outcome.summary(seconds=1.0)
    scores = {name: dice(each) for name, each in found.items() if len(each.patients)}
    assert summary["hospitals"].keys() == scores.keys()
    for name, each in scores.items():
        assert np.isclose(summary["hospitals"][name]["dice"]["value"], each.mean())
        assert summary["hospitals"][name]["patients"] == len(each)
    assert summary["worst"] == min(scores, key=lambda name: scores[name].mean())
    together = np.concatenate(list(scores.values()))
    assert np.isclose(summary["test"]["dice"]["value"], together.mean())


def finished(each: Evaluation) -> SimpleNamespace:
    """A folder of a run that ended with this evidence."""
    totals = {"bytes_up": 1, "bytes_down": 1, "seconds": 1.0, "simulated_hours": None}
    summary = {"dataset": "tiny", "synthetic": True, "totals": totals, "epsilon": None}
    kept = {"evidence": each.evidence, "patients": each.patients}
    return SimpleNamespace(load_evaluation=lambda name: kept, summary=lambda: summary)


@law("compare", seed=st.integers(0, 99), repeats=st.integers(1, 2))
def law_differences_are_paired_and_point_from_the_earlier(impl, seed, repeats):
    task = Segmentation(("background", "tumour"), {"whole": (1,)})
    patients = list(range(6))
    first = [evidence(patients, seed + 7 * turn) for turn in range(repeats)]
    second = [evidence(patients, seed + 7 * turn + 1) for turn in range(repeats)]
    runs = {"first": first, "same": first, "second": second}
    content = impl(task, {name: [finished(e) for e in each] for name, each in runs.items()})
    rows = {row["algorithm"]: row["differences"] for row in content["rows"]}
    assert [row["algorithm"] for row in content["rows"]] == list(runs)
    same = rows["same"]["first"]["dice"]
    assert same == {"value": 0, "low": 0, "high": 0}, "equal runs differ by nothing, surely"
    gaps = np.mean([dice(b) - dice(a) for a, b in zip(first, second)], axis=0)
    found = rows["second"]["first"]["dice"]
    assert np.isclose(found["value"], gaps.mean())
    assert gaps.min() - 1e-9 <= found["low"] <= found["high"] <= gaps.max() + 1e-9
    assert rows["first"] == {}
