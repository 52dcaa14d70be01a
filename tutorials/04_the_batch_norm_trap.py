# %% [markdown]
# # 04 · The batch-norm trap
#
# Batch norm holds statistics of patients. Among unlike hospitals its training curve can be the best
# of all, and the model of no use to anyone. **Whose statistics are in the model?**

# %%
from __future__ import annotations

import inspect
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fedmini.config import Config
from fedmini.data.dataset import Dataset
from fedmini.evaluation import evaluate, scores
from fedmini.federation import Federation
from fedmini.models.norm import norm_layer
from fedmini.report.canvas import COLOURS, note, sheet
from fedmini.rng import numpy_stream
from fedmini.server import Server
from fedmini.architecture import shared_coordinates
from fedmini.simulation import build, settle_defaults

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the images are tiny: a second thread would only wait
ROUNDS = 16

# %% [markdown]
# ## Four hospitals, four scanners
#
# A bright disc in noise, to be found pixel by pixel. Discs are alike everywhere; each scanner has
# its own gain and offset. One mean and one standard deviation normalise all: differences stay.

# %%
SCANNERS = {"Agate": (1.0, 0.0), "Basalt": (3.0, 2.0), "Coral": (0.4, -2.0), "Flint": (1.5, 6.0)}


def discs(patients: int = 24) -> Dataset:
    """Images (N, 1, 16, 16) with a mask each; a third of each hospital's patients is for test."""
    count, draws = patients * len(SCANNERS), numpy_stream(0, "discs")
    y, x = np.mgrid[:16, :16]
    across, down = draws.uniform(4, 12, (2, count, 1, 1))
    disc = (x - across) ** 2 + (y - down) ** 2 < draws.uniform(2, 4, (count, 1, 1)) ** 2
    tissue = 1.5 * disc + draws.normal(0, 0.5, disc.shape)
    site, split = np.arange(count) // patients, np.uint8([0, 0, 2])[np.arange(count) % 3]
    gain, offset = np.array(list(SCANNERS.values())).T[:, site, None, None]
    images = (offset + gain * tissue)[:, None].astype(np.float16)
    mean, std = (np.float32([f(images[split == 0].astype(float))]) for f in (np.mean, np.std))
    return Dataset(
        "discs", "segmentation", ("background", "disc"), "made up", synthetic=True, version="1",
        mean=mean, std=std, regions={"disc": (1,)}, images=images, targets=disc.astype(np.uint8),
        patient=np.arange(count), split=split, site=site, site_names=tuple(SCANNERS),
    )  # fmt: skip


DATA = discs()

# %% [markdown]
# ## Two ways to normalise
#
# **Batch norm** (Ioffe and Szegedy 2015) measures mean $m_B$ and variance $v_B$ of a channel over
# the batch that is trained on. For later it keeps running ones, a tenth of the new at each step:
# $$y = \gamma\, \frac{x - m_B}{\sqrt{v_B + \epsilon}} + \beta, \qquad
# m \leftarrow 0.9\, m + 0.1\, m_B, \quad v \leftarrow 0.9\, v + 0.1\, v_B \tag{Eq. 4.1}$$
# In evaluation $m$ and $v$ take their place: a patient's answer must not depend on who else is in
# the batch. So there are two functions, and only the first one is trained.
#
# **Group norm** (Wu and He 2018) measures over a group of channels of *one* image $i$:
# $$y_i = \gamma\, \frac{x_i - m_i}{\sqrt{v_i + \epsilon}} + \beta \tag{Eq. 4.2}$$
# It is the same function in training and evaluation, and keeps nothing.
#
# What becomes of $m$ and $v$ is `--batch-norm`, which has no default. `average` treats them as
# weights, and clamps, since a server that steps beyond the mean could push a variance below zero:
# $$m \leftarrow \sum_k p_k m_k, \qquad v \leftarrow \max\Big(0, \sum_k p_k v_k\Big), \qquad
# p_k = \frac{n_k}{\sum_j n_j} \tag{Eq. 4.3}$$
# `local` shares $w$, all but the norm layers (FedBN, Li et al. 2021). Hospital $k$ works with
# $$(\,w;\ \gamma_k, \beta_k, m_k, v_k\,) \tag{Eq. 4.4}$$

# %%
for part in (norm_layer, Server.step, shared_coordinates):
    print(inspect.getsource(part))


def federation(**options: str) -> Federation:
    """FedAvg of a small U-Net over the four hospitals."""
    fixed = {
        "algo": "fedavg", "model": "unet", "width": 4, "depth": 1, "rounds": ROUNDS,
        "local_steps": 5, "batch_size": 8, "lr": 0.01, "augment": "none", "device": "cpu",
    }  # fmt: skip
    return build(settle_defaults(Config.of(fixed | {"clients": 4} | options), DATA), DATA)


def dice(run: Federation, models: dict[str, Tensor]) -> dict[str, float]:
    """Mean Dice of the test patients of each hospital, served by the model it is given."""
    found = {}
    for each in run.hospitals:
        tested = evaluate(run.model, models[each.name], each.test, run.task, run.normalise)
        found[each.name] = round(scores(run.task, {"": tested})["dice"], 2)
    return found


@torch.no_grad()
def loss_in_evaluation(run: Federation) -> float:
    """The loss over all training images, as the models answer when they are used."""
    snapshot, losses = run.snapshot(), []
    for each in run.hospitals:
        run.model.load(run.personal(snapshot, each.name))
        logits = run.model.module.eval()(run.normalise(each.train.images))
        losses.append(float(run.task.loss(logits, each.train.targets)))
    return sum(losses) / len(losses)  # the hospitals are of one size

# %% [markdown]
# ## The trap

# %%
WAYS = {
    "batch norm, averaged": {"partition": "site", "norm": "batch", "batch_norm": "average"},
    "batch norm, local": {"partition": "site", "norm": "batch", "batch_norm": "local"},
    "group norm": {"partition": "site", "norm": "group"},
}
curves, results, runs = {}, {}, {}
for way, options in WAYS.items():
    runs[way] = run = federation(**options)
    losses = [(r.train_loss, loss_in_evaluation(run)) for r in run.server.run(ROUNDS)]
    curves[way] = list(zip(*losses, strict=True))
    snapshot = run.snapshot()
    results[way] = dice(run, {name: run.personal(snapshot, name) for name in SCANNERS})
    print(f"{way:20}: loss {losses[-1][0]:.2f}, in use {losses[-1][1]:.2f}; Dice", results[way])
mixed = federation(**WAYS["batch norm, averaged"] | {"partition": "iid"})
*_, last = mixed.server.run(ROUNDS)
print(f"patients mixed: loss {last.train_loss:.2f}, in use {loss_in_evaluation(mixed):.2f}")

# %% [markdown]
# Averaged batch norm reports a training loss that falls as well as any. In use, the same model on
# the same images is worse than after the first round. Nothing diverged. It takes unlike hospitals:
# with the same patients mixed evenly, the loss in use falls too. Are the *weights* bad? We keep
# them, and exchange the statistics alone.

# %%
@torch.no_grad()
def with_statistics_of(run: Federation, images: Tensor) -> Tensor:
    """The global model, its m and v replaced by those of these images."""
    run.model.load(run.server.model)
    for each in run.model.module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.momentum = 1.0  # these images alone; the model is not trained again
    run.model.module.train()(run.normalise(images))
    return run.model.state.clone()


run = runs["batch norm, averaged"]
trained, untrained = run.server.model, federation(**WAYS["batch norm, averaged"]).server.model
own = {each.name: with_statistics_of(run, each.train.images) for each in run.hospitals}
union = with_statistics_of(run, torch.cat([each.train.images for each in run.hospitals]))
never = torch.cat([trained[: len(run.model.vector)], untrained[len(run.model.vector) :]])
STATISTICS = {
    "its own": own,
    "of the union": dict.fromkeys(SCANNERS, union),
    "of Flint (broken)": dict.fromkeys(SCANNERS, own["Flint"]),
    "never sent (broken)": dict.fromkeys(SCANNERS, never),
}
for name, models in STATISTICS.items():
    results[name] = dice(run, models)
    print(f"same weights, statistics {name:19}: Dice", results[name])

# %% [markdown]
# The weights were good all along, for inputs from which *each* hospital's own mean and scale are
# gone. In evaluation nothing takes these away, not even the statistics of the union.
#
# ## What averaging forgets
#
# (Eq. 4.3) has an error of its own. By the law of total variance, that of a union is the mean of
# the variances *and* the spread of the means:
# $$v_{\cup} = \sum_k p_k v_k + \sum_k p_k (m_k - m)^2$$
# No line of fedmini computes the second sum. At the first norm layer it is most of the variance:

# %%
place = run.model.names.index("down.0.1.running_mean")
first = {name: state.split(run.model.sizes)[place : place + 2] for name, state in own.items()}
m, v = map(torch.stack, zip(*first.values(), strict=True))
within, between = v.mean(0), (m - m.mean(0)).square().mean(0)  # the hospitals are of one size
average, whole = (each.split(run.model.sizes)[place + 1] for each in (trained, union))
terms = {"averaged": average, "mean of v_k": within, "spread": between, "of the union": whole}
for words, each in terms.items():
    print(f"variance, {words:12}", [f"{value:.2f}" for value in each])
assert torch.allclose(within + between, whole, rtol=1e-2)

# %% [markdown]
# The right variance is no cure by itself: the row "of the union" had it. A cure is that training
# and use compute one function, with group norm anywhere, with local batch norm at each hospital.
# Both cost: group norm learned more slowly here, FedBN has no layers for a new hospital, and while
# weights move fast its running statistics lag behind (the hump). The trap is as deep as hospitals
# are unlike; these scanners were made to show it.
#
# ## The broken versions
#
# Two stand in the table. Code that averages `model.parameters()` never sends a buffer; code that
# ends with the last `state_dict` has the statistics of one hospital. A third averages all entries
# of a `state_dict`, also the integer in which batch norm counts batches: 2.5 become 2, or change
# their dtype. (No integer is in fedmini's vector.) A fourth hides all others: no `eval()`.

# %%
@torch.no_grad()
def dice_without_eval(images: Tensor, targets: Tensor) -> float:
    """Of the averaged model, tested in training mode on one batch."""
    run.model.load(trained)
    evidence = run.task.evidence(run.model.module.train()(run.normalise(images)), targets).numpy()
    return round(float(run.task.metrics(evidence, np.arange(len(evidence)))["dice"][0]), 2)


tests = [(h.test.images, h.test.targets) for h in run.hospitals]
print("without eval(), a hospital a batch:", [dice_without_eval(*each) for each in tests], end=" ")
print("all in one:", dice_without_eval(*map(torch.cat, zip(*tests, strict=True))))

# %%
PICTURE = FIGURES / "04_the_batch_norm_trap.png"
with sheet(PICTURE, "Good weights, other statistics", height=3.6, synthetic=True) as figure:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    for (way, (training, use)), colour in zip(curves.items(), COLOURS, strict=False):
        left.plot(range(1, ROUNDS + 1), training, ":", color=colour)
        left.plot(range(1, ROUNDS + 1), use, color=colour, label=way)
    left.set(yscale="log", xlabel="round", title="Loss")
    left.set_yticks([0.1, 1], ["0.1", "1"])
    note(left, "dotted: in training")
    for row, (values, colour) in enumerate(zip(results.values(), COLOURS, strict=False)):
        for value, marker in zip(values.values(), "os^D", strict=True):
            right.plot(value, row, marker, color=colour if row < 3 else "#333333", alpha=0.7)
    right.set_yticks(range(len(results)), results)
    right.invert_yaxis()
    right.set(xlim=(-0.03, 1.03), xlabel="Dice", title="A mark a hospital")
    note(right, "grey: first row, other statistics")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
print("figure:", PICTURE)

# %% [markdown]
# Without `eval()` each hospital, tested on its own batches, finds the useless model perfect. In a
# mixed batch it is useless again: a patient's answer depends on who else is there.
#
# ## Exercise
#
# Put the missing term into averaging. `exercises/04_spread.py` is FedAvg with a variance that is
# not yet that of the union. It helps Basalt here, and no other hospital.
#
#     pytest tests/contracts --impl spread=tutorials/exercises/04_spread.py:Spread
