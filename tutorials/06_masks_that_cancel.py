# %% [markdown]
# # 06 · Masks that cancel, clients that vanish
#
# A federation moves no images. But updates are made of images, and the server reads every update,
# though it needs only their sum. **How does a server add what it cannot read?** And what if a
# hospital vanishes halfway?

# %%
from __future__ import annotations

import os
import tempfile
import time
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from fedmini.messages import wire_size
from fedmini.network import Network
from fedmini.report.canvas import COLOURS, INK, sheet
from fedmini.ring import Ring
from fedmini.rng import numpy_stream, stream
from fedmini.secagg import Aborted, Coordinator, Participant, ProtocolError, secure_sum
from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import MaskedInput, Unmask
from fedmini.secagg.pairwise import add_pairwise_masks
from fedmini.secagg.shamir import combine, split
from fedmini.secagg.x25519 import public_key

FIGURES = Path(os.environ.get("FEDMINI_FIGURES") or tempfile.mkdtemp())
torch.set_num_threads(1)  # the vectors are small: a second thread would only wait
HOSPITALS, SIDE, THRESHOLD = ("Agate", "Basalt", "Coral", "Flint", "Onyx"), 48, 3
ILL = dict(zip(HOSPITALS, (1.0, 0.0, 1.0, 1.0, 1.0), strict=True))

# %% [markdown]
# ## What an update tells
#
# Five hospitals have one image each, drawn here, and take one step of logistic regression. With
# image $x$, diagnosis $y$ and the model's probability $p$ the gradient is $(p - y)\, x$ for the
# weights and $p - y$ for the bias. Divide one by the other: there is $x$. And the bias alone tells
# the diagnosis: it rises with the ill. More images and more layers blur this, but promise nothing.

# %%
def chest(name: str) -> Tensor:
    """An image (48, 48): two lungs in a body, and a spot in one of the ill."""
    y, x = torch.meshgrid(*2 * [torch.linspace(-1, 1, SIDE)], indexing="ij")
    wide, high, up, side = torch.rand(4, generator=stream(name, "chest")) - 0.5

    def disc(at_y: float, at_x: float, height: float, width: float) -> Tensor:
        return torch.sigmoid(12 * (1 - ((y - at_y) / height) ** 2 - ((x - at_x) / width) ** 2))

    lungs = sum(disc(0.3 * high, at_x, 0.6, 0.25 + 0.15 * wide) for at_x in (-0.4, 0.4))
    spot = ILL[name] * disc(0.6 * up, 0.4 * side.sign(), 0.1, 0.1)
    return 0.8 * disc(0.0, 0.0, 1.0, 0.9) - 0.6 * lungs + 0.5 * spot


def update(name: str) -> Tensor:
    """What a step of length 1 from zero adds to weights and bias: (48 · 48 + 1,)."""
    model = torch.zeros(SIDE * SIDE + 1, requires_grad=True)
    logit = model[:-1] @ IMAGES[name].flatten() + model[-1]
    nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor(ILL[name])).backward()
    return -model.grad


IMAGES, RING = {name: chest(name) for name in HOSPITALS}, Ring(bits=32, fractional_bits=24)
SENT = {name: RING.encode(update(name), count=5) for name in HOSPITALS}


def read(vector: Tensor) -> Tensor:
    """The image that a vector of the ring tells: its weights, divided by its bias."""
    numbers = RING.decode(vector)
    return (numbers[:-1] / numbers[-1]).view(SIDE, SIDE)


error = float((read(SENT["Coral"]) - IMAGES["Coral"]).abs().max())
print(f"the image read from Coral's update: no pixel is off by more than {error:.0e}")

# %% [markdown]
# ## Masks that cancel
#
# Any two hospitals $u$ and $v$ agree on a seed $s_{uv}$: each joins its own private key with the
# other's public one. The server carries the public ones, and cannot. (Here private keys come from a
# stream, in a run from `secrets`, anew each round.) A generator (PRG) makes of a seed as many words
# as a vector has, which look random, and hospital $u$ adds
# $$\sum_{v > u} \text{PRG}(s_{uv}) - \sum_{v < u} \text{PRG}(s_{uv}) \tag{Eq. 6.1}$$
# In the sum each mask stands once with plus and once with minus, modulo $2^{32}$ as in chapter 01:
# the sum is exact, and a masked word looks like any other. Masks in floats leave roundings behind.

# %%
KEYS = {name: numpy_stream(0, "mask key", name).bytes(32) for name in HOSPITALS}
PUBLIC = {name: public_key(key) for name, key in KEYS.items()}


def in_common(name: str, key: bytes, others: tuple[str, ...] = HOSPITALS) -> Tensor:
    """(Eq. 6.1): what a hospital with this private key adds to its vector."""
    total, peers = torch.zeros_like(SENT[name]), {v: PUBLIC[v] for v in others if v != name}
    add_pairwise_masks(total, name, key, peers, round=1, generator="shake")
    return total


uploads = {name: SENT[name] + in_common(name, KEYS[name]) for name in HOSPITALS}
assert sum(uploads.values()).equal(sum(SENT.values()))
print("0.1 + 0.2 under a float mask:", float(torch.tensor(0.1) + 1e6 + (torch.tensor(0.2) - 1e6)))

# %% [markdown]
# ## A client vanishes
#
# Coral agrees on its seeds, and then its line goes down. The masks that the other four have in
# common with it cancel against nothing:

# %%
ARRIVED = tuple(name for name in HOSPITALS if name != "Coral")
true, garbage = (sum(vectors[name] for name in ARRIVED) for vectors in (SENT, uploads))
print(f"of {len(true)} words of the sum, {int((garbage == true).sum())} are right")

# %% [markdown]
# One line down, four hospitals' work lost. So before anybody uploads, what is behind Coral's masks
# must be with others, and yet with nobody. Shamir (1979) hides a secret as the value at zero of a
# polynomial, modulo a prime $P$, with coefficients that are drawn. Each hospital keeps one point:
# $$f(x) = \text{secret} + c_1 x + \dots + c_{t-1} x^{t-1} \bmod P \tag{Eq. 6.2}$$
# Through $t$ points $(x_i, y_i)$ goes one polynomial of degree $t - 1$. Its value at zero is
# $$f(0) = \sum_i y_i \prod_{j \ne i} \frac{x_j}{x_j - x_i} \bmod P \tag{Eq. 6.3}$$
# $t - 1$ points fit *any* secret equally well: they tell nothing. In a field of seven numbers:

# %%
def two_shares(secret: int) -> set[tuple[bytes, bytes]]:
    """All that the first two of three shares can be."""
    whole, coefficients = secret.to_bytes(32, "little"), map(iter, product(range(7), repeat=2))
    dealt = (split(whole, 3, (1, 2, 3), lambda _, c=c: next(c), prime=7) for c in coefficients)
    return {(shares[1], shares[2]) for shares in dealt}


assert all(two_shares(secret) == two_shares(0) for secret in range(7))
print(f"49 polynomials a secret, and {len(two_shares(0))} pairs: each once, whatever the secret")

# %% [markdown]
# From three shares comes Coral's mask key. The server adds what Coral would have added to the four:

# %%
shares = split(KEYS["Coral"], THRESHOLD, range(1, 6))
key = combine({x: shares[x] for x in (1, 4, 5)}, THRESHOLD)
repaired = garbage + in_common("Coral", key, ARRIVED)
assert repaired.equal(true)

# %% [markdown]
# ## A late upload
#
# Then Coral's line comes back, and with it the upload: it was only late. (Or a curious server just
# *said* that it had not come.) And the server knows Coral's key. This is the broken version, and
# many a demonstration ends here. One more mask repairs it, from a seed $b_u$ of which the others
# keep shares as well:
# $$y_u = x_u + \text{PRG}(b_u) + \text{the masks of (Eq. 6.1)} \tag{Eq. 6.4}$$
# In the end the server asks for the **seed** of each $u$ whose vector arrived, and for the **key**
# of each $v$ who vanished. With them it takes off what did not cancel:
# $$\sum_u x_u = \sum_u \big(y_u - \text{PRG}(b_u)\big) + \sum_v \Big(
# \sum_{u > v} \text{PRG}(s_{uv}) - \sum_{u < v} \text{PRG}(s_{uv}) \Big) \tag{Eq. 6.5}$$
# What comes late stays under its own mask, unless **both** secrets of its client come out.

# %%
own_mask = torch.zeros_like(uploads["Coral"])
add_mask(own_mask, numpy_stream(0, "seed", "Coral").bytes(32), 1)
known = in_common("Coral", key)
late = {
    "one kind of mask (broken)": uploads["Coral"] - known,
    "a mask of its own": uploads["Coral"] + own_mask - known,
    "a mask of its own, both secrets out (broken)": uploads["Coral"] + own_mask - own_mask - known,
}
for words, vector in late.items():
    print(f"Coral late, {words}: its vector is bare: {vector.equal(SENT['Coral'])}")
    assert vector.equal(SENT["Coral"]) == ("broken" in words)

# %% [markdown]
# So a client is asked once, and gives one share for each name. And $t$ is more than half: or else
# one half could be told that Coral arrived, the other that it did not. Here is a server that tries:

# %%
VECTORS = list(SENT.values())
clients = {name: Participant(name, 1, lambda _, name=name: SENT[name]) for name in HOSPITALS}
server = Coordinator(Network(clients), 1, THRESHOLD)
total, _ = server.aggregate(HOSPITALS, lambda _, letters: MaskedInput(1, letters))
assert total.equal(sum(VECTORS))
for ask in (
    lambda: clients["Agate"].answer(Unmask(1, ARRIVED)),  # all arrived; now say that Coral did not
    lambda: secure_sum(VECTORS, threshold=2),
    lambda: secure_sum(VECTORS, dropped=(0, 1, 2)),
):
    try:
        ask()
    except (ProtocolError, Aborted) as refusal:
        print(f"{type(refusal).__name__}: {refusal}")

# %% [markdown]
# ## The whole protocol, and what it costs
#
# `secure_sum` asks four questions (Bonawitz et al. 2017): for keys, for sealed shares, for the
# masked vector, for shares in the clear. Whoever vanishes after the upload is still in the sum.

# %%
for count in (5, 10, 20):
    begin, vectors = time.process_time(), [torch.full((10**5,), k).int() for k in range(count)]
    total, transcript = secure_sum(vectors, dropped={1: "masked input", 2: "unmask"})
    assert total.equal(sum(vectors) - vectors[1])
    sent = [wire_size(reply) for name, _, reply in transcript if name == "0"]
    print(f"{count} clients: {time.process_time() - begin:.1f} s; one sends {sent} bytes")

# %% [markdown]
# A masked vector is as long as a bare one, and the rest does not grow with the model. But both ends
# of every pair agree on keys and draw a mask: the time of all together grows with $n^2$.
#
# ## What it does not hide
#
# **The sum.** Four hospitals who put theirs together know the fifth's, and so does whoever sees the
# same update in one sum and not in another. **The names** of those who arrived. And it stops no
# **server that cheats**: let one make up four clients who send zeros. Nobody signs keys here.

# %%
five, four = (secure_sum(VECTORS, dropped=missing)[0] for missing in ((), (2,)))
alone, _ = secure_sum([SENT["Coral"]] + 4 * [torch.zeros_like(SENT["Coral"])])
assert alone.equal(SENT["Coral"]) and alone.equal(five - four)

PANELS = {
    "Coral's update, plain": SENT["Coral"],
    "with masks in common": uploads["Coral"],
    "the sum of all five": five,
    "two sums, subtracted": five - four,
    "Coral vanishes: the sum": garbage,
    "its key found: the sum": repaired,
    "late, without its own mask": late["one kind of mask (broken)"],
    "late, with its own mask": late["a mask of its own"],
}
PICTURE = FIGURES / "06_masks_that_cancel.png"
TITLE = "What the server reads; in blue, one patient laid bare"
with sheet(PICTURE, TITLE, height=4.4, synthetic=True) as figure:
    for axes, (words, vector) in zip(figure.subplots(2, 4).flat, PANELS.items(), strict=True):
        axes.imshow(read(vector), cmap="gray")  # each in greys of its own
        bare = vector.equal(SENT["Coral"])
        axes.set_title(words, fontsize=8, color=COLOURS[0] if bare else INK)
        axes.set_axis_off()
print("figure:", PICTURE)

# %% [markdown]
# What a sum tells about one hospital, chapter 07 measures and hides: `--secagg --dp-unit client`.
#
# ## Exercise
#
# In `exercises/06_shamir.py` two shares are enough whatever the threshold. Repair that:
#
#     pytest tests/contracts --impl shamir=tutorials/exercises/06_shamir.py:Sharing
