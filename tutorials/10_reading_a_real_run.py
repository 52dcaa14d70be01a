# %% [markdown]
# # 10 · Reading a real run
#
# You have typed `python run.py --dataset nih --algo fedavg,centralized`, waited, and there is a
# folder. **What do the files of a run say, and what do they not say?** Here is a run of a few
# seconds: the numbers of its report taken apart, beside ways in which they are often got wrong.

# %%
from __future__ import annotations

import inspect
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch

from data_prep.store import write
from fedmini import cli, statistics
from fedmini.config import Config
from fedmini.data.dataset import Dataset
from fedmini.data.examples import Examples
from fedmini.evaluation import estimates, evaluate, pool
from fedmini.metrics import macro_auc, roc_auc
from fedmini.report.canvas import COLOURS, note, sheet
from fedmini.rng import numpy_stream
from fedmini.simulation import build, settle_defaults
from fedmini.statistics import Evaluation, paired

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
FINDINGS, FREQUENT = ("Effusion", "Mass", "Hernia"), ("auc_Effusion", "auc_Mass")

# %% [markdown]
# ## The patients
#
# Three images a patient, alike as images of one body are; two findings that are frequent and one
# that is rare; four hospitals to which the same kind of patients come.

# %%
def chests(patients: int, key: int) -> Dataset:
    """Images (N, 1, 16, 16) with three labels each, of four hospitals; three images a patient."""
    draws, patient = numpy_stream(key, "chests"), np.repeat(np.arange(patients), 3)
    labels = (draws.random((patients, 3)) < (0.4, 0.25, 0.02))[patient].astype(np.uint8)
    y, x = np.mgrid[:16, :16]
    looks = [y > 11, (x - 5) ** 2 + (y - 5) ** 2 < 8, (x - 11) ** 2 + (y - 6) ** 2 < 6]
    strength = draws.uniform(0, 2, (patients, 3))[patient] * labels
    body = draws.normal(0, 1, (patients, 16, 16))[patient]
    noise = draws.normal(0, 0.7, body.shape)
    shades = 128 + 25 * (body + noise + np.einsum("nf,fyx->nyx", strength, np.stack(looks)))
    images = shades.clip(0, 255).astype(np.uint8)[:, None]
    split = np.uint8([0, 0, 0, 1, 2, 2])[patient % 6]
    mean, std = (np.float32([f(images[split == 0])]) for f in (np.mean, np.std))
    return Dataset(
        "chests", "multilabel", FINDINGS, "made up", synthetic=True, version="1", regions={},
        mean=mean, std=std, images=images, targets=labels, patient=patient, split=split,
        site=patient // 6 % 4, site_names=("Agate", "Basalt", "Coral", "Flint"),
    )  # fmt: skip


CHESTS = chests(240, key=0)
TEMPORARY = tempfile.TemporaryDirectory()
RUN, FILE = Path(TEMPORARY.name) / "run", Path(TEMPORARY.name) / "chests.h5"
write(FILE, CHESTS)
OPTIONS = {
    "data": str(FILE), "model": "resnet18", "width": 4, "rounds": 10, "batch_size": 48,
    "lr": 0.015, "augment": "none", "device": "cpu", "threads": 1,
}  # fmt: skip
words = [str(w) for k, v in OPTIONS.items() for w in (f"--{k.replace('_', '-')}", v)]
command = [*words, "--algo", "fedavg,centralized", "--out", str(RUN), "--no-images", "--quiet"]
assert cli.main(command) == 0

# %% [markdown]
# ## The folder
#
# Each algorithm has a folder: `config.json`, what was asked; `metrics.jsonl`, a line a round, with
# validation; `summary.json`, what the *last* round's model does for test patients; `model.pt`,
# `checkpoint.pt` and pictures. Above them lies what compares them. `report.html` says it in words.

# %%
asked = json.loads((RUN / "fedavg/config.json").read_text())
print("config.json:", {key: asked[key] for key in ("partition", "clients", "rounds", "seed")})
for line in map(json.loads, (RUN / "fedavg/metrics.jsonl").read_text().splitlines()[::3]):
    print("metrics.jsonl:", {key: line[key] for key in ("round", "train_loss", "auc", "bytes_up")})
summary = json.loads((RUN / "fedavg/summary.json").read_text())
print("summary.json:", {key: summary[key] for key in ("round", "select", "synthetic", "worst")})
for name, each in summary["hospitals"].items():
    bounds = ", ".join(f"{each['auc'][key]:.2f}" for key in ("value", "low", "high"))
    print(f"  {name:6} {each['patients']} test patients, AUC, low, high: {bounds}")

# %% [markdown]
# We know here that the hospitals are equal: the same kind of patients, and one model for all. With
# twenty patients each, somebody has to be `worst`. Read it beside its interval.
#
# To look behind the numbers we play FedAvg again. The same options give the same bits.

# %%
run = build(settle_defaults(Config.of(OPTIONS | {"algo": "fedavg"}), CHESTS), CHESTS)
fresh = chests(300, key=1)
FRESH = Examples(*map(torch.from_numpy, (fresh.images, fresh.targets)), fresh.patient)
history = [
    evaluate(run.model, run.server.model, FRESH, run.task, run.normalise)
    for _ in run.server.run(run.config.rounds)
]  # what no real experiment has: after each round, 300 patients that nobody has ever seen
snapshot = run.snapshot()
test, validation = (pool(run.evaluate(snapshot, s).values()) for s in ("test", "validation"))
found = estimates(run.task, test)
assert found["auc"].value == summary["test"]["auc"]["value"]

# %% [markdown]
# ## The area under the ROC curve
#
# Take one of $P$ positive images and one of $N$ negative ones. How often does the positive have the
# higher score $s$? A tie is half a success:
# $$\text{AUC} = \frac{1}{P N} \sum_i \Big( \#\{j : s_j < s_i\} + \tfrac12 \#\{j : s_j = s_i\}
# \Big) \tag{Eq. 10.1}$$
# No threshold, no prevalence: 0.5 is a coin, whatever is rare. Two ways to lose that:

# %%
probability, truth, _ = np.moveaxis(test.evidence, 2, 0)
higher = probability[truth[:, 0] == 1, 0][:, None], probability[truth[:, 0] == 0, 0]
area, by_pairs = roc_auc(probability[:, 0], truth[:, 0]), np.greater(*higher).mean()
print(f"Effusion: AUC {area:.4f}, by pairs {by_pairs:.4f}")
constant = np.broadcast_to(truth.mean(0), truth.shape)  # the same answer for every patient
ties_won = np.greater_equal(constant[truth[:, 0] == 1, :1], constant[truth[:, 0] == 0, 0]).mean()
of_ties, macro = roc_auc(constant[:, 0], truth[:, 0]), macro_auc(constant, truth)
print(f"one answer for all: AUC {of_ties}, where ties win {ties_won} (broken)")
micro = roc_auc(constant.ravel(), truth.ravel())
print(f"one answer for all: macro {macro}, all in one pot {micro:.2f} (broken)")
for name in run.task.left_out(test.evidence, test.patients):
    have, each = test.patients[truth[:, FINDINGS.index(name)] == 1], found[f"auc_{name}"]
    print(f"{name}: {len(np.unique(have))} patients, AUC {each.value:.2f}", end=" ")
    print(f"[{each.low:.2f}, {each.high:.2f}], left out of the mean")

# %% [markdown]
# The *macro* AUC is a mean over findings. In one pot (*micro*), a model that has learnt only which
# finding is frequent looks skilled. A finding that fewer than five test patients have is not in the
# mean: its AUC is where chance put it, in an interval that is *narrow*, for want of other patients.
#
# ## The interval
#
# Other test patients would have given another AUC. The bootstrap draws them from those we have. In
# a resample, $M$ draws out of $M$, patient $m$ counts $c_m$ times, each time with all images:
# $$(c_1, \dots, c_M) \sim \text{Multinomial}\Big(M; \tfrac1M, \dots, \tfrac1M\Big) \tag{Eq. 10.2}$$
# Two algorithms $a$, $b$ are compared on the *same* resamples, so that what makes patients hard for
# both falls out of the difference:
# $$d(c) = \text{AUC}_a(c) - \text{AUC}_b(c) \tag{Eq. 10.3}$$
# The broken versions draw images instead of patients, and each algorithm's patients apart.

# %%
print(inspect.getsource(statistics.paired))
evidence = {}
for name in ("fedavg", "centralized"):
    with np.load(RUN / name / "evaluation-test.npz") as arrays:
        evidence[name] = Evaluation(arrays["evidence"], arrays["patients"])
rows = np.arange(len(test.patients))
by_image = {name: Evaluation(each.evidence, rows) for name, each in evidence.items()}
apart = [  # the spread of each algorithm by draws of its own, as if its patients were others
    run.task.metrics(each.evidence, each.patients, statistics.resamples(80, 2000, numpy_stream(k)))
    for k, each in enumerate(evidence.values())
]
PAIR, intervals = ("fedavg", "centralized"), {}
for words, given in {"": evidence, " over images (broken)": by_image}.items():
    runs = {name: [each] for name, each in given.items()}  # one seed
    compared = paired(run.task.metrics, runs, numpy_stream("tutorial"))
    intervals[f"fedavg{words}"] = compared.algorithms["fedavg"]["auc"]
    intervals[f"difference{words}"] = compared.differences[PAIR]["auc"]
low, high = statistics.interval(apart[0]["auc"] - apart[1]["auc"])
intervals["difference unpaired (broken)"] = statistics.Estimate(
    intervals["difference"].value, low, high
)
for name, each in intervals.items():
    print(f"{name:34} {each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}]")

# %% [markdown]
# An interval of a difference that holds 0 is reported as **not resolved**: neither "equal" nor
# "better". That two intervals overlap says little about their difference. And all this is about
# *patients*: how much a result owes to the seed only several seeds can tell (`--seed 0,1,2`).
#
# ## The best round
#
# Learning curves jump. Whoever reports the best round *on the test set* reports the luck of a jump.
# The 300 unseen patients make fifteen test sets, and together they know how good each round is.

# %%
def auc(each: Evaluation, chosen: np.ndarray) -> float:
    """The mean over the frequent findings, for the chosen images."""
    values = run.task.metrics(each.evidence[chosen], each.patients[chosen])
    return float(np.mean([values[name] for name in FREQUENT]))


group = fresh.patient // 20
truly = np.array([auc(each, group >= 0) for each in history])
small = np.array([[auc(each, group == k) for k in range(15)] for each in history])
best = small.argmax(axis=0)
print(f"last round: reported minus true, mean of 15 sets: {(small[-1] - truly[-1]).mean():+.3f}")
print(f"best of test (broken): {(small.max(axis=0) - truly[best]).mean():+.3f}")

# %% [markdown]
# How much luck depends on the run: four settings of batch, rate, rounds and test sets, one seed
# each, gave 0.02 to 0.06. fedmini tests the last round, or with `--select best-val` the best on
# *validation*; test patients never choose. So thresholds come from validation, too, by Youden's
# $$J = \frac{\text{TP}}{P} - \frac{\text{FP}}{N} \tag{Eq. 10.4}$$
# Last, a score is not a probability because it lies between 0 and 1. Over bins $b$ of predictions,
# the calibration error compares what was promised with what was found:
# $$\text{ECE} = \sum_b \frac{n_b}{n}\, \big| \bar p_b - \bar y_b \big| \tag{Eq. 10.5}$$
# The AUC cannot see it: it knows the order alone.

# %%
for words, chosen_on in {"validation": validation, "test (broken)": test}.items():
    decided = run.task.decide(test.evidence, run.task.thresholds(chosen_on.evidence))
    values = run.task.metrics(decided, test.patients)
    youden = float(values["sensitivity"][0] + values["specificity"][0]) - 1
    print(f"thresholds from {words:13}: J on test {youden:.3f}")
sharp = test.evidence.copy()
sharp[..., 0] = 1 / (1 + (1 / probability - 1) ** 3)  # three times as sure of everything
for words, each in {"as trained": test.evidence, "three times as sure": sharp}.items():
    values = run.task.metrics(each, test.patients)
    print(f"{words:19}: AUC {values['auc'][0]:.3f}, calibration error {values['ece'][0]:.3f}")

# %%
PICTURE = FIGURES / "10_reading_a_real_run.png"
intervals = dict(sorted(intervals.items()))
with sheet(PICTURE, "What a number of a run is worth", height=3.5, synthetic=True) as figure:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    rounds = np.arange(1, len(truly) + 1)
    left.plot(rounds, small, color=COLOURS[5], lw=0.6)
    left.plot(rounds[best], small.max(axis=0), "x", color=COLOURS[1], label="best of each")
    left.plot(rounds, truly, color=COLOURS[0], lw=2, label="300 patients")
    left.set(xlabel="round", ylabel="AUC", title="Test sets")
    note(left, "thin: fifteen of 20 patients")
    left.legend(loc="lower right")
    for place, (name, each) in enumerate(intervals.items()):
        colour = COLOURS["broken" in name]
        right.plot([each.low - each.value, each.high - each.value], [place] * 2, color=colour, lw=2)
        right.plot(0, place, "o", color=colour)
    right.set_yticks(range(5), [name.replace(" ", "\n", 1) for name in intervals])
    right.invert_yaxis()
    right.set(xlabel="less the value itself", title="95% intervals")
print("figure:", PICTURE)

# %% [markdown]
# ## Exercise
#
# Write (Eq. 10.1) in `exercises/10_roc_auc.py`. A few lines are enough; the laws know about ties,
# findings that nobody has, and scores that are no numbers:
#
#     pytest tests/contracts --impl roc_auc=tutorials/exercises/10_roc_auc.py:area
