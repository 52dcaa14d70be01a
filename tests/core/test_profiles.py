"""Profiles and the simulated clock beyond their laws: figures by hand, refusals, real networks."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmini.client import LocalTraining
from fedmini.errors import UserError
from fedmini.models.resnet import resnet18
from fedmini.models.unet import UNet
from fedmini.profiles import TIERS, Clock, Profile, flops, profiles, step_flops

CLOCK = Clock({"A": Profile(gigaflops=100, up=20, down=100)}, step_flops=36e12)


def test_hours_by_hand():
    # 36e12 operations at 1e11 a second: 360 s, a tenth of an hour
    assert CLOCK.hours("A", steps=5, up=0, down=0) == pytest.approx(0.5)
    # 9e9 bytes are 72e9 bits: an hour at 20 megabits a second, a fifth at 100
    assert CLOCK.hours("A", steps=0, up=9 * 10**9, down=0) == pytest.approx(1.0)
    assert CLOCK.hours("A", steps=0, up=0, down=9 * 10**9) == pytest.approx(0.2)
    assert CLOCK.hours("A", steps=5, up=9 * 10**9, down=9 * 10**9) == pytest.approx(1.7)


def test_work_by_hand():
    work = {"steps": 10, "up": 9 * 10**9, "down": 9 * 10**9}  # 1.2 hours of transfer, 0.1 a step
    deadlines = {1.25: 0.0, 1.35: 0.1, 1.95: 0.7, 2.25: 1.0, 9.0: 1.0, math.inf: 1.0, 0.0: 0.0}
    assert {each: CLOCK.work("A", **work, deadline=each) for each in deadlines} == deadlines


@given(
    epochs=st.floats(0.01, 3),
    count=st.integers(1, 60),
    size=st.integers(1, 9),
    deadline=st.floats(0, 30),
)
def test_parts_of_a_pass_keep_the_deadline(epochs, count, size, deadline):
    """A part of 3.5 passes is a part of the 4 steps that they are rounded up to."""
    training = LocalTraining(batch_size=size, epochs=epochs)
    steps = training.steps_of(count)
    work = CLOCK.work("A", steps=steps, up=0, down=0, deadline=deadline)
    if work:
        done = training.steps_of(count, work)
        assert done == round(work * steps)
        assert CLOCK.hours("A", steps=done, up=0, down=0) <= deadline


def test_a_round_waits_for_the_slowest():
    clock = Clock(dict(zip("ABC", TIERS.values(), strict=True)), step_flops=1e12)
    work = {name: {"steps": 10, "up": 10**8, "down": 10**8} for name in "ABC"}
    assert clock.round(work) == clock.hours("C", **work["C"]) > clock.hours("B", **work["B"])
    assert clock.round({}) == 0.0


def test_tiers_fall_in_every_respect():
    university, regional, clinic = (vars(each).values() for each in TIERS.values())
    assert all(a > b > c for a, b, c in zip(university, regional, clinic, strict=True))


@pytest.mark.parametrize(
    ("count", "tiers"),
    [(1, "u"), (2, "ur"), (3, "urc"), (4, "uurc"), (5, "uurrc"), (7, "uuurrcc")],
)
def test_thirds(count, tiers):
    found = profiles("hospital-tiers", {f"h{place}": 100 - place for place in range(count)})
    letters = {profile: name[0] for name, profile in TIERS.items()}
    assert "".join(letters[each] for each in found.values()) == tiers


def test_a_network_of_known_cost():
    """ResNet-18 at 224 pixels: 1.8e9 multiply-adds, as He et al. 2016 count them (Table 1)."""
    assert flops(resnet18(3, 1000), (3, 224, 224)) == pytest.approx(2 * 1.8e9, rel=0.02)


def test_a_step_costs_by_pixels_and_images():
    module = UNet(2, 3, width=4, depth=2)
    step = step_flops(module, (2, 16, 16), 4)
    assert step > 0 and step == 3 * 4 * flops(module, (2, 16, 16))
    assert step_flops(module, (2, 32, 32), 4) == 4 * step
    assert step_flops(module, (2, 16, 16), 8) == 2 * step


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b'{"B": {', "cannot be used: Expecting property name"),
        (b"\xff\xfe\xfd", "cannot be used: "),
        (b"[" * 100_000, "cannot be used: "),
        (b"null", "right would be uniform, hospital-tiers or a file with a JSON object"),
        (b"{}", "'A' is missing; right would be numbers from 1e-9 to 1e9 for gigaflops, up and"),
        (b'{"others": {}, "Mars": 1}', "'others' holds {}"),
        (b'{"A": null}', "'A' is missing"),
        (b'{"A": {"gigaflops": 1, "up": 2, "down": "3"}}', "'A': down is '3'; right would be"),
        (b'{"A": {"gigaflops": 1, "up": NaN, "down": 3}}', "'A': up is nan; right would be"),
        (b'{"A": {"gigaflops": 1, "up": 1e-300, "down": 3}}', "'A': up is 1e-300; right"),
    ],
)
def test_refusals(tmp_path, content, refusal):
    path = tmp_path / "speeds.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        profiles(str(path), {"A": 3})
    text = str(refused.value)
    assert text.startswith(f"--profile {path}") and refusal in text
    assert "\n" not in text and len(text) < 250 + len(str(path))


def test_a_stranger_is_named_beside_those_who_are_known(tmp_path):
    path = tmp_path / "speeds.json"
    path.write_text(json.dumps({"others": vars(TIERS["clinic"]), "Mars": vars(TIERS["clinic"])}))
    with pytest.raises(UserError, match=r"names 'Mars', not one of \['A', 'B'\]$"):
        profiles(str(path), {"A": 3, "B": 2})


@pytest.mark.parametrize("text", ["unifrom", "", ".", "missing/speeds.json"])
def test_neither_a_name_nor_a_file(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="uniform, hospital-tiers or a file"):
        profiles(text, {"A": 3})
