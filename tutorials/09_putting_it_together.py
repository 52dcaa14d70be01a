# %% [markdown]
# # 09 · Putting it together
#
# Fewer bytes, sums that nobody reads behind, a bound on one hospital's part, an account of it: each
# promise holds by itself. **Do they hold together, and what must be refused?**

# %%
from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fedmini.combinations import ROWS
from fedmini.compression import Quantiser, RandomK, TopK
from fedmini.config import Config
from fedmini.data.dataset import Dataset
from fedmini.errors import UserError
from fedmini.privacy import gaussian
from fedmini.privacy.accountant import noise_multiplier
from fedmini.privacy.mechanism import clip
from fedmini.report.canvas import COLOURS, MUTED, sheet
from fedmini.rng import numpy_stream, stream
from fedmini.simulation import build, settle_defaults

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the networks are small: a second thread would only wait
DELTA, BOUND = 1e-5, 1.0

# %% [markdown]
# ## The uplink is one line
#
# Between training and the wire an update goes through steps, each of which is there or not:
#
#     delta + residual -> sparsify -> clip -> weight -> into the ring -> integer noise -> masks
#                                                   -> weight -> quantise -> pack
#
# With update $\Delta_k$, and residual $e_k$ and sparsifier $S$ of chapter 05, hospital $k$ gives
# $$u_k = w_k\, \text{clip}\big(S(\Delta_k + e_k)\big) \tag{Eq. 9.1}$$
# Under `--dp-unit client` the largest weight is 1, so that no $u_k$ is longer than the bound $C$:
# $$w_k = \min(n_k, \text{cap}) \,/\, \text{cap} \tag{Eq. 9.2}$$
# Then come integers with $f$ bits after the point. With `--dp-mode distributed` hospitals add noise
# before their masks, and nobody sees a sum without it. Some may vanish, some be curious: only $h$
# *honest* ones can be counted on, so each draws integers of variance
# $$\big((z C\, 2^f)^2 + \tfrac{9}{4}\big) \,/\, h \tag{Eq. 9.3}$$
# All of $K$ hospitals, noise and losses (up to $B$) included, must fit into $b$ bits:
# $$\big(K \max_k w_k \max(C, B) + \text{reach of the noise}\big)\, 2^f < 2^{b - 1} \tag{Eq. 9.4}$$
#
# Six hospitals, a small network, the functions of `run.py`. In drawn images a bright corner is ill.

# %%
def scans(count: int = 600) -> Dataset:
    """Images (count, 1, 16, 16), one a patient, with one label each."""
    draws, patient = numpy_stream(0, "scans"), np.arange(count)
    labels = (draws.random(count) < 0.5).astype(np.uint8)
    images = draws.normal(128, 30, (count, 1, 16, 16))
    images[:, :, :6, :6] += 30 * labels[:, None, None, None]
    return Dataset(
        "scans", "binary", ("healthy", "ill"), "made up", synthetic=True, version="1", regions={},
        mean=np.float32([128]), std=np.float32([30]), images=images.clip(0, 255).astype(np.uint8),
        targets=labels[:, None], patient=patient, split=np.uint8([0, 0, 0, 1, 2])[patient % 5],
        site=np.full(count, -1), site_names=(),
    )  # fmt: skip


OPTIONS = {
    "algo": "fedavg", "model": "cnn", "width": 16, "clients": 6, "partition": "quantity",
    "local_steps": 3, "rounds": 2, "device": "cpu", "profile": "hospital-tiers",
}  # fmt: skip
FEW, MASKS = {"compress": "prevk:0.1"}, {"secagg": "masks"}
HIDDEN = {"dp_unit": "client", "dp_mode": "distributed", "dp_noise_multiplier": 5.0}
TOGETHER = {"nothing": {}, "prevk": FEW, "masks": MASKS, "all, and noise": FEW | MASKS | HIDDEN}
SCANS = scans()
for words, options in TOGETHER.items():
    run = build(settle_defaults(Config.of(OPTIONS | options), SCANS), SCANS)
    rounds = list(run.server.run(run.config.rounds))
    up, seconds = rounds[-1].bytes_up, 3600 * run.hours(rounds[-1])
    print(f"{words:14} a round: {up:7,} bytes up, {seconds:.3f} simulated seconds")
spent = run.plan.spent([run.plan.line(each.number) for each in rounds])
print(f"epsilon {max(spent.values()):.2f} after {len(rounds)} rounds; {run.server.ring}")
print(*run.notices)

# %% [markdown]
# Compression saves on the vector, not on the keys and shares of the masks, 1.4 kB a hospital. And
# who may vanish costs noise: when all six come, the sum has twice the variance that is charged. The
# last line says what that leaves of the model: six hospitals are too few (chapter 07).
#
# ## Order matters
#
# Now one hospital, whose updates are about as long as $C$ and have a direction in common. A tenth
# of the coordinates travels. The noise $z$ is made for $\varepsilon = 1.5$ in all, if no length is
# above $C$; lengths $c_t C$ leave $\mu^2 = \sum_t c_t^2 / z^2$, as in (Eq. 8.2). All report 1.5.

# %%
SIZE, ROUNDS, PLACES, QUANT = 1000, 40, RandomK(0.1), Quantiser(2)
Z = noise_multiplier(epsilon=1.5, delta=DELTA, sample_rate=1.0, steps=ROUNDS)
COMMON = torch.full((SIZE,), SIZE**-0.5)


def send(order: str, noise_remembered: bool = False) -> tuple[list[float], float]:
    """Lengths of what leaves, round by round, and how far all of it leads the common way."""
    residual, lengths, way = torch.zeros(SIZE), [], 0.0
    for number in range(ROUNDS):
        draws = stream(0, "hospital", number)
        vector = COMMON + 0.3 * SIZE**-0.5 * torch.randn(SIZE, generator=draws)
        chosen = torch.zeros(SIZE).index_fill(0, PLACES.coordinates(vector, draws), 1.0)
        for step in order.split(" -> "):
            if step == "add":
                wanted = vector = vector + residual
            elif step == "sparsify":
                vector = vector * chosen
                residual = wanted - vector
            elif step == "clip":
                vector = clip(vector, BOUND)
            elif step == "quantise":
                vector = QUANT.decompress(QUANT.compress(vector, draws))
        lengths.append(float(vector.norm()))
        way += float(vector @ COMMON)
        if noise_remembered:
            noise = Z / 5**0.5 * torch.randn(SIZE, generator=draws)
            residual = wanted - (vector + noise * chosen)
    return lengths, way


ORDERS = ("add -> sparsify -> clip", "clip -> add -> sparsify")
sent = {order: send(order)[0] for order in (*ORDERS, ORDERS[0] + " -> quantise")}
for order, lengths in sent.items():
    true = gaussian.epsilon(math.hypot(*lengths) / Z, DELTA)
    print(f"{order:35} at most {max(lengths):.2f} C, epsilon {true:.2f}")
    assert (max(lengths) <= BOUND) == (order == ORDERS[0])
for words, remembered in (("what was not sent", False), ("the noise too", True)):
    way = send(ORDERS[0], remembered)[1]
    print(f"the residual holds {words:17}: {ROUNDS} rounds lead {way:5.2f} C the common way")

# %% [markdown]
# **Clip first**, and a coordinate that waited ten rounds for its turn comes with ten updates in it.
# **Quantise after the clip**: rounding at random is right on average, and longer nearly always. So
# quantisers are refused here; encoding into the ring rounds toward zero. **Remember the noise** as
# what did not arrive: this keeps the promise, but noise, here $z C / \sqrt 5$, is longer than any
# update, and from then on the hospital spends its bound on taking back that of the last round.
#
# ## Places are an output
#
# Noise hides values, but a sparse update also says *where* they are. Ten hospitals fit a logistic
# regression. The common disease shows in features 0 to 19, a rare one, which only hospital 0 sees,
# in 20 to 39. A coin decides whether it takes part. A reader counts how many of its features moved;
# or sees the noisy sum, and knows all other updates. Either way with the best threshold there is.

# %%
FEATURES, HOSPITALS, GAMES, NOISES = 200, 10, 200, 2.0 ** torch.arange(-1, 5)


def learnt(hospital: int, game: int) -> Tensor:
    """(200,) a step from zero on sixty patients, half of them ill."""
    x = torch.randn(60, FEATURES, generator=stream("patients", hospital, game))
    first = 20 if hospital == 0 else 0
    x[:30, first : first + 20] += 1.0
    return 5 * (x[:30].sum(0) - x[30:].sum(0)) / 60


def right(scores: Tensor) -> float:
    """How often the best threshold is right; (2, games): with hospital 0 in it, and without."""
    present, absent = scores[:, None] >= scores.flatten()[:, None]
    return float((present.double().mean(1) + 1 - absent.double().mean(1)).max() / 2)


moved, noisy = {TopK(0.1): [], RandomK(0.1): []}, []
for game in range(GAMES):
    updates = [learnt(hospital, game) for hospital in range(HOSPITALS)]
    for sparsifier, seen in moved.items():
        places = [sparsifier.coordinates(each, stream("places", game)) for each in updates]
        worlds = (torch.cat(places[absent:]).unique() for absent in (0, 1))
        seen.append([int(((each >= 20) & (each < 40)).sum()) for each in worlds])
    own = clip(updates[0][places[0]], BOUND)  # random-k: the same places for all
    noise = NOISES * (own @ torch.randn(len(own), generator=stream("noise", game)))
    noisy.append(torch.stack([own @ own + noise, noise]))  # all other updates are known
by_places = [right(torch.tensor(seen).T) for seen in moved.values()]
by_values = [right(scores) for scores in torch.stack(noisy).permute(2, 1, 0)]
print(f"right by places alone: top-k {by_places[0]:.2f}, random-k {by_places[1]:.2f};", end=" ")
print("by values:", *(f"{each:.2f}" for each in by_values))
assert by_places == [1.0, 0.5]
assert np.allclose(by_values, torch.special.ndtr(0.5 / NOISES), atol=0.05)  # chapter 07

# %%
PICTURE = FIGURES / "09_putting_it_together.png"
with sheet(PICTURE, "Two combinations that break promises", height=3.5, synthetic=True) as figure:
    left, axes = figure.subplots(1, 2)
    looks = zip(sent.items(), COLOURS[:2] + COLOURS[3:4], (0.75, 4.4, 1.8), strict=True)
    for (order, lengths), colour, height in looks:
        left.plot(range(1, ROUNDS + 1), lengths, color=colour)
        left.text(ROUNDS, height, order, color=colour, fontsize=8, ha="right", va="center")
    left.axhline(BOUND, color=MUTED, linestyle=":")
    left.set(title="Length of what leaves", xlabel="round", ylabel="clip bounds", ylim=(0, 4.7))
    ticks = range(len(NOISES))
    axes.axhline(by_places[0], color=COLOURS[1], label="top-k: by the places alone")
    axes.plot(ticks, by_values, "s-", color=COLOURS[0], label="random-k: by the values")
    axes.axhline(by_places[1], color=COLOURS[2], label="random-k: by the places alone")
    axes.set_xticks(ticks, [f"{z:g}" for z in NOISES]), axes.set_ylim(0.47, 1.03)
    axes.set(title="Right guesses: hospital 0 in it?", xlabel="noise, in clip bounds")
    axes.legend(loc=(0.25, 0.6), fontsize=8)
print("figure:", PICTURE)

# %% [markdown]
# By values the reader does as well as the noise allows, by the places of top-k he is always right:
# less so if all patients are alike, but the promise is to every hospital. The places of random-k
# come from a seed, those of prev-k from what was public before. Masks cure nothing: to know what to
# add up, the server would have to read each hospital's places.
#
# ## One table
#
# What breaks a promise is refused when options are read. (Quietly doing the next best thing would
# be the last broken version.) Each row of `ROWS` has a name, a predicate over options, a reason and
# what to use instead; the first that applies speaks. All: `python run.py --compatibility`.

# %%
RUNS = {
    "plain": {}, "masks": MASKS, "patients": {"dp_noise_multiplier": 1.0},
    "hospitals": {"dp_unit": "client", "dp_noise_multiplier": 5.0}, "together": HIDDEN | MASKS,
}  # fmt: skip
refusals: dict[str, str] = {}


def verdict(options: dict) -> str:
    """Yes, or a letter that stands for the reason why not."""
    try:
        Config.of(options)
    except UserError as refusal:
        return refusals.setdefault(str(refusal), "ABCDEFGH"[len(refusals)])
    return "yes"


print(f"{len(ROWS)} rows in all".ljust(17), *(f"{words:>9}" for words in RUNS))
for compress in ("none", "topk:0.1", "randk:0.1", "prevk:0.1", "quant:4", "topk:0.1+quant:4"):
    cells = (verdict(each | {"compress": compress}) for each in RUNS.values())
    print(compress.ljust(17), *(f"{cell:>9}" for cell in cells))
print(*(f"{letter}  {words}" for words, letter in refusals.items()), sep="\n")

# %% [markdown]
# Noise for *patients* is in the update before the uplink begins: what follows may look at it.
#
# ## Exercise
#
# `exercises/09_uplink.py` clips and weighs, in the wrong order and with other gaps. Repair it:
#
#     pytest tests/contracts --impl uplink=tutorials/exercises/09_uplink.py:uplink
