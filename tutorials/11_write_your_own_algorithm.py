# %% [markdown]
# # 11 · Write your own algorithm
#
# Chapter 02 left us with models that walk away from the optimum. **How little code does a cure
# take, and how would anybody know that it is right?** SCAFFOLD (Karimireddy et al. 2020) came with
# the word "client drift" and with a remedy. We write it as a student would: in a file of our own,
# and in fedmini not a line is touched.

# %%
from __future__ import annotations

import inspect
import os
import shlex
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from data_prep.store import write
from fedmini.aggregation.mean import Mean
from fedmini.algorithms.fedavg import FedAvg
from fedmini.cli import main
from fedmini.client import Client, LocalTraining
from fedmini.data.dataset import Dataset, channel_statistics
from fedmini.data.examples import Examples, Hospital
from fedmini.data.normalise import Normalise
from fedmini.faults import Faults, FaultyNetwork
from fedmini.optim import SGD
from fedmini.options import options_of
from fedmini.registry import resolve
from fedmini.report.canvas import COLOURS, note, sheet
from fedmini.rng import numpy_stream, stream
from fedmini.server import Cohorts, Server
from fedmini.vector import FlatModel

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the vectors are tiny: a second thread would only wait
LR, STEPS, ROUNDS, PATIENTS = 0.2, 5, 25, 40

# %% [markdown]
# ## The idea, in three lines
#
# A hospital drifts because its gradient $g$ is its own. So let everybody remember. Hospital $k$
# keeps $c_k$, its mean gradient in the last round that it took part in; the server keeps $c$, the
# mean of all $c_k$. What is peculiar to a hospital is then $c_k - c$, and every local step leaves
# it out:
# $$g \leftarrow g + c - c_k \tag{Eq. 11.1}$$
# Nobody needs to add gradients up. The way from $w_t$ to $w_k$ is their sum, corrections included,
# times $\lambda$; so after $E$ steps it tells how $c_k$ has changed (option II of the paper):
# $$c_k^+ - c_k = \frac{w_t - w_k}{E \lambda} - c \tag{Eq. 11.2}$$
# The server hears it from the cohort $S$ alone. But $c$ is the mean over all $N$ hospitals:
# $$c \leftarrow c + \frac{1}{N} \sum_{k \in S} (c_k^+ - c_k) \tag{Eq. 11.3}$$
# `tutorials/scaffold.py` is all of it. Four hooks of FedAvg are overridden:

# %%
SCAFFOLD = "tutorials/scaffold.py:Scaffold"
Scaffold = resolve("algorithm", SCAFFOLD)  # what the command line does with --algo
print(inspect.getsource(Scaffold))

# %% [markdown]
# What to see in it:
#
# * `broadcast` adds $c$ to what goes down; `Contribution.sums` carries the change up, where sums
#   are added as they are, without weights.
# * `client.keep` is no assignment. What it gets is pending until the server's next question says
#   that the upload arrived. (The broken version is about this line.)
# * Nothing is stored in `self`: one object serves all clients, and it is not in the checkpoint.
# * Momentum and Adam bend the way, and (Eq. 11.2) would read nonsense off it. So they are refused.
#
# ## On the command line
#
# `--algo FILE.py:NAME` is all it takes. Our data are thirty made-up scans with a square to find.

# %%
def squares() -> Dataset:
    """Three scans each of ten patients at two hospitals."""
    draws, masks = numpy_stream(0, "squares"), np.zeros((30, 16, 16), np.uint8)
    for mask, (row, column) in zip(masks, draws.integers(0, 11, (30, 2)), strict=True):
        mask[row : row + 6, column : column + 6] = 1
    images = (masks[:, None] + draws.normal(0, 0.3, (30, 1, 16, 16))).astype(np.float16)
    mean, std = channel_statistics(images)
    patient = np.repeat(np.arange(10), 3)
    return Dataset(
        "squares", "segmentation", ("background", "square"), "made up", synthetic=True, version="1",
        mean=mean, std=std, regions={"square": (1,)}, images=images, targets=masks,
        patient=patient, split=np.uint8([0, 0, 0, 1, 2])[patient % 5],
        site=patient % 2, site_names=("Ash", "Beech"),
    )  # fmt: skip


def shell(command: str) -> None:
    print(f"$ python run.py {command}")
    assert main(shlex.split(command)) == 0


folder = Path(tempfile.mkdtemp())
write(folder / "squares.h5", squares())
shell(
    f"--algo {SCAFFOLD} --data {folder}/squares.h5 --out {folder}/run --optimizer sgd --lr 0.2 "
    "--width 2 --depth 1 --dropout 0.3 --rounds 10 --threads 1 --quiet"
)

# %% [markdown]
# A field of the dataclass is an option. SCAFFOLD needs none of its own; what it has from FedAvg is
# the paper's global step size. And since all that it remembers lies in the two `state`s, it is in
# the checkpoint, and a run goes on where it was:

# %%
print([(each.flag, each.help) for each in options_of(Scaffold)])
shell(f"--resume {folder}/run --rounds 20 --quiet")
kept = torch.load(folder / "run" / "checkpoint.pt", weights_only=True)
print("kept by the server:", list(kept["server"]))
print("kept by hospitals:", {name: list(each["state"]) for name, each in kept["clients"].items()})

# %% [markdown]
# ## Does it do what it claims?
#
# Dice rose, but FedAvg's would too. On bowls there is a proof. At rest $c_k$ and $c$ change no
# more, so by (Eq. 11.2) all hospitals go the same way $-E \lambda c$, and rest means $c = 0$. Then
# nobody moves at all, each $c_k$ is $\nabla F_k(w)$, and their mean is zero. That is the optimum,
# for any number of local steps. FedAvg comes to rest elsewhere (chapter 02).
#
# The optimum of *what*? In the paper, of the mean over hospitals; fedmini's FedAvg weighs them by
# their patients. Our four bowls have equal numbers, so that both seek the same place. With unequal
# ones a comparison of the two compares goals, too.

# %%
class SquaredError:
    def loss(self, predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (predictions - targets).square().mean() / 2


def hospital(number: int, name: str, scale: tuple, best: tuple) -> Hospital:
    draws = torch.randn(PATIENTS, 3, generator=stream(0, "patients", name))
    x = draws[:, :2] * torch.tensor(scale)
    y = x @ torch.tensor(best)[:, None] + 0.1 * draws[:, 2:]
    examples = Examples(x.view(-1, 1, 1, 2), y, np.arange(PATIENTS))
    return Hospital(name, number, examples, examples, examples)


HOSPITALS = [
    hospital(0, "north", scale=(1.3, 0.5), best=(2.0, 0.5)),
    hospital(1, "east", scale=(0.5, 1.3), best=(-1.0, 2.0)),
    hospital(2, "south", scale=(0.9, 0.9), best=(0.0, -2.0)),
    hospital(3, "west", scale=(1.2, 0.8), best=(1.0, 1.0)),
]
X, Y = (torch.cat([getattr(h.train, of) for h in HOSPITALS]) for of in ("images", "targets"))
OPTIMUM = torch.linalg.lstsq(X.view(-1, 2).double(), Y.double()).solution[:, 0]


def federation(algorithm: FedAvg, dropout: float, seed: int) -> Server:
    model, clients = FlatModel(nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))), {}
    for each in HOSPITALS:
        clients[each.name] = Client(
            each,
            model=model,
            task=SquaredError(),
            algorithm=algorithm,
            optimizer=SGD(),
            normalise=Normalise([0.0], [1.0]),
            training=LocalTraining(batch_size=PATIENTS, steps=STEPS, augment="none"),
        )
    return Server(
        torch.zeros(2),
        network=FaultyNetwork(clients, Faults(dropout=dropout, key=seed)),
        cohorts=Cohorts(tuple(clients), len(clients)),
        algorithm=algorithm,
        aggregator=Mean,
        learning_rate=lambda round: LR,
    )


def train(algorithm: FedAvg, dropout: float, seed: int = 0) -> list[float]:
    """The distance to the optimum after each round, from weights of zero."""
    server = federation(algorithm, dropout, seed)
    return [float(torch.dist(server.model, OPTIMUM)) for _ in server.run(ROUNDS)]

# %% [markdown]
# ## The broken version
#
# Hospitals drop out, some of them after training and before the upload. Write
# `client.state["control"] = ...` in the place of `keep`, and such a hospital believes in a $c_k$ of
# which the server never heard. From then on $c$ is not the mean of the $c_k$, in any later round.

# %%
class Hasty(Scaffold):
    """SCAFFOLD that does not wait for the acknowledgement."""

    def local_update(self, client, down):
        done = super().local_update(client, down)
        client.state |= client.pending
        return done


WAYS = {"FedAvg": FedAvg(), "SCAFFOLD": Scaffold(), "SCAFFOLD, hasty (broken)": Hasty()}
calm = {way: train(each, dropout=0.0) for way, each in WAYS.items()}
storm = {way: [train(each, 0.3, seed) for seed in range(3)] for way, each in WAYS.items()}
for way in WAYS:
    ends = [f"{run[-1]:.0e}" for run in (calm[way], *storm[way])]
    print(f"{way:25} ends {ends[0]} from the optimum; with dropout", *ends[1:])
assert max(run[-1] for run in (calm["SCAFFOLD"], *storm["SCAFFOLD"])) < 1e-5

# %%
PICTURE = FIGURES / "11_write_your_own_algorithm.png"
TITLE = "SCAFFOLD removes the drift; haste brings it back"
with sheet(PICTURE, TITLE, height=3.4, synthetic=True) as figure:
    left, right = figure.subplots(1, 2, sharey=True)
    for way, colour, style in zip(WAYS, COLOURS, ("-", "-", "--"), strict=False):
        left.plot(range(1, ROUNDS + 1), calm[way], style, color=colour, label=way)
        for run in storm[way]:
            right.plot(range(1, ROUNDS + 1), run, style, color=colour, lw=1)
    left.set(yscale="log", title="Nobody drops out", xlabel="round", ylabel="distance to optimum")
    right.set(title="30% drop out", xlabel="round")
    note(right, "three draws of who does")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
print("figure:", PICTURE)

# %% [markdown]
# FedAvg stands still away from the optimum; with dropout it does not even stand. SCAFFOLD arrives,
# as near as float32 can tell, whoever is missing. The hasty one works as long as nobody is lost, so
# a test without dropout passes it. Then it comes to rest where luck will have it, as smoothly as
# the right one.
#
# The price of SCAFFOLD: twice the bytes, a memory at every hospital, and $c_k$ that grow old where
# hospitals answer seldom. And these were bowls with exact gradients. They show that the code is
# right, not that SCAFFOLD suits your hospitals: `--algo fedavg,FILE.py:NAME --seed 0,1,2` is how to
# find out.
#
# ## Laws for a class of your own
#
# What the figure shows is a law too, and so are Algorithm 1 as a bare loop and the resumed run:
#
#     pytest tests/contracts --impl scaffold=tutorials/scaffold.py:Scaffold -v
#
# ## Exercise
#
# Write FedAvg with momentum on the server (Hsu, Qi and Brown 2019) in `exercises/11_momentum.py`, a
# difference of one hook. The laws know what a resumed run makes of a memory in the wrong place:
#
#     pytest tests/contracts --impl fedavgm=tutorials/exercises/11_momentum.py:Momentum
