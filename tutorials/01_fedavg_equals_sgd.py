# %% [markdown]
# # 01 · Messages, and FedAvg equals SGD when it should
#
# **How do we know that a federation computes what it claims to?** There is one case in which the
# right answer is known beforehand: when every hospital takes a single step on all of its patients,
# a round *must* be the step that a central machine with all patients would have taken. Wrong
# weights, a lost copy, a sum that leaks digits: much that is wrong with the plumbing shows here.

# %%
from __future__ import annotations

import inspect
import itertools
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fedmini.aggregation.mean import Mean
from fedmini.algorithms.fedavg import FedAvg
from fedmini.client import Client, LocalTraining
from fedmini.data.examples import Examples, Hospital
from fedmini.data.normalise import Normalise
from fedmini.messages import decode, encode, wire_size
from fedmini.models.init import initialise
from fedmini.network import Network
from fedmini.optim import SGD
from fedmini.report.canvas import COLOURS, sheet
from fedmini.ring import Ring, RingSum
from fedmini.rng import stream
from fedmini.server import Cohorts, Server
from fedmini.vector import FlatModel

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the vectors are tiny: a second thread would only wait
SIZES = {"north": 240, "east": 100, "south": 40, "west": 20}  # patients
LR, ROUNDS = 0.5, 40

# %% [markdown]
# ## Four hospitals and a small network
#
# Eight measurements a patient, three diagnoses, and a network with one hidden layer: neither convex
# nor linear. The hospitals' patients differ, and so do their numbers.

# %%
def patients(name: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Measurements (n, 8) and diagnoses (n,): one truth, but other patients everywhere."""
    truth = torch.randn(8, 3, generator=stream(0, "truth"))
    draws = stream(0, "patients", name)
    x = torch.randn(count, 8, generator=draws) + torch.randn(8, generator=draws)
    return x, (x @ truth + torch.randn(count, 3, generator=draws)).argmax(1)


def network() -> nn.Module:
    module = nn.Sequential(nn.Flatten(), nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    initialise(module, stream(0, "initial"))
    return module


class CrossEntropy:
    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits, targets)


DATA = {name: patients(name, count) for name, count in SIZES.items()}


def federation(steps: int = 1, aggregator: type = Mean) -> Server:
    """A server and its hospitals; every local step sees all patients of its hospital."""
    model = FlatModel(network())
    clients = {}
    for number, (name, (x, y)) in enumerate(DATA.items()):
        examples = Examples(x.view(-1, 1, 1, 8), y, np.arange(len(x)))
        clients[name] = Client(
            Hospital(name, number, examples, examples, examples),
            model=model,
            task=CrossEntropy(),
            algorithm=FedAvg(),
            optimizer=SGD(),
            normalise=Normalise([0.0], [1.0]),
            training=LocalTraining(batch_size=len(x), steps=steps, augment="none"),
        )
    return Server(
        model.state,
        network=Network(clients),
        cohorts=Cohorts(tuple(clients), len(clients)),
        algorithm=FedAvg(),
        aggregator=aggregator,
        learning_rate=lambda round: LR,
    )

# %% [markdown]
# ## What travels
#
# A round is a question and its answers. The question is a `Train` message; this is all of it:

# %%
server = federation()
server.round = 1
questions = server.questions(DATA)
data = encode(questions["north"])
length = int.from_bytes(data[4:8], "little")
print("header:", data[8 : 8 + length].decode())
print(f"arrays: {len(data) - 8 - length} bytes = 4 x {server.model.numel()} parameters")
received = decode(data)
assert torch.equal(received.arrays["model"], server.model)
assert wire_size(questions["north"]) == len(data)

# %% [markdown]
# No patient, no code: one vector and a few numbers. The network in one process makes no bytes (it
# hands the objects over, and checks that nobody writes into them), but counts what they would be.
# The answers are `Upload`s: an update, a weight $n_k$, and the sum of the loss over the patients.
# (An update can betray patients. Hiding it is the business of chapters 06 and 07.)

# %%
uploads = dict(server.network.ask(questions))
for name, upload in uploads.items():
    sums = {key: round(float(value), 2) for key, value in upload.sums.items()}
    print(f"{name:5} weight {upload.weight:3d}  sums {sums}  {wire_size(upload)} bytes")
print(f"down {server.network.bytes_down} bytes, up {server.network.bytes_up} bytes")

# %% [markdown]
# ## A sum that has no order
#
# The server needs $\sum_k n_k \Delta_k$. Replies arrive in any order, and a sum of floats depends
# on it. So fedmini turns each number into an integer with $f = 32$ binary places, rounded toward
# zero, and adds integers modulo $2^b$:
#
# $$z = \operatorname{trunc}(x \cdot 2^f) \tag{Eq. 1.1}$$
# $$x = z / 2^f \tag{Eq. 1.2}$$
#
# Integer addition has no order. It does have an end: $K$ numbers up to a bound fit only if
# $$K \cdot \operatorname{trunc}(\text{bound} \cdot 2^f) \le 2^{b-1} - 1 , \tag{Eq. 1.3}$$
# and what does not fit is refused before it wraps.

# %%
for method in (Ring.encode, Ring.decode, Ring.check):
    print(inspect.getsource(method))

def ring_sum(terms: list[torch.Tensor], places: int = 32) -> torch.Tensor:
    total = RingSum(Ring(bits=64, fractional_bits=places), len(terms))
    for term in terms:
        total.add(term)
    return total.value()


terms = [upload.weight * upload.update.double() for upload in uploads.values()]
orders = list(itertools.permutations(terms))
floats = [sum(term.float() for term in order) for order in orders]
for what, sums in {"float32": floats, "ring": [ring_sum(order) for order in orders]}.items():
    distinct = {each.numpy().tobytes() for each in sums}
    print(f"{what}: {len(orders)} orders, {len(distinct)} results")

try:
    Ring(bits=32, fractional_bits=16).encode(torch.tensor([20_000.0]), count=2)
except OverflowError as error:
    print("OverflowError:", error)

# %% [markdown]
# ## FedAvg is gradient descent, here
#
# With one full-batch step, $\Delta_k = -\lambda \nabla F_k(w_t)$, and (Eq. 0.2) of chapter 00 gives
# $$w_{t+1} = w_t - \lambda \sum_k \frac{n_k}{n} \nabla F_k(w_t) = w_t - \lambda \nabla F(w_t),$$
# since $F$ is the mean over all patients. How equal is equal? Rounding toward zero takes less than
# $2^{-f}$ from each of the $K$ terms, so the ring may move the mean by less than $K\,2^{-f} / n$.
# We try $f = 32$ and, to see anything at all, $f = 16$.

# %%
n = sum(SIZES.values())
for places in (32, 16):
    error = float((ring_sum(terms, places) - sum(terms)).abs().max() / n)
    bound = len(terms) * 2.0**-places / n
    print(f"f = {places}: error of the mean {error:.1e}, bound {bound:.1e}")
    assert error < bound

# %% [markdown]
# With 32 places nothing was lost at all: these updates, differences of float32 weights, have no
# digit beyond the 32nd binary place. With 16 places the bound is nearly reached.
#
# What remains is float32 arithmetic inside local training. We measure it against gradient descent
# on the pooled patients in float64, written without any of fedmini.

# %%
def gradient_descent(steps: int) -> list[torch.Tensor]:
    """Parameters (D,) after 0..steps full-batch steps on everybody's patients, float64."""
    module = network().double()
    x, y = (torch.cat(parts) for parts in zip(*DATA.values(), strict=True))
    path = [nn.utils.parameters_to_vector(module.parameters()).detach()]
    for _ in range(steps):
        loss = nn.functional.cross_entropy(module(x.double()), y)
        gradients = torch.autograd.grad(loss, module.parameters())
        path.append(path[-1] - LR * nn.utils.parameters_to_vector(gradients))
        nn.utils.vector_to_parameters(path[-1], module.parameters())
    return path

# %% [markdown]
# ## The broken version
#
# A common bug of home-made federated averaging is one word: `mean` where a *weighted* mean belongs.
# West's 20 patients then pull as hard as north's 240.

# %%
class Unweighted(Mean):
    def add(self, client: str, update: torch.Tensor, weight: float) -> None:
        super().add(client, update, 1.0)


central, gaps = gradient_descent(5 * ROUNDS), {}
for label, (steps, aggregator) in {
    "one step, weighted mean": (1, Mean),
    "five steps, weighted mean": (5, Mean),
    "one step, unweighted mean (broken)": (1, Unweighted),
}.items():
    server = federation(steps, aggregator)
    rounds = [(server.model.clone(), record) for record in server.run(ROUNDS)]
    gaps[label] = [
        float((model - central[steps * record.number]).abs().max()) for model, record in rounds
    ]
    loss = rounds[-1][1].train_loss
    print(f"{label:35} last training loss {loss:.4f}, largest gap {max(gaps[label]):.1e}")
assert max(gaps["one step, weighted mean"]) < 1e-5

# %% [markdown]
# Three things to see. The first line is rounding, a million times below the weights themselves. The
# third is wrong from the first round on, and its own loss curve does not say so: it falls, only
# toward another model. The second is no bug, but client drift (chapter 00): with five local steps
# FedAvg is not gradient descent, its gap looks like the bug's, and equality would be the mistake.
# That is why the test of the plumbing takes one step.

# %%
PICTURE = FIGURES / "01_fedavg_equals_sgd.png"
with sheet(PICTURE, "FedAvg and gradient descent", height=3.2, synthetic=True) as figure:
    axes = figure.subplots()
    for (label, values), colour in zip(gaps.items(), COLOURS, strict=False):
        axes.plot(range(1, ROUNDS + 1), values, color=colour, label=label)
    axes.axhline(len(DATA) * 2.0**-32 / n, ls=":", color="#808080", label="the ring's bound")
    axes.set(yscale="log", xlabel="round", ylabel="largest difference of a weight")
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.3))
print("figure:", PICTURE)

# %% [markdown]
# ## Exercise
#
# Write (Eq. 1.1) to (Eq. 1.3) in `exercises/01_ring.py`. The laws catch a ring that rounds to the
# nearest number, that lets NaN through or that is wrong by one about its largest sum:
#
#     pytest tests/contracts --impl ring=tutorials/exercises/01_ring.py:FixedPoint
