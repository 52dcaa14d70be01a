"""Laws of the privacy account; what it says is held against densities, summed and integrated."""

from __future__ import annotations

import dataclasses
import math

from hypothesis import strategies as st

from fedmini.privacy import accountant
from fedmini.privacy.accountant import Charge
from tests.contracts import oracles_privacy as oracle
from tests.contracts.framework import law, real

real("log_moment", "fedmini.privacy.renyi:log_moment")
real("gaussian_epsilon", "fedmini.privacy.gaussian:epsilon")
real("epsilon", "fedmini.privacy.accountant:epsilon")
real("total_epsilon", "fedmini.privacy.accountant:total_epsilon")
real("noise_for_budget", "fedmini.privacy.accountant:noise_multiplier")

SAMPLED = st.sampled_from([1e-5, 1e-3, 0.02, 0.3, 0.9])
RATES = SAMPLED | st.just(1.0)
NOISES = st.sampled_from([0.3, 0.7, 1.0, 1.9, 6.0, 30.0, 100.0])
STEPS = st.sampled_from([1, 7, 300, 20_000, 10**6])
DELTAS = st.sampled_from([1e-9, 1e-5, 1e-2])
RUN = {"sample_rate": RATES, "noise_multiplier": NOISES, "steps": STEPS, "delta": DELTAS}
BUDGETS = st.sampled_from([0.05, 0.5, 1.5, 4.0, 20.0])
ORDERS = [1 + 1.3**k for k in range(-24, 17)]  # up to 67
CHARGES = st.lists(
    st.builds(
        Charge,
        sample_rate=st.sampled_from([0.05, 0.5, 1.0]),
        noise_multiplier=st.sampled_from([1.0, 2.0, 5.0]),
        steps=st.integers(1, 4),
    ),
    min_size=1,
    max_size=3,
)
WRONG = {
    "sample_rate": [-0.1, 1.1, math.nan],
    "noise_multiplier": [-1.0, math.inf, math.nan],
    "steps": [-1, 2.5, math.inf],
    "delta": [0.0, 1.0, -1e-5, 2.0, math.nan],
    "epsilon": [0.0, -1.0, math.inf, math.nan],
}


def close(found: float, expected: float, relative: float = 1e-6) -> bool:
    return math.isclose(found, expected, rel_tol=relative)


def refuses_by_name(impl, good: dict[str, float]) -> None:
    for name, value in ((name, value) for name in good for value in WRONG[name]):
        try:
            impl(**good | {name: value})
        except ValueError as error:
            assert str(error).startswith(name), f"{name} = {value}: {error}"
        else:
            raise AssertionError(f"{name} = {value} was taken")


@law(
    "log_moment",
    order=st.sampled_from([1.01, 1.3, 1.9, 2.5, 3.7, 11.2, 40.6, 130.5]),
    rate=RATES,
    noise=NOISES,
)
def law_moment_is_the_integral(impl, order, rate, noise):
    assert close(impl(order, rate, noise), oracle.log_moment_by_quadrature(order, rate, noise))


@law("log_moment", order=st.integers(2, 60), rate=SAMPLED, noise=NOISES)
def law_moment_of_a_whole_order_is_the_binomial_sum(impl, order, rate, noise):
    assert close(impl(order, rate, noise), oracle.log_moment_by_binomials(order, rate, noise))


@law("gaussian_epsilon", mu=st.floats(0.003, 60), delta=DELTAS)
def law_without_sampling_delta_is_met_exactly(impl, mu, delta):
    epsilon = impl(mu, delta)
    if epsilon == 0:
        assert oracle.gaussian_delta(0.0, mu) <= delta
    else:
        assert close(oracle.gaussian_delta(epsilon, mu), delta)


@law("gaussian_epsilon", mu=st.floats(100, 1e5), delta=DELTAS)
def law_a_large_shift_does_not_overflow(impl, mu, delta):
    # Then delta is all but Phi(-a): a lies below the quantile of delta, by less than 1 / mu
    quantile = impl(mu, delta) / mu - mu / 2
    assert close(math.erfc(quantile / math.sqrt(2)) / 2, delta, 10 / mu)


@law("total_epsilon", charges=CHARGES, delta=st.sampled_from([1e-6, 1e-3]))
def law_no_attack_sees_more_than_epsilon(impl, charges, delta):
    assert oracle.least_delta(impl(charges, delta), charges) <= delta


@law("total_epsilon", charges=CHARGES, delta=DELTAS)
def law_order_and_parts_of_a_run_do_not_matter(impl, charges, delta):
    whole = impl(charges, delta)
    single = [dataclasses.replace(each, steps=1) for each in charges for _ in range(each.steps)]
    assert close(impl(single[::-1], delta), whole)


@law("total_epsilon", noises=st.lists(NOISES, min_size=1, max_size=4), delta=DELTAS)
def law_unequal_gaussians_are_one_gaussian(impl, noises, delta):
    mu = math.sqrt(sum(1 / noise**2 for noise in noises))
    found = impl([Charge(1.0, noise) for noise in noises], delta)
    assert found == 0 or close(oracle.gaussian_delta(found, mu), delta)


@law("epsilon", **RUN)
def law_epsilon_is_as_small_as_the_best_order_allows(impl, **run):
    rate, noise, delta = run["sample_rate"], run["noise_multiplier"], run["delta"]
    moment = oracle.log_moment_by_quadrature
    best = min(
        (run["steps"] * moment(order, rate, noise) - math.log(delta * order)) / (order - 1)
        + math.log1p(-1 / order)
        for order in ORDERS
    )
    assert impl(**run) <= 1.001 * max(0.0, best) + 1e-6


@law("epsilon", factor=st.sampled_from([1.01, 3.0]), **RUN)
def law_epsilon_falls_with_privacy(impl, factor, **run):
    now = impl(**run)
    assert impl(**run | {"steps": math.ceil(run["steps"] * factor)}) >= now
    assert impl(**run | {"sample_rate": min(1.0, run["sample_rate"] * factor)}) >= now
    assert impl(**run | {"noise_multiplier": run["noise_multiplier"] * factor}) <= now
    assert impl(**run | {"delta": run["delta"] * factor}) <= now


@law("epsilon", rate=RATES, steps=STEPS, delta=DELTAS)
def law_epsilon_has_the_right_ends(impl, rate, steps, delta):
    def at(noise, **other):
        run = {"sample_rate": rate, "steps": steps, "delta": delta} | other
        return impl(noise_multiplier=noise, **run)

    assert at(0.0) == math.inf, "no noise"
    for noise in (0.0, 1.0):
        assert at(noise, steps=0) == 0 == at(noise, sample_rate=0.0), "nothing was released"
    assert 0 <= at(1e8, delta=0.5) < 1e-6, "far too much noise"


@law("epsilon")
def law_epsilon_names_bad_arguments(impl):
    good = {"sample_rate": 0.1, "noise_multiplier": 1.0, "steps": 10, "delta": 1e-5}
    refuses_by_name(impl, good)


@law("noise_for_budget", budget=BUDGETS, delta=DELTAS, rate=RATES, steps=STEPS)
def law_the_budget_is_spent_and_not_passed(impl, budget, delta, rate, steps):
    run = {"delta": delta, "sample_rate": rate, "steps": steps}
    spent = accountant.epsilon(noise_multiplier=impl(epsilon=budget, **run), **run)
    assert 0.999 * budget <= spent <= budget


@law("noise_for_budget", budget=BUDGETS, rate=RATES, steps=STEPS)
def law_nothing_released_needs_no_noise(impl, budget, rate, steps):
    assert impl(epsilon=budget, delta=1e-5, sample_rate=rate, steps=0) == 0
    assert impl(epsilon=budget, delta=1e-5, sample_rate=0.0, steps=steps) == 0


@law("noise_for_budget")
def law_budget_names_bad_arguments(impl):
    refuses_by_name(impl, {"epsilon": 1.0, "delta": 1e-5, "sample_rate": 0.1, "steps": 10})
