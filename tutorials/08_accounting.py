# %% [markdown]
# # 08 · Accounting
#
# Chapter 07 made one release private. A run makes hundreds, all about the same patients. **What do
# many private rounds cost together?** And how do we know that the answer is not too small?

# %%
from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import numpy as np

from fedmini.privacy import gaussian
from fedmini.privacy.accountant import Charge, epsilon, noise_multiplier, total_epsilon
from fedmini.report.canvas import COLOURS, MUTED, sheet
from fedmini.rng import numpy_stream

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
DELTA, BUDGET, ROUNDS = 1e-5, 1.5, 10

# %% [markdown]
# ## What an epsilon means
#
# Whatever a reader looks for in a release, what has the chance $p$ when a patient is in the data
# has a chance of at least $(p - \delta)\, e^{-\varepsilon}$ when he is not, and the other way
# round. So, but for the small $\delta$, a release multiplies the odds that he is in the data by at
# most $e^\varepsilon$.

# %%
for eps in (0.1, 0.5, 1.5, 4.0, 8.0):
    odds = 0.01 / 0.99 * math.exp(eps)
    print(f"epsilon {eps}: a suspicion of 1% becomes at most {odds / (1 + odds):.1%}")

# %% [markdown]
# ## One release: the privacy loss
#
# Let $Q$ be the density of what is released with the patient, $P$ without. The **privacy loss**
# $L = \log Q / P$ of a draw says how strongly it speaks for him. Where it stays below $\varepsilon$
# the promise holds; $\delta$ pays for the rest: $\delta(\varepsilon) = \mathbb{E}_Q \max(0, 1 -
# e^{\varepsilon - L})$. Where $Q$ and $P$ are bell curves, $\mu = 1 / z$ of their width apart, this
# is (Balle and Wang 2018)
# $$\delta(\varepsilon) = \Phi(-a) - e^\varepsilon\, \Phi(-a - \mu), \quad
# a = \frac{\varepsilon}{\mu} - \frac{\mu}{2} \tag{Eq. 8.1}$$
# and no bound but the truth. The classic formula, $z = \sqrt{2 \ln(1.25 / \delta)} / \varepsilon$,
# is proven for $\varepsilon$ below 1 only. There it wastes noise. Above, nobody promised anything:

# %%
print("epsilon intended -> spent with the classic noise")
CLASSIC = math.sqrt(2 * math.log(1.25 / DELTA))
for eps in (0.5, 1.0, 4.0, 8.0, 10.0, 20.0):
    print(f"{eps:6} -> {gaussian.epsilon(eps / CLASSIC, DELTA):.2f}")

# %% [markdown]
# ## Many releases
#
# Each release is a new draw, and the losses add up. Adding up *epsilons* would add up the worst
# cases, as if every draw were the unluckiest. But sums of draws spread like $\sqrt{T}$. Bell curves
# add up to a bell curve, even when some rounds had more noise than others:
# $$\mu^2 = \sum_i \frac{1}{z_i^2} \tag{Eq. 8.2}$$
#
# ## Secret sampling
#
# Let each patient be drawn into a batch with the chance $q$, independently, and *nobody see who
# was*. Then one step says little about him: mostly he was not in it. What is released becomes a
# mixture, and the ratio of the densities, at $x$ clip bounds in his direction,
# $$\frac{Q(x)}{P(x)} = (1 - q) + q \exp\Big(\frac{2 x - 1}{2 z^2}\Big) \tag{Eq. 8.3}$$
# The sum of such losses is no simple curve, and there are two ways to bound it. The *Renyi* way
# (Mironov, Talwar, Zhang 2019) takes one number from each step, a moment, and multiplies them:
# $A = \prod_t \mathbb{E}_P (Q_t / P_t)^\alpha$. The product becomes an epsilon, at the best order
# $\alpha$ (Canonne, Kamath, Steinke 2020):
# $$\varepsilon = \frac{\log A - \log \delta - \log \alpha}{\alpha - 1} + \log \frac{\alpha - 1}
# {\alpha} \tag{Eq. 8.4}$$
# The *loss distribution* way keeps the whole distribution of $L$ on a fine grid and convolves it.
# It is `--dp-accountant pld`, and lies closer. Neither may lie below the truth. So we draw losses:

# %%
RATE, STEPS = 16 / 200, 13  # a batch of 16 in 200 patients; steps a round
Z = noise_multiplier(epsilon=BUDGET, delta=DELTA, sample_rate=RATE, steps=ROUNDS * STEPS)


def drawn_losses(steps: int, runs: int = 200_000) -> np.ndarray:
    """(runs,) the privacy loss of a patient in as many whole runs, by (Eq. 8.3)."""
    draws, total = numpy_stream(0, "losses"), np.zeros(runs)
    for _ in range(steps):
        x = Z * draws.standard_normal(runs) + (draws.random(runs) < RATE)
        total += np.log1p(RATE * np.expm1((x - 0.5) / Z**2))
    return total


def least_epsilon(losses: np.ndarray, delta: float) -> float:
    """The epsilon at which E max(0, 1 - e^(epsilon - L)) is delta."""
    low, high = 0.0, float(losses.max())
    for _ in range(40):
        middle = (low + high) / 2
        above = np.maximum(0, -np.expm1(middle - losses)).mean() > delta
        low, high = (middle, high) if above else (low, middle)
    return high


losses = drawn_losses(ROUNDS * STEPS)
for delta in (1e-2, 1e-3, 1e-4):
    run = {"sample_rate": RATE, "noise_multiplier": Z, "steps": ROUNDS * STEPS, "delta": delta}
    bounds = {name: epsilon(accountant=name, **run) for name in ("rdp", "pld")}
    found = least_epsilon(losses, delta)
    print(f"delta {delta:6}: drawn {found:.3f}, pld {bounds['pld']:.3f}, Renyi {bounds['rdp']:.3f}")
    assert found <= 1.02 * bounds["pld"] <= 1.02 * bounds["rdp"]

# %% [markdown]
# ## The same run in four accounts
#
# The noise is what Renyi asks for ten rounds at $\varepsilon = 1.5$.

# %%
def spent(rounds: int, **other: object) -> float:
    """Epsilon of so many rounds of this hospital."""
    run = {"sample_rate": RATE, "noise_multiplier": Z, "delta": DELTA}
    return epsilon(**run | {"steps": rounds * STEPS} | other)


LAST = 2 * ROUNDS
accounts = {
    "as if everybody saw the batches": [spent(n, sample_rate=1.0) for n in range(1, LAST + 1)],
    "epsilons of rounds, added up": [n * spent(1, delta=DELTA / n) for n in range(1, LAST + 1)],
    "Renyi": [spent(n) for n in range(1, LAST + 1)],
    "loss distribution": [spent(n, accountant="pld") for n in range(1, LAST + 1)],
}
for words, curve in accounts.items():
    print(f"{words:32} 1, {ROUNDS}, {LAST} rounds:", end=" ")
    print(", ".join(f"{curve[n - 1]:.2f}" for n in (1, ROUNDS, LAST)))
less = noise_multiplier(
    epsilon=BUDGET, delta=DELTA, sample_rate=RATE, steps=ROUNDS * STEPS, accountant="pld"
)
print(f"noise for {ROUNDS} rounds: {Z:.3f} by Renyi, {less:.3f} by the loss distribution")

# %% [markdown]
# All four are true: each is an upper bound. The two upper ones only stop a run early. Twice the
# rounds cost not twice the epsilon, and the better account gives two more rounds, or less noise.
#
# ## Broken accounts
#
# An account that is too *small* leaves no trace in any learning curve. Four that were seen:
#
# * **The epsilon of a round**, reported for the run.
# * **Begun again at a resume**: what was spent before the crash is forgotten.
# * **A cohort that is no secret**, 3 of 10 hospitals for thirty rounds, charged at $q = 0.3$. Who
#   took part stands in a log. (Eq. 8.3) holds for nobody who reads it, and the rate to state is 1.
#   It is 1, too, for cohorts of a fixed size: their members are not drawn independently.
# * **The classic noise**, far above its range.

# %%
half = [Charge(RATE, Z, ROUNDS * STEPS // 2)]
cohort = {"noise_multiplier": 5.0, "steps": 30, "delta": DELTA}
broken = {
    "one round\nfor all ten": (spent(1), spent(ROUNDS)),
    "begun again\nat a resume": (total_epsilon(half, DELTA), total_epsilon(half + half, DELTA)),
    "3 of 10,\nnot in secret": tuple(epsilon(sample_rate=q, **cohort) for q in (0.3, 1.0)),
    "classic noise": (20.0, gaussian.epsilon(20.0 / CLASSIC, DELTA)),
}
for words, (reported, true) in broken.items():
    print(f"{words.replace(chr(10), ' '):25} reported {reported:5.2f}, spent {true:5.2f}")
    assert reported < true

# %%
PICTURE = FIGURES / "08_accounting.png"
with sheet(PICTURE, "What a run has spent", height=3.8, synthetic=False) as figure:
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    for (words, curve), colour in zip(accounts.items(), COLOURS, strict=False):
        left.plot(range(1, LAST + 1), curve, color=colour, label=words)
    left.axhline(BUDGET, color=MUTED, linestyle=":")
    left.text(LAST, 0.83 * BUDGET, "budget 1.5", color=MUTED, fontsize=8, ha="right")
    left.set(title="Four true accounts", xlabel="round", ylabel="epsilon", yscale="log")
    left.set_yticks((0.5, 1, 2, 5, 10, 20, 40), (0.5, 1, 2, 5, 10, 20, 40))
    left.minorticks_off()
    figure.legend(loc="outside lower left", ncols=2, fontsize=8)
    places, ends = range(len(broken)), np.array(list(broken.values()))
    right.hlines(places, *ends.T, color=MUTED, zorder=0)
    right.plot(ends[:, 0], places, "o", color=COLOURS[1], markerfacecolor="white", label="reported")
    right.plot(ends[:, 1], places, "o", color=COLOURS[1], label="spent")
    right.set_yticks(places, broken)
    right.set(title="Four broken ones", xlabel="epsilon", xscale="log", ylim=(3.4, -0.4))
    right.set_xticks((0.5, 1, 2, 5, 10, 20), (0.5, 1, 2, 5, 10, 20))
    right.minorticks_off()
    right.legend(loc="lower left")
print("figure:", PICTURE)

# %% [markdown]
# ## What a run does with it
#
# A run with `--dp-epsilon` asks for the noise first, as we did. Then, before anything of a round is
# released, it writes what the round is about to spend into `privacy.jsonl`, and waits until that is
# on the disk. So after a crash the ledger may say too much, never too little. A replayed round
# draws the same noise from the run's key, releases the same bits and is charged once. Before a round
# that would pass the budget, training stops. What there is to hope for can be asked beforehand:
#
#     python -m fedmini.privacy explain --clients 10 --epsilon 1.5
#
# ## Exercise
#
# `exercises/08_total.py` adds up epsilons. Make it an account by (Eq. 8.2) and (Eq. 8.4); the
# moments of (Eq. 8.3) are in `fedmini.privacy.renyi.log_moment`:
#
#     pytest tests/contracts --impl total_epsilon=tutorials/exercises/08_total.py:total
