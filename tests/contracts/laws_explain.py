"""Laws of the outlook before training; counted, drawn and simulated instead of computed."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import torch
from hypothesis import strategies as st

from fedmini.privacy import accountant
from fedmini.privacy.explain import Outlook, warning
from fedmini.privacy.mechanism import gaussian_noise, noisy_mean
from fedmini.privacy.outlook import HOPELESS, SIZE, Study, outlook
from fedmini.rng import numpy_stream, stream
from tests.contracts.framework import law, real

real("outlook", "fedmini.privacy.outlook:outlook")
real("needed", "fedmini.privacy.outlook:needed")
real("warning", "fedmini.privacy.explain:warning")

STUDIES = st.builds(
    Study,
    clients=st.sampled_from([1, 10, 700]),
    epsilon=st.sampled_from([0.5, 1.5, 8.0]),
    rounds=st.sampled_from([1, 3, 40]),
    patients=st.sampled_from([7, 200, 5000]),
    images=st.sampled_from([30, 500, 20_000]),
    batch_size=st.sampled_from([1, 16, 64]),
    local_epochs=st.sampled_from([0.3, 1.0, 2.5]),
    cohort=st.sampled_from([0.25, 1.0]),
    parameters=st.sampled_from([1000, 175_000, 11_000_000]),
)
UNITS = st.sampled_from(["client", "record", "patient"])
PLANNED = {"study": STUDIES, "unit": UNITS}
OUTLOOKS = st.builds(
    Outlook,
    unit=UNITS,
    multiplier=st.sampled_from([0.5, 2.0, 30.0]),
    expected=st.sampled_from([0.5, 16.0, 300.0]),
    steps=st.sampled_from([1, 10, 900]),
    parameters=st.sampled_from([100, 175_000, 11_000_000]),
)
CLIP = 0.3


def counted(study: Study, unit: str) -> tuple[float, int]:
    """Sample rate and releases, by going through the batches one by one."""
    if unit == "client":
        return study.cohort, study.rounds
    size = study.patients if unit == "patient" else study.images
    full = sum(1 for _ in range(0, size, study.batch_size))
    batches = 0
    while batches < study.local_epochs * full:
        batches += 1
    return min(study.batch_size, size) / size, study.rounds * batches


@law("outlook", **PLANNED)
def law_the_noise_spends_the_budget(impl, study, unit):
    rate, steps = counted(study, unit)
    run = {"sample_rate": rate, "steps": steps, "delta": study.delta}
    spent = accountant.epsilon(noise_multiplier=impl(study, unit).multiplier, **run)
    assert 0.999 * study.epsilon <= spent <= study.epsilon


@law("outlook", **PLANNED)
def law_as_many_are_expected_as_are_drawn(impl, study, unit):
    rate, size = counted(study, unit)[0], getattr(study, SIZE[unit])
    drawn = numpy_stream("releases", str(rate), size).binomial(size, rate, size=2000)
    error = 5 * math.sqrt(size * rate * (1 - rate) / len(drawn))
    assert abs(impl(study, unit).expected - drawn.mean()) <= error + 1e-9 * size


@law("outlook", **PLANNED)
def law_noise_is_as_long_as_the_clip_at_breakeven(impl, study, unit):
    found = impl(study, unit)
    noise = gaussian_noise(
        20_000, max_norm=CLIP, noise_multiplier=found.multiplier, generator=stream(0, "breakeven")
    )
    released = noisy_mean(torch.zeros(len(noise)), noise, found.expected)
    square = float(released.square().mean()) * found.breakeven
    assert math.isclose(math.sqrt(square), CLIP, rel_tol=0.03)


@law("outlook", **PLANNED)
def law_ratio_is_that_of_a_run_in_which_all_agree(impl, study, unit):
    found = replace(impl(study, unit), steps=6, parameters=4000)
    agreed = torch.zeros(found.parameters)
    agreed[0] = CLIP
    total = torch.zeros(found.parameters, dtype=torch.float64)
    for step in range(found.steps):
        generator = stream(0, "agreed", step)
        noise = gaussian_noise(
            4000, max_norm=CLIP, noise_multiplier=found.multiplier, generator=generator
        )
        total += noisy_mean(agreed * found.expected, noise, found.expected)
    signal = agreed * found.steps
    assert math.isclose(float((total - signal).norm() / signal.norm()), found.ratio, rel_tol=0.06)


@law("outlook", **PLANNED)
def law_more_of_what_helps_is_less_noise(impl, study, unit):
    now = impl(study, unit)
    for name in (SIZE[unit], "epsilon"):
        more = impl(replace(study, **{name: 2 * getattr(study, name)}), unit)
        assert more.relative_noise < now.relative_noise and more.ratio < now.ratio, name
    longer = impl(replace(study, rounds=4 * study.rounds), unit)
    assert longer.relative_noise > now.relative_noise
    assert longer.ratio <= 1.001 * now.ratio, "more rounds have more signal"
    assert math.isclose(impl(study.scaled("parameters", 9), unit).ratio, 3 * now.ratio)


@law("needed", name=st.sampled_from(["size", "epsilon", "parameters", "rounds"]), **PLANNED)
def law_what_is_needed_is_enough_and_less_is_not(impl, study, unit, name):
    name = SIZE[unit] if name == "size" else name
    now, sign = getattr(study, name), -1 if name == "parameters" else 1

    def ratio(value: float) -> float:
        return outlook(replace(study, **{name: value}), unit).ratio

    value = impl(study, unit, name)
    if value is None:
        most = getattr(study.scaled(name, 10.0 ** (6 * sign)), name)
        assert ratio(most) > 0.999 * HOPELESS, "a million times as much would do"
        return
    assert ratio(value) <= 1.001 * HOPELESS, "it is not enough"
    assert sign * value >= sign * now
    less = value * (1 - 0.03 * sign)
    less = less if name == "epsilon" else math.floor(less) if sign > 0 else math.ceil(less)
    # With a patient more an epoch may need one more step: there the noise falls in jumps
    if sign * less >= sign * now and name not in ("patients", "images"):
        assert ratio(less) > 0.999 * HOPELESS, "less would do"


@law("needed", study=STUDIES)
def law_where_all_take_part_no_number_of_rounds_helps(impl, study):
    everyone = replace(study, cohort=1.0)
    hopeless = outlook(everyone, "client").ratio > 1.01 * HOPELESS
    assert (impl(everyone, "client", "rounds") is None) or not hopeless


@law("warning", found=OUTLOOKS)
def law_only_a_hopeless_run_is_warned_of(impl, found):
    text = impl(found)
    assert (text is not None) == (found.ratio > HOPELESS)
    if text is not None:
        lines = text.splitlines()
        assert len(lines) <= 2 and max(map(len, lines)) <= 100 and text.isascii()
        assert "hopeless" in text


@law("warning", found=OUTLOOKS)
def law_a_warning_says_what_would_be_just_enough(impl, found):
    text = warning(found) and impl(found)
    if text is None:
        return
    numbers = [float(each.replace(",", "")) for each in re.findall(r"\d[\d,.e+-]*\b", text)]
    ratio, more, expected, parameters = numbers[-4:]
    enough = [
        replace(found, expected=found.expected * more),
        replace(found, expected=expected),
        replace(found, parameters=parameters),
    ]
    assert math.isclose(ratio, found.ratio, rel_tol=0.01)
    assert all(math.isclose(each.ratio, HOPELESS, rel_tol=0.02) for each in enough)
