"""Laws about the steps of DP-SGD; the oracle takes one unit after the other."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from fedmini.algorithms.fedavg import FedAvg
from fedmini.algorithms.fedprox import FedProx
from fedmini.dp_sgd import Release, units_of
from fedmini.privacy.accountant import Charge
from tests.contracts.framework import law, real
from tests.core.federations import client, hospital, linear, question

real("private_client", "fedmini.dp_sgd:PrivateClient")

COUNT, UNIT = st.integers(1, 9), st.sampled_from(["record", "patient"])
BOUND, KEY = 0.4, b"k" * 32


def private(
    impl,
    unit: str = "record",
    count: int = 9,
    *,
    rate: float = 0.4,
    noise: float = 0.0,
    images: int = 4,
    key: bytes = KEY,
    steps: int = 4,
    seed: int = 0,
    **options: object,
):
    """A client of class `impl`; patients have two images, the last one perhaps one."""
    held = options.pop("held", None) or hospital(count=count)
    made = client(impl, held, steps=steps, key=seed, **options)
    made.units = units_of(made.data, unit)
    made.release = Release(Charge(rate, noise, steps), BOUND, images, 3, key)
    return made


def clipped_by_hand(made, units: list) -> torch.Tensor:
    """The sum of the units' clipped gradients, (4,) float64, for the linear model."""
    total = torch.zeros(4, dtype=torch.float64)
    weight, bias = made.model.vector[:3].double(), made.model.vector[3].double()
    for images, targets in units:
        x, y = images.flatten(1).double(), targets[:, 0].double()
        error = x @ weight + bias - y
        gradient = torch.cat([(error[:, None] * x).mean(dim=0), error.mean()[None]])
        total += gradient * min(1.0, BOUND / float(gradient.norm()))
    return total


@law("private_client", unit=UNIT, count=COUNT, round=st.integers(1, 3), rate=st.floats(0.1, 1))
def law_gradient_is_the_clipped_sum_over_the_expected_batch(impl, unit, count, round, rate):
    """An empty batch's is zero; the denominator is q n, whoever came."""
    made = private(impl, unit, count, rate=rate)
    made.question = question(made.model, round)
    for units, step in made.batches():
        right = clipped_by_hand(made, units) / (rate * len(made.units))
        made.gradient(units, step)
        assert torch.allclose(made.model.grad.double(), right, rtol=1e-4, atol=1e-6)


@law("private_client", unit=UNIT, rate=st.sampled_from([0.05, 0.6]), noise=st.just(1.5))
def law_every_step_has_the_noise_that_was_paid_for(impl, unit, rate, noise):
    """An empty batch too: there are many at the small rate."""
    made, sizes, noises = private(impl, unit, rate=rate, noise=noise, steps=120), [], []
    expected = rate * len(made.units)
    made.question = question(made.model)
    for units, step in made.batches():
        made.gradient(units, step)
        sizes.append(len(units))
        noises.append(made.model.grad.double() - clipped_by_hand(made, units) / expected)
    sizes, noises = torch.tensor(sizes), torch.stack(noises) * expected / (noise * BOUND)
    for some in (noises, noises[sizes == 0], noises[sizes > 2]):
        # of n draws the standard deviation has a relative standard error of 1 / sqrt(2 n)
        assert len(some) < 40 or abs(some.std() - 1) < 4 / (2 * some.numel()) ** 0.5
    assert len(noises.unique(dim=0)) == 120, "noise was used again"


class Watched(FedProx):
    """It keeps the gradient that reaches the proximal term, and the weights it is taken at."""

    def correct(self, client, down):
        self.seen.append((client.model.grad.clone(), client.model.vector.clone()))
        super().correct(client, down)


@law("private_client", mu=st.sampled_from([0.0, 1.0, 300.0]))
def law_the_proximal_term_comes_after_the_noise(impl, mu):
    """Whole: no clip bounds it, no noise is added to it."""
    algorithm = Watched(mu=mu)
    algorithm.seen = []
    made, twin = (private(impl, noise=0.5, algorithm=algorithm) for _ in range(2))
    asked = question(linear(3), lr=0.01)
    update = made.answer(asked).update
    start, twin.question = asked.arrays["model"], asked
    weights = [vector for _, vector in algorithm.seen] + [start + update]
    assert len(algorithm.seen) == 4
    for (units, step), (noisy, at), after in zip(twin.batches(), algorithm.seen, weights[1:]):
        twin.load(at)
        twin.gradient(units, step)
        assert torch.equal(noisy, twin.model.grad)
        assert torch.allclose(after, at - 0.01 * (noisy + mu * (at - start)), atol=1e-6, rtol=1e-4)


class TrainsTwice(FedAvg):
    def local_update(self, client, down):
        super().local_update(client, down)
        return super().local_update(client, down)


@law("private_client", unit=UNIT)
def law_a_round_is_trained_once(impl, unit):
    """It was charged once; the next round is another."""
    made, twice = private(impl, unit), private(impl, unit, algorithm=TrainsTwice())
    for round in (1, 2):
        assert made.answer(question(made.model, round)).update.any()
        try:
            twice.answer(question(twice.model, round))
        except RuntimeError as error:
            assert "charged" in str(error)
        else:
            raise AssertionError("a second training in a round was released")
