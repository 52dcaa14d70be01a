# %% [markdown]
# # 05 · Top-k and error feedback
#
# An update has as many numbers as the model, and most of them are small. If only the largest were
# sent, uploads would be far shorter. **What may be left unsent, and when does it return?**

# %%
from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fedmini.aggregation.mean import Mean
from fedmini.algorithms.fedavg import FedAvg
from fedmini.client import Client, LocalTraining
from fedmini.compressed import Compression
from fedmini.compression import ErrorFeedback, Quantiser, TopK, parse
from fedmini.data.examples import Examples, Hospital
from fedmini.data.normalise import Normalise
from fedmini.network import Network
from fedmini.optim import SGD
from fedmini.report.canvas import COLOURS, sheet
from fedmini.rng import stream
from fedmini.server import Cohorts, Server
from fedmini.vector import FlatModel

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the vectors are small: a second thread would only wait
SIDE, PATIENTS, ROUNDS, LR = 72, 4, 120, 0.05

# %% [markdown]
# ## What travels
#
# Of an update with $D$ coordinates, top-k sends the $k$ of largest magnitude, with
# $$k = \max(1, \text{round}(\text{ratio} \cdot D)) \tag{Eq. 5.1}$$
# and it must also say *which*. As int64 a place would take twice the bytes of its value. fedmini
# codes gaps, seven bits a byte, or a bitmap, whichever is shorter, and counts those bytes.

# %%
vector = torch.randn(100_000, generator=stream(0, "vector"))
for ratio in (0.5, 0.1, 0.01, 0.001):
    part = TopK(ratio).compress(vector)
    k, places = len(part["values"]), len(part["indices"])
    fewer = 4 * len(vector) / (4 * k + places)
    print(f"ratio {ratio}: {4 * k} bytes of values, {places} say which: {fewer:.0f} times fewer")

# %% [markdown]
# Each value can be shorter, too. A quantiser of $b$ bits has levels from $-s$ to $s$, where $s$ is
# $2^{b-1} - 1$. It scales $x$ by the largest magnitude near it, and rounds up or down by chance:
# $$y = s \, \frac{x}{\text{scale}}, \qquad
# \text{level} = \lfloor y \rfloor + [u < y - \lfloor y \rfloor], \quad u \sim U(0, 1)
# \tag{Eq. 5.2}$$
# The level's mean is $y$: errors of many roundings cancel. The nearest level is closer each time,
# but always to the same side.

# %%
values, quantiser = torch.randn(512, generator=stream(0, "values")), Quantiser(bits=4)
values *= 7 / values.abs().max()  # so that levels are whole numbers
nearest = float((values.round() - values).norm())
for count in (1, 10, 100):
    draws = (stream(0, "rounding", number) for number in range(count))
    rounded = [quantiser.unpack(quantiser.pack(values, each), len(values)) for each in draws]
    error = float((torch.stack(rounded).mean(0) - values).norm())
    print(f"mean of {count:3}: error {error:5.2f} by chance, {nearest:.2f} to the nearest")

# %% [markdown]
# ## Four hospitals draw an atlas
#
# The model is an image: the mean of all patients' chests, found by one gradient step a round. But
# each hospital's scanner burns a letter into a corner, brighter than any tissue. Real ones do so.

# %%
LETTERS = {
    "north": "10001 11001 10101 10011 10001",
    "east": "11111 10000 11110 10000 11111",
    "south": "01111 10000 01110 00001 11110",
    "west": "10001 10001 10101 11011 10001",
}


def disc(at_x: float, height: float, width: float) -> Tensor:
    """(72, 72): 1 in an ellipse, 0 outside, blurred."""
    y, x = torch.meshgrid(*2 * [torch.linspace(-1, 1, SIDE)], indexing="ij")
    return torch.sigmoid(12 * (1 - (y / height) ** 2 - ((x - at_x) / width) ** 2))


def hospital(number: int, name: str) -> Hospital:
    """Its patients: the same chest, noise of their own, and the letter."""
    letter = torch.tensor([[float(dot) for dot in row] for row in LETTERS[name].split()])
    top, left = (2, SIDE - 17)[number // 2], (2, SIDE - 17)[number % 2]
    images = CHEST + 0.1 * torch.randn(PATIENTS, 1, SIDE, SIDE, generator=stream(0, name))
    images[..., top : top + 15, left : left + 15] += 2 * letter.kron(torch.ones(3, 3))
    examples = Examples(images, torch.zeros(PATIENTS), np.arange(PATIENTS))
    return Hospital(name, number, examples, examples, examples)


class Atlas(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Parameter(torch.zeros(SIDE, SIDE))

    def forward(self, patients: Tensor) -> Tensor:
        return self.image - patients


class SquaredDistance:
    def loss(self, differences: Tensor, targets: Tensor) -> Tensor:
        return differences.square().sum() / (2 * len(differences))


CHEST = 0.8 * disc(0, 0.9, 0.8) - 0.6 * (disc(-0.35, 0.55, 0.25) + disc(0.35, 0.55, 0.25))
HOSPITALS = [hospital(number, name) for number, name in enumerate(LETTERS)]
OPTIMUM = torch.cat([each.train.images for each in HOSPITALS]).mean(0).flatten()

# %% [markdown]
# ## The memory
#
# Error feedback (Stich et al. 2018) keeps what was not sent, $e_t$, at its hospital. It is added to
# the next update $\Delta_t$ before the sparsifier $S$ chooses,
# $$p_t = \Delta_t + e_t \tag{Eq. 5.3}$$
# and what is not chosen now either is kept again:
# $$e_{t+1} = p_t - S(p_t) \tag{Eq. 5.4}$$
# A coordinate that is small but always of one sign grows in $e_t$ until it is among the largest.
# What was sent and what is kept are, together, all there ever was. Neither clip nor noise enters
# $e_t$: what a clip cuts must never come back.
#
# The broken version has a memory as well, but measures what was left out against $\Delta_t$, the
# update in hand. So it forgets in each round what was left by earlier ones.

# %%
class Forgetful(Compression):
    """e_{t+1} = Delta_t - S(p_t)."""

    def sparsify(self, update: Tensor, client: Client) -> tuple[Tensor, dict[str, Tensor]]:
        sent = super().sparsify(update, client)
        client.keep(residual=client.pending["residual"] - client.state.get("residual", 0.0))
        return sent


def train(spec: str, feedback=True, kind=Compression, lr=LR) -> tuple[Tensor, list, list]:
    """The atlas; after each round, the megabytes sent up so far and the squared error a pixel."""
    model, clients = FlatModel(Atlas()), {}
    compression = kind(*parse(spec), feedback, size=SIDE**2, trained=SIDE**2)
    for each in HOSPITALS:
        clients[each.name] = Client(
            each, model=model, task=SquaredDistance(), algorithm=FedAvg(), optimizer=SGD(),
            normalise=Normalise([0.0], [1.0]), compression=compression,
            training=LocalTraining(batch_size=PATIENTS, augment="none"),
        )  # fmt: skip
    server = Server(
        model.state, network=Network(clients), cohorts=Cohorts(tuple(clients), len(clients)),
        algorithm=FedAvg(), aggregator=Mean, learning_rate=lambda _: lr, compression=compression,
    )  # fmt: skip
    sent, errors = [], []
    for record in server.run(ROUNDS):
        sent.append(record.bytes_up / 1e6)
        errors.append(float((server.model - OPTIMUM).square().mean()))
    return server.model.view(SIDE, SIDE), np.cumsum(sent).tolist(), errors


WAYS = {
    "dense": ("none",),
    "top 2%, with memory": ("topk:0.02",),
    "the same in 4 bits": ("topk:0.02+quant:4",),
    "top 2%, no memory": ("topk:0.02", False),
    "top 2%, forgetful (broken)": ("topk:0.02", True, Forgetful),
}
runs = {way: train(*how) for way, how in WAYS.items()}
for way, (atlas, sent, errors) in runs.items():
    print(f"{way:27}{1e6 * sent[0] / 4:6.0f} bytes an upload, error {errors[-1]:.4f}", end=", ")
    print(f"{(atlas == 0).sum():4} of {SIDE**2} pixels never sent")
    assert (errors[-1] < 0.01) == ("no memory" not in way and "broken" not in way)

PICTURE = FIGURES / "05_top_k_and_error_feedback.png"
TITLE = "Most of an update can wait, but must not be forgotten"
with sheet(PICTURE, TITLE, height=4.0, synthetic=True) as figure:
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    axes = left.subplots()
    for (way, (_, sent, errors)), colour in zip(runs.items(), COLOURS, strict=False):
        axes.plot(sent, errors, "--" if "broken" in way else "-", color=colour, label=way)
    axes.set(xscale="log", yscale="log", xlim=(1e-3, 30), ylim=(1e-4, 1))
    axes.set(xlabel="megabytes sent up so far", ylabel="squared error a pixel")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="lower left", fontsize=7)
    for panel, way in zip(right.subplots(2, 2).flat, [each for each in WAYS if "bits" not in each]):
        panel.imshow(runs[way][0], cmap="gray", vmin=0, vmax=1)
        panel.set_title(way, fontsize=7)
        panel.set_axis_off()
    right.supxlabel("the atlas after the last round", fontsize=8)
print("figure:", PICTURE)

# %% [markdown]
# No two hospitals agree on a letter: one pulls it up, three pull it down, and they are never done.
# Without memory they talk of nothing else, and it comes out too bright. The chest, on which all
# agree, is paler, and its turn does not come. For the forgetful no wish counts more than twice.
# With memory its turn comes; the grain is the price, for what waits arrives late and at once.
#
# ## An upload is lost
#
# Then $e_{t+1}$ goes with it, and $e_t$ stays. Or else $S(p_t)$, and all that had waited in it, is
# gone for good, while the rest of an update that never counted comes later. So `keep` leaves it
# *pending* until the server's next question acknowledges the upload. A hasty memory does not wait:

# %%
class Hasty(ErrorFeedback):
    def compress(self, vector: Tensor, generator: torch.Generator | None = None) -> dict:
        part = super().compress(vector, generator)
        self.residual = self.pending
        return part


for memory in (ErrorFeedback(TopK(0.02)), Hasty(TopK(0.02))):
    arrived, given = torch.zeros(1000), torch.zeros(1000)
    for number in range(20):
        update = torch.randn(1000, generator=stream(number, "update"))
        part = memory.compress(update)
        if number % 3:  # else it is lost
            memory.commit()
            arrived, given = arrived + memory.decompress(part), given + update
    gap = float((arrived + memory.residual - given).norm() / given.norm())
    print(f"{type(memory).__name__:13} arrived and kept, less what was given: {gap:.1e} of it")
    assert (gap > 0.1) == isinstance(memory, Hasty)

# %% [markdown]
# ## Places that tell nothing
#
# Top-k looks at patients to choose. Random-k draws places from a seed; prevk takes the largest of
# the last *public* mean, and a tenth by turns. Either way they go down with the question and are
# the same for all, so that values can be summed unread: under masks, or with noise.

# %%
for lr in (LR, LR / 5):
    print(f"random 2%, with memory, step {lr}: error {train('randk:0.02', lr=lr)[2][-1]:.3f}")

# %% [markdown]
# A place waits for fifty rounds, and all along its hospital adds the same wish again: then fifty
# steps are made at once, at 0.05 each 2.5 times the way. So it diverges. Top-k is spared here, for
# what grows is sent; places of prevk may wait ten times as long. A memory wants small steps.
#
# ## Exercise
#
# `exercises/05_feedback.py` is forgetful and hasty. Write (Eq. 5.3) and (Eq. 5.4):
#
#     pytest tests/contracts --impl error_feedback=tutorials/exercises/05_feedback.py:Memory
