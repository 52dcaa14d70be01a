"""Laws of noise that clients add before they mask: how much, in which units, against whom."""

from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from hypothesis import strategies as st

from fedmini.config import Config
from fedmini.messages import Train, Upload
from fedmini.network import Network
from fedmini.ring import Ring
from fedmini.secure import SecureClient, SecureServer
from fedmini.server import Cohorts
from tests.contracts.framework import law, real

real("add_noise_at_clients", "fedmini.private:add_noise_at_clients")

SIZE, KEY, BEFORE = 3000, b"k" * 32, Ring(32, 21)
QUESTION = Train(1, 0.1, {"model": torch.zeros(SIZE)})
CLIPS, NOISES = st.sampled_from([0.01, 1.0, 40.0]), st.sampled_from([0.5, 4.0])
COHORTS = st.sampled_from([(2, None, 1), (5, None, 1), (7, 6, 0), (7, 6, 2), (9, None, 4)])


class Sends:
    """A client that sends one update, whatever it is asked."""

    def __init__(self, name: str, update: torch.Tensor) -> None:
        self.name, self.update = name, update

    def answer(self, question: Train) -> Upload:
        return Upload(question.round, self.update, 1.0, {"loss": torch.tensor(0.5)})


def noisy(impl, clip: float, noise: float, cohort: tuple, value: float = 0.0) -> SecureServer:
    """A server above clients that send `value` everywhere, made noisy."""
    count, threshold, colluders = cohort
    config = Config(
        secagg="masks", secagg_threshold=threshold, dp_colluders=colluders, dp_unit="client",
        dp_noise_multiplier=noise, dp_mode="distributed", clip=clip, ring_bits=32,
    )  # fmt: skip
    senders = [Sends(f"hospital-{k}", torch.full((SIZE,), value)) for k in range(count)]
    clients = {each.name: SecureClient(each, BEFORE, count, "shake") for each in senders}
    server = SecureServer(
        torch.zeros(SIZE),
        network=Network(clients),
        cohorts=Cohorts(tuple(clients), count),
        algorithm=None,
        aggregator=None,
        learning_rate=None,
    )
    server.settle(config, BEFORE)
    impl(SimpleNamespace(config=config, server=server, clients=clients), noise, SIZE, KEY)
    return server


def vectors(server: SecureServer) -> list[torch.Tensor]:
    """What each client would put under its masks."""
    return [each.vector(QUESTION) for each in server.network.clients.values()]


@law("add_noise_at_clients", clip=CLIPS, noise=NOISES, cohort=COHORTS)
def law_survivors_less_colluders_make_the_noise_that_is_charged(impl, clip, noise, cohort):
    """Whatever else is lost or told, and not more than that either."""
    count, threshold, colluders = cohort
    server = noisy(impl, clip, noise, cohort)
    least = max(threshold or 0, count // 2 + 1, colluders + 1) - colluders
    summed = server.ring.decode(sum(vectors(server)[-least:]))[:SIZE]
    part = float(summed.square().mean()) / (noise * clip) ** 2
    assert abs(part - 1) < 6 * math.sqrt(2 / SIZE), f"{part:.3f} of the variance charged"


@law("add_noise_at_clients", clip=CLIPS, noise=NOISES, cohort=COHORTS)
def law_the_other_sums_are_silent_and_the_weight_is_exact(impl, clip, noise, cohort):
    server = noisy(impl, clip, noise, cohort)
    for vector in vectors(server):
        assert server.ring.decode(vector[SIZE:]).tolist() == [0.0, 0.0, 1.0]


@law("add_noise_at_clients", noise=NOISES, cohort=COHORTS)
def law_noise_is_added_to_what_was_encoded(impl, noise, cohort):
    """And lost in no rounding: it is the same whatever the update is."""
    clip = 2.0
    silent = vectors(noisy(impl, clip, noise, cohort))
    server = noisy(impl, clip, noise, cohort, value=0.01)
    encoded = server.ring.encode(torch.full((SIZE,), 0.01))
    for without, vector in zip(silent, vectors(server), strict=True):
        assert torch.equal(vector[:SIZE] - without[:SIZE], encoded)


@law("add_noise_at_clients", clip=CLIPS, noise=NOISES, cohort=COHORTS)
def law_clients_and_server_are_in_one_ring_that_holds_the_noise(impl, clip, noise, cohort):
    server = noisy(impl, clip, noise, cohort)
    assert {each.ring for each in server.network.clients.values()} == {server.ring}
    count, _, colluders = cohort
    honest = max(server.threshold, count // 2 + 1) - colluders
    deviations = 8.5 * math.sqrt(count / honest)  # of which a normal passes 2^-40 / SIZE
    largest = count * clip + deviations * noise * clip
    assert largest * 2.0**server.ring.fractional_bits < 2**31
    assert count * 64 * 2.0**server.ring.fractional_bits < 2**31


@law("add_noise_at_clients", cohort=COHORTS)
def law_clients_have_noise_of_their_own(impl, cohort):
    first, *others = vectors(noisy(impl, 1.0, 1.0, cohort))
    assert not any(torch.equal(first[:SIZE], other[:SIZE]) for other in others)
