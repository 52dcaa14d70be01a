"""What profiles and the simulated clock promise: ranks, files, counted work, hours, deadlines."""

from __future__ import annotations

import json
import math
import tempfile
from fractions import Fraction
from pathlib import Path

import torch
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fedmini.client import LocalTraining
from fedmini.errors import UserError
from fedmini.profiles import TIERS, Profile
from tests.contracts.framework import law, real

real("profiles", "fedmini.profiles:profiles")
real("flops", "fedmini.profiles:flops")
real("step_flops", "fedmini.profiles:step_flops")
real("clock", "fedmini.profiles:Clock")

NAMES = [f"hospital {letter}" for letter in "ABCDEFGH"]
HOSPITALS = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 5), min_size=1)
SPEED = st.floats(1, 1000)
PROFILE = st.builds(Profile, gigaflops=SPEED, up=SPEED, down=SPEED)
STEPS, BYTES = st.integers(1, 200), st.integers(0, 10**9)
STEP_FLOPS = st.floats(1e9, 1e12)
WORK = st.fixed_dictionaries({"steps": STEPS, "up": BYTES, "down": BYTES})
GOOD = {"gigaflops": 500, "up": 20, "down": 100.5}


def from_file(impl, content: object, hospitals: dict[str, int]) -> dict[str, Profile]:
    """What `impl` reads from a file that holds `content` as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profiles.json"
        path.write_text(json.dumps(content))
        return impl(str(path), hospitals)


@law("profiles", hospitals=HOSPITALS)
def law_tiers_are_thirds_by_rank(impl, hospitals):
    found = impl("hospital-tiers", hospitals)
    assert found.keys() == hospitals.keys()
    for name, profile in found.items():
        ahead = sum((-n, each) < (-hospitals[name], name) for each, n in hospitals.items())
        tier = ["university", "regional", "clinic"][math.floor(Fraction(3 * ahead, len(found)))]
        assert profile == TIERS[tier], f"{name}: {ahead} of {len(found)} stand before it"


@law("profiles", hospitals=HOSPITALS)
def law_uniform_hospitals_are_alike(impl, hospitals):
    found = impl("uniform", hospitals)
    assert found.keys() == hospitals.keys() and len(set(found.values())) == 1


@law("profiles", named=st.dictionaries(st.sampled_from(NAMES), PROFILE), others=PROFILE)
def law_files_are_read_as_written(impl, named, others):
    content = {name: vars(each) for name, each in {**named, "others": others}.items()}
    found = from_file(impl, content, dict.fromkeys(NAMES, 1))
    assert found == {name: named.get(name, others) for name in NAMES}


BAD = [  # the file, and what the refusal must name
    ({"hospital A": GOOD}, "hospital B"),
    ({"hospital A": GOOD, "hospital C": GOOD, "others": GOOD}, "hospital C"),
    *(
        ({"hospital A": {**GOOD, field: value}, "others": GOOD}, f"'hospital A': {field}")
        for field in GOOD
        for value in (0, -1, True, "fast", None, [3], math.nan, math.inf, 10**400)
    ),
    *(({"others": {**GOOD, "up": value}}, "'others': up") for value in (0, False, "1")),
    ({"others": {"gigaflops": 1, "up": 1}}, "'others' holds {'gigaflops': 1, 'up': 1}"),
    ({"others": {**GOOD, "latency": 3}}, "latency"),
    ({"others": [1, 2, 3]}, "[1, 2, 3]"),
    ([GOOD], "list"),
    (3, "int"),
]


@law("profiles")
def law_bad_files_are_refused(impl):
    for content, named in BAD:
        try:
            found = from_file(impl, content, {"hospital A": 3, "hospital B": 2})
        except UserError as error:
            text = str(error)
            assert text.startswith("--profile ") and "profiles.json" in text and "\n" not in text
            assert named in text, f"{named} is not named: {text}"
        else:
            raise AssertionError(f"{content} was read as {found}")


NETWORK = {
    "inputs": st.integers(1, 3),
    "channels": st.integers(1, 4),
    "kernel": st.sampled_from([1, 3]),
    "height": st.integers(4, 9),
    "outputs": st.integers(1, 5),
}


def network(inputs: int, channels: int, kernel: int, height: int, outputs: int) -> nn.Module:
    """A convolution that keeps the size, batch norm, dropout, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(inputs, channels, kernel, padding=kernel // 2),
        nn.BatchNorm2d(channels),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(channels * height * 5, outputs),
    )


@law("flops", **NETWORK)
def law_flops_are_counted_by_hand(impl, inputs, channels, kernel, height, outputs):
    module = network(inputs, channels, kernel, height, outputs)
    pixels = height * 5
    convolution = pixels * channels * inputs * kernel**2
    linear = pixels * channels * outputs
    assert impl(module, (inputs, height, 5)) == 2 * (convolution + linear)


@law("flops")
def law_counting_leaves_the_network_as_found(impl):
    module = network(2, 3, 3, 6, 4)
    module[1].eval()  # a frozen layer in a network that trains
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    impl(module, (2, 6, 5))
    assert [each.training for each in module] == [True, False, True, True, True]
    assert module.training and all(each.grad is None for each in module.parameters())
    module.eval()
    impl(module, (2, 6, 5))
    assert not any(each.training for each in module.modules())
    module.train()
    impl(module, (2, 6, 5))
    after = module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@law("step_flops", **NETWORK, batch_size=st.integers(1, 7))
def law_a_step_is_forward_and_backward(impl, inputs, channels, kernel, height, outputs, batch_size):
    module = network(inputs, channels, kernel, height, outputs)
    images = torch.zeros(batch_size, inputs, height, 5, requires_grad=True)
    module.eval()
    with FlopCounterMode(display=False) as counter:
        module(images).sum().backward()
    assert impl(module, images.shape[1:], batch_size) == counter.get_total_flops()


@law("clock", profile=PROFILE, step_flops=STEP_FLOPS, work=WORK)
def law_hours_are_bits_and_operations_over_speed(impl, profile, step_flops, work):
    hour = 3600 * 10**6  # bits in an hour at one megabit a second
    exact = (
        Fraction(8 * work["down"]) / (hour * Fraction(profile.down))
        + Fraction(8 * work["up"]) / (hour * Fraction(profile.up))
        + work["steps"] * Fraction(step_flops) / (1000 * hour * Fraction(profile.gigaflops))
    )
    found = impl({"A": profile}, step_flops).hours("A", **work)
    assert math.isclose(found, exact, rel_tol=1e-12), f"{found} hours, not {float(exact)}"


@law("clock", profile=PROFILE, step_flops=STEP_FLOPS, work=WORK, more=WORK)
def law_hours_add_up_and_never_fall(impl, profile, step_flops, work, more):
    clock = impl({"A": profile}, step_flops)
    first, second = clock.hours("A", **work), clock.hours("A", **more)
    both = {each: work[each] + more[each] for each in work}
    assert math.isclose(clock.hours("A", **both), first + second, rel_tol=1e-12)
    for each in work:
        assert clock.hours("A", **{**work, each: both[each]}) >= first, f"more {each}, less time"


@law(
    "clock",
    work=st.dictionaries(st.sampled_from(NAMES), WORK),
    machines=st.lists(PROFILE, min_size=len(NAMES), max_size=len(NAMES)),
)
def law_the_slowest_sets_the_pace(impl, work, machines):
    clock = impl(dict(zip(NAMES, machines, strict=True)), 1e12)
    hours = sorted(clock.hours(name, **each) for name, each in work.items())
    assert clock.round(work) == (hours[-1] if hours else 0.0)


@law(
    "clock",
    profile=PROFILE,
    step_flops=STEP_FLOPS,
    work=WORK,
    part=st.floats(0, 1.2) | st.integers(0, 200),
)
def law_work_is_the_most_that_meets_the_deadline(impl, profile, step_flops, work, part):
    clock, steps = impl({"A": profile}, step_flops), work["steps"]
    if isinstance(part, int):  # exactly when so many steps are delivered
        deadline = clock.hours("A", **{**work, "steps": min(part, steps)})
    else:
        deadline = part * clock.hours("A", **work)
    found = clock.work("A", **work, deadline=deadline)
    assert 0 <= found <= 1
    done = LocalTraining(batch_size=1, steps=steps).steps_of(1, found) if found else 0
    if done:
        assert clock.hours("A", **{**work, "steps": done}) <= deadline, "comes too late"
    if done == steps:
        assert found == 1.0
    else:
        later = clock.hours("A", **{**work, "steps": done + 1})
        assert later > deadline, f"{done} of {steps} steps, though one more fits"
