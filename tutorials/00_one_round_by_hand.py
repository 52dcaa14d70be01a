# %% [markdown]
# # 00 · One round, by hand
#
# Three hospitals want one model. No patient may leave a hospital. **What exactly happens in one
# round of federated averaging, and where do many rounds lead?**
#
# The model here has two weights, so that everything it does can be drawn. We play a round in ten
# lines of plain torch, then give the same hospitals to fedmini and get the same numbers.

# %%
from __future__ import annotations

import inspect
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fedmini.aggregation.mean import Mean
from fedmini.algorithms.fedavg import Contribution, FedAvg
from fedmini.client import Client, LocalTraining
from fedmini.data.examples import Examples, Hospital
from fedmini.data.normalise import Normalise
from fedmini.errors import RunFailed
from fedmini.network import Network
from fedmini.optim import SGD
from fedmini.report.canvas import COLOURS, sheet
from fedmini.rng import stream
from fedmini.server import Cohorts, Server
from fedmini.vector import FlatModel

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the vectors are tiny: a second thread would only wait

# %% [markdown]
# ## Three hospitals, three bowls
#
# Hospital $k$ predicts a number from two measurements of a patient, and minimises its mean squared
# error $F_k(w) = \frac{1}{2 n_k} \sum_i (x_i \cdot w - y_i)^2$: a bowl over the plane of the two
# weights. The federation wants the minimum over *all* patients, wherever they are:
#
# $$F(w) = \sum_k \frac{n_k}{n} F_k(w), \qquad n = \sum_k n_k .$$
#
# We chose hospitals that disagree twice: each has its own best weights, and each measures the two
# quantities on its own scale, so that its bowl is steep in another direction.

# %%
def patients(name: str, count: int, scale: tuple, best: tuple) -> tuple:
    draws = stream(0, "patients", name)
    x = torch.randn(count, 2, generator=draws) * torch.tensor(scale)
    return x, x @ torch.tensor(best) + 0.1 * torch.randn(count, generator=draws)


DATA = {
    "north": patients("north", 120, scale=(1.2, 0.3), best=(2.0, 0.5)),
    "east": patients("east", 60, scale=(0.4, 1.2), best=(-1.0, 2.0)),
    "south": patients("south", 20, scale=(1.0, 1.0), best=(0.0, -2.0)),
}
START, LR = torch.tensor([-2.0, -1.5]), 0.1

# %% [markdown]
# ## The round
#
# 1. **Broadcast.** The server sends its weights $w_t$ to every hospital.
# 2. **Local steps.** Each hospital takes some gradient steps on its own bowl and arrives at $w_k$.
# 3. **Upload.** It sends back what changed, and how many patients stand behind it:
#    $$\Delta_k = w_k - w_t \tag{Eq. 0.1}$$
# 4. **Weighted mean.** Every patient counts the same, so a hospital counts by its patients:
#    $$\bar\Delta = \frac{\sum_k n_k \Delta_k}{\sum_k n_k} \tag{Eq. 0.2}$$
# 5. **Server step.** The mean moves the global model; $\eta = 1$ is plain averaging:
#    $$w_{t+1} = w_t + \eta\,\bar\Delta \tag{Eq. 0.3}$$

# %%
def local_steps(w: torch.Tensor, x: torch.Tensor, y: torch.Tensor, steps: int) -> torch.Tensor:
    w = w.clone()
    for _ in range(steps):
        w -= LR * x.T @ (x @ w - y) / len(x)
    return w


def one_round(w: torch.Tensor, steps: int) -> torch.Tensor:
    updates = {k: local_steps(w, x, y, steps) - w for k, (x, y) in DATA.items()}
    numbers = {k: len(x) for k, (x, _) in DATA.items()}
    return w + sum(numbers[k] * updates[k] for k in DATA) / sum(numbers.values())


by_hand = one_round(START, steps=10)
print("by hand, after one round:", by_hand.numpy())

# %% [markdown]
# ## The same round in fedmini
#
# The three equations stand in fedmini's source, each with its number in a comment:

# %%
for part in (FedAvg.local_update, Mean.result, FedAvg.server_step):
    print(inspect.getsource(part))

# %% [markdown]
# A `Client` holds a hospital's examples, a `Server` the global vector, and a `Network` carries
# messages between them. Two measurements are an "image" of two pixels, the model is one linear
# layer, and `FlatModel` lays its parameters into one vector: $w$ here is a tensor in the code.

# %%
class SquaredError:
    def loss(self, predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (predictions.squeeze(1) - targets).square().mean() / 2


def federation(steps: int, algorithm: FedAvg) -> Server:
    """A server and its hospitals; every batch is a whole hospital."""
    model = FlatModel(nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False)))
    clients = {}
    for number, (name, (x, y)) in enumerate(DATA.items()):
        examples = Examples(x.view(-1, 1, 1, 2), y, np.arange(len(x)))
        clients[name] = Client(
            Hospital(name, number, examples, examples, examples),
            model=model,
            task=SquaredError(),
            algorithm=algorithm,
            optimizer=SGD(),
            normalise=Normalise([0.0], [1.0]),
            training=LocalTraining(batch_size=len(x), steps=steps, augment="none"),
        )
    return Server(
        START,
        network=Network(clients),
        cohorts=Cohorts(tuple(clients), len(clients)),
        algorithm=algorithm,
        aggregator=Mean,
        learning_rate=lambda round: LR,
    )


server = federation(steps=10, algorithm=FedAvg())
record = next(server.run(1))
print("fedmini, after one round:", server.model.numpy(), "from", record.cohort)
assert torch.allclose(server.model, by_hand, atol=1e-6)

# %% [markdown]
# ## Where do many rounds lead?
#
# With one local step, a round is a gradient step on $F$ itself (chapter 01 proves it). With many,
# every hospital walks most of the way to its *own* minimum $c_k$ before anyone averages. Fewer
# messages for the same work: this is why federated averaging exists. The price is **client drift**.
#
# On bowls the price can be written down. With the curvature $A_k = X_k^\top X_k / n_k$ of a bowl
# and the learning rate $\lambda$, $E$ steps shrink the way to $c_k$ by $(I - \lambda A_k)^E$, so
# $$\Delta_k = -B_k\,(w_t - c_k), \qquad B_k = I - (I - \lambda A_k)^E ,$$
# and the rounds stand still where $\sum_k n_k B_k (w - c_k) = 0$. For $E = 1$ that is the minimum
# of $F$. For $E \to \infty$ every $B_k$ becomes $I$, and it is the weighted mean of the $c_k$:
# the curvatures, that is *how much each hospital knows about each weight*, are forgotten.

# %%
def fixed_point(steps: int) -> torch.Tensor:
    """Where rounds of `steps` local steps stand still, in float64."""
    matrix, right = torch.zeros(2, 2).double(), torch.zeros(2).double()
    for x, y in ((x.double(), y.double()) for x, y in DATA.values()):
        own_minimum = torch.linalg.solve(x.T @ x, x.T @ y)
        shrunk = torch.eye(2) - LR * x.T @ x / len(x)
        pull = len(x) * (torch.eye(2) - torch.matrix_power(shrunk, steps))
        matrix, right = matrix + pull, right + pull @ own_minimum
    return torch.linalg.solve(matrix, right)


minimum, paths = fixed_point(1), {}
for steps, rounds in {1: 150, 10: 50, 100: 15}.items():
    server = federation(steps, FedAvg())
    paths[steps] = torch.stack([START, *(server.model.clone() for _ in server.run(rounds))])
    away, off = (torch.dist(server.model, point) for point in (minimum, fixed_point(steps)))
    print(f"local steps {steps:3d}: {away:.4f} from the minimum, {off:.0e} from the prediction")

# %% [markdown]
# No bug, and yet the model settles in the wrong place. More rounds do not cure it: the distance
# belongs to the hospitals and to $E$. (With equal curvatures the fixed point *is* the minimum,
# however far apart the $c_k$ are: drift needs bowls that differ in shape.)
#
# ## The broken version
#
# In `local_steps` stands `w = w.clone()`. Leave it out, and `w -= ...` writes into the server's own
# weights. The second hospital then starts where the first one ended, and every update is exactly 0.

# %%
def one_round_broken(w: torch.Tensor, steps: int, order: list[str]) -> float:
    """As `one_round`, without the copy; returns the largest update that was "sent"."""
    for x, y in (DATA[name] for name in order):
        local = w  # one storage under two names
        for _ in range(steps):
            local -= LR * x.T @ (x @ local - y) / len(x)
    return float((local - w).abs().max())


ends = {}
for order in (["north", "east", "south"], ["south", "east", "north"]):
    w = START.clone()
    largest = max(one_round_broken(w, 10, order) for _ in range(50))
    ends[" → ".join(order)] = w
    print(f"{order}: largest update {largest}, ends {torch.dist(w, minimum):.2f} from the minimum")

# %% [markdown]
# The loss falls, so nobody notices. But this is training at one hospital after the other: weights
# play no part, the last hospital has the last word, and where it ends depends on the order of the
# loop. (In one order it even ends close to the minimum: a wrong program may look right.) fedmini's
# clients take turns on one model too, and could forget that copy. Its network looks, and refuses:

# %%
class Aliased(FedAvg):
    def local_update(self, client, down):
        super().local_update(client, down)
        return Contribution(client.model.state, client.examples)  # the live model as an "update"


try:
    next(federation(10, Aliased()).run(1))
except RunFailed as error:
    print("RunFailed:", error)

# %%
PICTURE = FIGURES / "00_one_round_by_hand.png"
with sheet(PICTURE, "Where rounds of FedAvg lead", height=3.7, synthetic=True) as figure:
    plane, far = figure.subplots(1, 2, width_ratios=(1.3, 1))
    axis = torch.linspace(-2.5, 3.1, 90)
    x, y = (torch.cat(parts) for parts in zip(*DATA.values(), strict=True))
    heights = (torch.cartesian_prod(axis, axis) @ x.T - y).square().mean(1).view(90, 90).T
    plane.contour(axis, axis, heights, 14, colors="#CFCFCF", linewidths=0.6)
    for name, (x, y) in DATA.items():
        own = torch.linalg.solve(x.T @ x, x.T @ y)
        plane.plot(*own, "k^")
        plane.text(own[0], own[1] - 0.3, f"{name}, {len(x)} patients", fontsize=7.5, ha="center")
    for (steps, path), colour in zip(paths.items(), COLOURS, strict=False):
        plane.plot(*path.T, ".-", color=colour, markersize=3, linewidth=1)
        far.plot((path - minimum).norm(dim=1), color=colour, label=f"local steps: {steps}")
    for (order, end), marker in zip(ends.items(), "x+", strict=True):
        plane.plot(*end, marker, color=COLOURS[4], ms=8, label=f"broken, {order}", ls="none")
    plane.plot(*minimum, "k*", markersize=10, label="minimum over all patients", ls="none")
    plane.set(xlabel="first weight", ylabel="second weight", title="Grey: loss over all patients")
    far.set(yscale="log", ylim=(1e-4, 6), xlabel="round", title="Distance to the minimum")
    figure.legend(loc="outside lower center", ncols=3, fontsize=7.5)
print("figure:", PICTURE)

# %% [markdown]
# ## Exercise
#
# Write the weighted mean of (Eq. 0.2) as an aggregator that streams. The one that you find in
# `exercises/00_weighted_mean.py` is wrong; yours is done when the laws hold:
#
#     pytest tests/contracts --impl mean=tutorials/exercises/00_weighted_mean.py:WeightedMean
