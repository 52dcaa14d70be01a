"""What differential privacy changes in a federation, for each of its three units.

    client            the server draws cohorts and noise from the run's key, and divides by the
                      weight it expected; names and counts of a secret cohort stay out of the log;
                      or hospitals add noise, each of its own stream of that key, before they mask
    record, patient   every client gets what its steps may release

A hospital's clipping stands in `uplink` and `dp_sgd`; the account in `privacy/`.
"""

import dataclasses
import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fedmini.aggregation.mean import Mean
from fedmini.data.dataset import Dataset
from fedmini.dp_sgd import PrivateClient, Release, units_of
from fedmini.errors import UserError
from fedmini.federation import Federation
from fedmini.messages import Upload, wire_size
from fedmini.privacy import skellam
from fedmini.privacy.explain import warning
from fedmini.privacy.mechanism import gaussian_noise, noisy_mean
from fedmini.privacy.outlook import Outlook
from fedmini.privacy.plan import EVERYONE, make_plan
from fedmini.ring import Ring
from fedmini.rng import stream
from fedmini.server import Round
from fedmini.uplink import public_weight, ring


def public(dataset: Dataset) -> Dataset:
    """The data set with a mean and a std that say nothing about its patients.

    Of pixels from 0 to 255 the middle and a quarter of the range; otherwise 0 and 1.
    """
    mean, std = (127.5, 63.75) if dataset.images.dtype == np.uint8 else (0.0, 1.0)
    return dataclasses.replace(
        dataset, mean=np.full_like(dataset.mean, mean), std=np.full_like(dataset.std, std)
    )


def protect(federation: Federation, key: bytes) -> None:
    """Make a federation private under its options; `key` is the run's secret.

    Its plan stays None, with a notice, where no update is sent that could be protected: client
    privacy of an algorithm without a network. UserError for a network with buffers.
    """
    config, server = federation.config, federation.server
    if len(federation.model.buffers):
        found = f"--model {config.model} keeps statistics in buffers, to which no noise is added"
        raise UserError(f"{found}: differential privacy needs one without, as with --norm group")
    if config.unit != "client":
        federation.notices = hopeless(federation, protect_steps(federation, key))
    elif server.algorithm.alone:
        federation.notices = [f"{config.algo} sends no update: --dp-unit client adds it no noise"]
    elif server.shared is None:
        federation.notices = hopeless(federation, protect_clients(federation, key))
    else:
        found = f"--dp-unit client: --algo {config.algo} keeps a part of the model at each hospital"
        raise UserError(f"{found}, without noise; use one that shares all, or --dp-unit patient")


def protect_clients(federation: Federation, key: bytes) -> dict[str, float]:
    """Noise at the server, or at every client, for their sum; returns the weight expected of it."""
    config, server = federation.config, federation.server
    part = server.cohorts.size / len(server.cohorts.clients)
    rate = part if server.cohorts.poisson else 1.0
    asked = [frozenset([EVERYONE])] * config.rounds
    plan = make_plan(config, {EVERYONE: (rate, 1)}, asked)
    clients, cap = federation.clients.values(), config.weight_cap
    expected = part * sum(public_weight(each.examples, cap) for each in clients)
    noise_multiplier = plan.charges[EVERYONE].noise_multiplier
    whole = ring(config, len(clients)) or Ring()
    if not config.secagg:
        server.min_survivors = 0  # an empty cohort is released like any other
    if config.dp_mode == "distributed":
        add_noise_at_clients(federation, noise_multiplier, server.sent, key)
        noise_multiplier = 0.0  # the sum holds it

    def noisy_sum(cohort: int) -> NoisySum:
        draws = stream(key, "noise", server.round)
        noise = gaussian_noise(server.sent, config.clip, noise_multiplier, draws)
        return NoisySum(cohort, noise.to(server.model.device), expected, whole)

    server.cohorts = dataclasses.replace(server.cohorts, key=key)
    server.aggregator = noisy_sum
    federation.plan = plan
    return {EVERYONE: expected}


def add_noise_at_clients(federation: Federation, noise: float, size: int, key: bytes) -> None:
    """Let every client add integer noise to the `size` coordinates of its update.

    `noise` clip bounds are charged, and made by as few clients as a round may end with, less
    --dp-colluders. In a deployment each client draws from a key of its own, here from the run's.
    """
    config, server, clients = federation.config, federation.server, federation.clients
    honest = max(server.threshold, int(server.cohorts.size) // 2 + 1) - config.dp_colluders
    # With f bits after the point, noise reaches no further than 2^f times this
    reach = skellam.reach(len(clients) * skellam.variance(noise, config.clip, honest), size)
    # (z C 2^f)^2 / honest <= LOUDEST
    finest = math.floor(math.log2(skellam.LOUDEST * honest) / 2 - math.log2(noise * config.clip))
    server.ring = ring(config, len(clients), reach, finest)
    # ((z C 2^f)^2 + 9/4) / honest (Eq. 9.3)
    spread = skellam.variance(noise, config.clip * 2.0**server.ring.fractional_bits, honest)
    for client in server.network.clients.values():
        client.ring = server.ring
        client.noise = partial(skellam.skellam_noise, size, spread, key)


def protect_steps(federation: Federation, key: bytes) -> dict[str, float]:
    """Noise in every step of every client; returns the units expected in a step of each."""
    config, cohorts = federation.config, federation.server.cohorts
    asked = [frozenset(cohorts.sample(round)) for round in range(1, config.rounds + 1)]
    parties = {}
    for name, client in federation.clients.items():
        client.units = units_of(client.data, config.unit)
        count = max(1, len(client.units))
        rate = min(1.0, config.batch_size / count)
        parties[name] = (rate, client.training.steps_of(count))
    plan = make_plan(config, parties, asked)
    limits = config.clip, config.dp_images_per_patient, config.dp_physical_batch
    for name, client in federation.clients.items():
        client.release = Release(plan.charges[name], *limits, key)
    federation.plan = plan
    return {name: parties[name][0] * len(each.units) for name, each in federation.clients.items()}


def hopeless(federation: Federation, expected: dict[str, float]) -> list[str]:
    """A warning, where not even the party with the least noise can be expected to learn.

    The mean over hospitals, each with noise of its own, has less of it by the root of their number.
    """
    plan, parameters = federation.plan, len(federation.model.vector)
    if plan.unit == "client":
        parameters = federation.server.sent
    averaged = math.sqrt(1 if plan.unit == "client" else federation.server.cohorts.size)
    found = []
    for name, charge in plan.charges.items():
        if expected[name]:
            steps = charge.steps * max(1, sum(name in each for each in plan.asked))
            mean = expected[name] * averaged
            found.append(Outlook(plan.unit, charge.noise_multiplier, mean, steps, parameters))
    words = [warning(each) for each in sorted(found, key=lambda each: each.ratio)[:1]]
    return [" ".join(each.split()) for each in words if each]


class NoisySum(Mean):
    """The mean of clipped updates, of weights up to 1, over the weight expected, with noise."""

    def __init__(self, cohort: int, noise: Tensor, expected: float, ring: Ring = Ring()) -> None:
        super().__init__(cohort + 1, ring)
        self.noise, self.expected = noise, expected
        self.add("nobody", torch.zeros_like(noise), 1.0)  # a sum over nobody is a sum too

    def mean_of(self, total: Tensor, weight: float) -> Tensor:
        """The noisy mean from a sum; its real weight plays no part."""
        return noisy_mean(total, self.noise, self.expected)


def withheld(federation: Federation, record: Round) -> Round:
    """The record for the log: of a cohort that must stay secret neither names nor counts.

    Bytes are those expected of it; its loss and its seconds, which would tell, are left out.
    """
    server, unit = federation.server, federation.config.unit
    if unit != "client" or not server.cohorts.poisson:
        return record
    (question,) = server.questions(server.cohorts.clients[:1]).values()
    question = dataclasses.replace(question, acknowledged=0)  # whether that one came is a secret
    answer = Upload(record.number, torch.zeros(server.sent), 1.0, {"loss": torch.zeros(())})
    sizes = {"bytes_down": wire_size(question), "bytes_up": wire_size(answer)}
    expected = {name: round(size * server.cohorts.size) for name, size in sizes.items()}
    nobody = {"cohort": [], "dropped": [], "failures": {}}
    unknown = dict.fromkeys(("train_loss", "seconds", "simulated_hours"))
    return dataclasses.replace(record, **nobody, **unknown, **expected)
