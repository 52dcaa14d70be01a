# %% [markdown]
# # 07 · Clipping and noise
#
# A federation publishes the mean of what its hospitals sent. **Can a reader of that mean tell
# whether one of them took part, and what does it cost to keep him guessing?** We play the reader.

# %%
from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import torch
from torch import nn

from fedmini.privacy.accountant import epsilon, noise_multiplier
from fedmini.privacy.mechanism import clip, gaussian_noise, noisy_mean
from fedmini.report.canvas import COLOURS, MUTED, note, sheet
from fedmini.rng import stream

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the vectors are small: a second thread would only wait
EPSILON, DELTA, BOUND, HOSPITALS = 1.5, 1e-5, 1.0, 10

# %% [markdown]
# ## One absence
#
# The reader may know everything: all other updates, and what the hospital in question would send.
# So only one number counts, how far its absence moves what is published. An update can be of any
# length, so first its length gets a bound $C$:
# $$\text{clip}(g) = g \cdot \min\Big(1, \frac{C}{\lVert g \rVert}\Big) \tag{Eq. 7.1}$$
# Now a **sum** moves by at most $C$ when one update is replaced by nothing, whoever else is in it:
# its *sensitivity*. A mean of those who came has no such simple answer. Its denominator moves too.

# %%
updates = [10.0**k * torch.randn(50, generator=stream(k, "wild")) for k in range(-3, 7)]
clipped = torch.stack([clip(each, BOUND) for each in updates]).double()
for k in range(0, HOSPITALS, 3):
    others = torch.cat([clipped[:k], clipped[k + 1 :]])
    moves = float((clipped.sum(0) - others.sum(0)).norm())
    print(f"an update of length {updates[k].norm():7.1g}: its absence moves the sum by {moves:.4f}")
    assert moves <= BOUND

# %% [markdown]
# ## Noise on the sum
#
# To hide a step of length $C$, each coordinate of the sum gets noise of $z$ clip bounds:
# $$\xi \sim \mathcal{N}\big(0, (z C)^2 I\big) \tag{Eq. 7.2}$$
# and what is published is
# $$\frac{\sum_k w_k\, \text{clip}(g_k) + \xi}{\mathbb{E}\big[\sum_k w_k\big]}, \quad w_k \le 1
# \tag{Eq. 7.3}$$
# The denominator is *expected*, a number that was known before anybody came. So dividing by it
# tells nothing. $z$ comes from the accountant (chapter 08), here for one release.
#
# ## The game
#
# A coin decides whether hospital 0 takes part. The reader weighs how likely the release is either
# way, and guesses the likelier: no guess is better. Under any $(\varepsilon, \delta)$ promise he is
# right in at most $(e^\varepsilon + \delta) / (e^\varepsilon + 1)$ of all games. This noise allows
# less: two bell curves, $1/z$ of their width apart, are told apart in $\Phi(1 / 2z)$ of all games.

# %%
Z = noise_multiplier(epsilon=EPSILON, delta=DELTA, sample_rate=1.0, steps=1)


def success(size: int, weights: list[float], fixed: bool, games: int = 2000) -> float:
    """How often the reader is right about hospital 0, with `size` parameters a model."""
    sent = [clip(torch.randn(size, generator=stream(k, "update")), BOUND) for k in range(HOSPITALS)]
    noise = gaussian_noise(
        games * size, max_norm=BOUND, noise_multiplier=Z, generator=stream(0, "noise", size)
    ).view(games, size)
    worlds = []
    for present in (range(HOSPITALS), range(1, HOSPITALS)):
        total = sum(weights[k] * sent[k].double() for k in present)
        denominator = sum(weights) if fixed else sum(weights[k] for k in present)
        worlds.append((total, denominator))

    def likely(seen: torch.Tensor, total: torch.Tensor, denominator: float) -> torch.Tensor:
        loud = Z * BOUND / denominator
        return -((seen - total / denominator) ** 2).sum(1) / (2 * loud**2) - size * math.log(loud)

    with_it, without = (noisy_mean(total, noise, denominator) for total, denominator in worlds)
    right = [likely(with_it, *worlds[0]) > likely(with_it, *worlds[1])]
    right += [likely(without, *worlds[0]) <= likely(without, *worlds[1])]
    return float(torch.cat(right).double().mean())


PATIENTS = [2000] + 9 * [200]  # hospital 0 is a university's
LARGEST = [count / max(PATIENTS) for count in PATIENTS]
MEAN = [count * HOSPITALS / sum(PATIENTS) for count in PATIENTS]
WAYS = {
    "weights 1, denominator fixed": (HOSPITALS * [1.0], True),
    "weights by patients, the largest is 1": (LARGEST, True),
    "weights by patients, their mean is 1 (broken)": (MEAN, True),
    "divided by who came (broken)": (HOSPITALS * [1.0], False),
}
SIZES = (1, 10, 100, 1000)
games = {way: [success(size, *how) for size in SIZES] for way, how in WAYS.items()}
allowed = (math.exp(EPSILON) + DELTA) / (math.exp(EPSILON) + 1)
gaussian = (1 + math.erf(1 / (2 * Z) / math.sqrt(2))) / 2
print(f"right guesses: at most {allowed:.3f} at this epsilon, {gaussian:.3f} in noise of {Z:.1f} C")
print(f"measured, for {SIZES} parameters:")
for way, rates in games.items():
    print(f"  {way:46}", [f"{rate:.3f}" for rate in rates])
    if "broken" not in way:
        assert all(abs(rate - gaussian) < 0.03 for rate in rates)

# %% [markdown]
# Both broken releases look like the right ones, and their runs would report $\varepsilon = 1.5$.
#
# * **Weights whose mean is 1.** The university's hospital moves the sum by five bounds, and the
#   noise is for one. Where the *largest* weight is 1, there is enough for it and for all others.
# * **Divided by who came.** When one of ten is missing, the noise is a ninth louder, on every
#   coordinate. One coordinate tells nothing. A thousand are a thousand measurements of the same
#   loudness: the reader counts heads. The larger the model, the surer he is, whatever the clip.
#
# What the first one really spends, the accountant can say: its noise is $z / 5.3$ clip bounds. The
# same sum tells what a patient has of a promise for *one image*, when three of his are in the sum.

# %%
for words, moved in {"one bound": 1.0, "the university": MEAN[0], "three images": 3.0}.items():
    spent = epsilon(sample_rate=1.0, noise_multiplier=Z / moved, steps=1, delta=DELTA)
    print(f"{words:15} moves the sum by {moved:.2f} C: epsilon {spent:.2f}")

# %% [markdown]
# ## What noise costs
#
# On the mean of $E$ expected contributions the noise has $z C / E$ a coordinate, and over $D$
# coordinates the length $z C \sqrt{D} / E$. It reaches $C$, the length of the longest possible
# mean, at $D = (E / z)^2$ parameters. In $T$ steps that agree the means add up to $T C$, the noise
# to $\sqrt{T}$ times its length: then they are equal at $D = T (E / z)^2$.
#
# Who is protected decides $E$. A **client**: one hospital more or less, $E$ hospitals a round. A
# **record**: an image more or less, $E$ images a batch, drawn in secret. A **patient**: the same
# with all images of one clipped together. The last two add noise at each hospital, in each step.

# %%
for words, rate, expected, steps in (
    ("client, one round", 1.0, 10, 1),
    ("client, ten rounds", 1.0, 10, 10),
    ("patient, 200 a hospital, ten epochs", 16 / 200, 16, 130),
    ("patient, 4000 a hospital, ten epochs", 64 / 4000, 64, 630),
):
    z = noise_multiplier(epsilon=EPSILON, delta=DELTA, sample_rate=rate, steps=steps)
    once = (expected / z) ** 2
    print(f"{words:36} z = {z:.2f}; as loud as the signal with {once:6,.0f} parameters", end=" ")
    print(f"in one release, {steps * once:9,.0f} in all")

# %% [markdown]
# Ten hospitals, ten rounds: one release is as much noise as signal when the model has one or two
# parameters, the run at fifteen, however many rounds. A small network has a hundred thousand. The
# method is not to blame: a tenth of all there is to learn must not be missed when it is not there.
# One patient in thousands is easier to hide. Here are both, on a model of 100 parameters.

# %%
FEATURES, ROUNDS, COUNT, BATCH, STEPS = 100, 10, 200, 16, 13
TRUTH = 3 * nn.functional.normalize(torch.randn(FEATURES, generator=stream(0, "truth")), dim=0)


def patients(count: int, place: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Measurements (count, 100) and diagnoses (count,), which depend on one direction."""
    draws = stream(0, "patients", place)
    x = torch.randn(count, FEATURES, generator=draws)
    return x, (torch.rand(count, generator=draws) < torch.sigmoid(x @ TRUTH)).float()


def release(vectors: list[torch.Tensor], z: float, expected: int, *address) -> torch.Tensor:
    """(Eq. 7.1) to (Eq. 7.3): clip each, sum, noise, divide."""
    draws = stream("key of the run", *address)
    noise = gaussian_noise(FEATURES, max_norm=BOUND, noise_multiplier=z, generator=draws)
    total = sum((clip(each, BOUND) for each in vectors), torch.zeros(FEATURES))
    return noisy_mean(total, noise, expected).float()


def train(unit: str, z: float, seed: int) -> list[float]:
    """The share of unseen patients diagnosed rightly, after each round of logistic regression."""
    w, right = torch.zeros(FEATURES), []
    for number in range(ROUNDS):
        moved = []
        for place, (x, y) in enumerate(DATA):
            local = w.clone()
            for step in range(STEPS):
                draws = stream("key of the run", "batch", seed, number, place, step)
                batch = torch.rand(COUNT, generator=draws) < BATCH / COUNT  # each alone, in secret
                gradients = (torch.sigmoid(x[batch] @ local) - y[batch])[:, None] * x[batch]
                if unit == "patient":
                    mean = release(list(gradients), z, BATCH, seed, number, place, step)
                else:
                    mean = gradients.sum(0) / BATCH
                local -= 0.1 * mean
            moved.append(local - w)
        if unit == "client":
            w = w + release(moved, z, HOSPITALS, seed, number)
        else:
            w = w + torch.stack(moved).mean(0)
        right.append(float(((UNSEEN[0] @ w > 0) == UNSEEN[1].bool()).float().mean()))
    return right


DATA, UNSEEN = [patients(COUNT, place) for place in range(HOSPITALS)], patients(4000, HOSPITALS)
NOISE = {
    "nobody": 0.0,
    "patient": noise_multiplier(
        epsilon=EPSILON, delta=DELTA, sample_rate=BATCH / COUNT, steps=ROUNDS * STEPS
    ),
    "client": noise_multiplier(epsilon=EPSILON, delta=DELTA, sample_rate=1.0, steps=ROUNDS),
}
learnt = {unit: torch.tensor([train(unit, z, s) for s in range(2)]) for unit, z in NOISE.items()}
for unit, curves in learnt.items():
    print(f"protected: {unit:8} right at the end {[f'{end:.3f}' for end in curves[:, -1]]}")

# %%
PICTURE = FIGURES / "07_clipping_and_noise.png"
TITLE = "What a release gives away, and what hiding costs"
with sheet(PICTURE, TITLE, height=4.2, synthetic=True) as figure:
    left, right = figure.subplots(1, 2)
    for (way, rates), colour, style in zip(
        games.items(), (COLOURS[0], COLOURS[5], COLOURS[1], COLOURS[3]), "ox^s", strict=True
    ):
        left.plot(rates, marker=style, color=colour, label=way)
    for height, words in ((gaussian, "what the noise allows"), (0.5, "a coin")):
        left.axhline(height, color=MUTED, linestyle=":", zorder=0)
        left.text(3.1, height - 0.03, words, color=MUTED, fontsize=8, ha="right")
    left.set_xticks(range(len(SIZES)), SIZES)
    left.set(title="The reader: hospital 0 in it?", xlabel="parameters", ylabel="right guesses")
    for (unit, curves), colour in zip(learnt.items(), COLOURS, strict=False):
        right.plot(range(1, ROUNDS + 1), curves.T, color=colour, linewidth=0.6, alpha=0.6)
        right.plot(range(1, ROUNDS + 1), curves.mean(0), color=colour, label=unit)
    right.axhline(0.5, color=MUTED, linestyle=":", zorder=0)
    right.set(title="The model: ill or not?", xlabel="round", ylabel="right diagnoses")
    note(right, "thin: two draws")
    right.legend(title="protected at epsilon 1.5:", loc="upper left")
    left.set_ylim(0.45, 1.02), right.set_ylim(0.45, 1.02)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2, fontsize=8)
print("figure:", PICTURE)

# %% [markdown]
# The same epsilon: protecting patients cost some of the skill, protecting hospitals nearly all of
# it. The promises differ in *whom* they protect, and from *whom*; a run prints both. Noise for
# patients is added at their own hospital, so that not even the server sees more. Noise for
# hospitals is the server's, who sees all.
#
# ## Exercise
#
# Write (Eq. 7.1) in `exercises/07_clip.py`. One line is nearly right. The laws know NaN, the zero
# update, squares that vanish, and roundings above the bound:
#
#     pytest tests/contracts --impl clip=tutorials/exercises/07_clip.py:clipped
