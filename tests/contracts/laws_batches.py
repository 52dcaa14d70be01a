"""Laws about the batches of DP-SGD: Poisson samples of units, from the run's secret key."""

from __future__ import annotations

import dataclasses
from collections import Counter

import torch
from hypothesis import strategies as st

from fedmini.data.examples import Hospital
from tests.contracts.framework import law, real
from tests.contracts.laws_dp_sgd import KEY, UNIT, private
from tests.core.federations import hospital, linear, question

real("units_of", "fedmini.dp_sgd:units_of")


def drawn(made, round: int = 1) -> list[list]:
    """The batches of a round: of each unit its images' first features, and its targets."""
    made.question = question(made.model, round)
    return [
        [(images[:, 0, 0, 0].tolist(), targets.tolist()) for images, targets in units]
        for units, _ in made.batches()
    ]


@law("private_client", unit=UNIT, rate=st.sampled_from([0.1, 0.5, 0.9]))
def law_batches_are_poisson_samples_of_units(impl, unit, rate):
    """Each unit independently, with the charged probability, whole, and once at most."""
    made = private(impl, unit, rate=rate, steps=200)
    first = made.data.images[:, 0, 0, 0]
    whole = [first[rows].tolist() for rows in made.units]
    batches = [[images for images, _ in batch] for round in (1, 2) for batch in drawn(made, round)]
    drawn_units = Counter(tuple(unit) for batch in batches for unit in batch)
    assert set(drawn_units) <= set(map(tuple, whole)), "a unit was cut or mixed"
    assert all(len(batch) == len(set(map(tuple, batch))) for batch in batches)
    spread = (len(batches) * rate * (1 - rate)) ** 0.5
    assert all(abs(drawn_units[tuple(each)] - len(batches) * rate) < 5 * spread for each in whole)
    sizes = torch.tensor([float(len(batch)) for batch in batches])
    assert 0.6 < sizes.var() / (len(whole) * rate * (1 - rate)) < 1.5


@law("private_client", images=st.integers(1, 3))
def law_a_step_uses_at_most_so_many_images_of_a_patient(impl, images):
    train = hospital(count=9).train
    train = dataclasses.replace(train, patients=train.patients * 0)  # nine images of one patient
    held = Hospital("hospital-0", 0, train, train, train)
    made = private(impl, "patient", rate=1.0, images=images, held=held, steps=30)
    used = Counter()
    for batch in drawn(made):
        ((names, targets),) = batch
        assert len(names) == len(set(names)) == images
        used.update(names)
        truth = dict(zip(train.images[:, 0, 0, 0].tolist(), train.targets.tolist(), strict=True))
        assert targets == [truth[name] for name in names]
    assert len(used) == 9, "some images are never used"


@law("private_client", unit=UNIT, augment=st.sampled_from(["none", "flips"]))
def law_secret_draws_have_addresses_under_the_run_key(impl, unit, augment):
    """Batches, mirrorings and noise: of key, round, client and step, and of no public seed."""

    def steps(key=KEY, round=1, place=0, seed=0):
        held = hospital(place, 9)
        pixels = torch.arange(9 * 3 * 4.0).reshape(9, 3, 2, 2)
        made = private(impl, unit, key=key, seed=seed, held=held, noise=1.0, augment=augment)
        made.data = dataclasses.replace(made.data, images=pixels)
        made.question, found = question(linear(), round), []
        for units, step in made.batches():
            shown = [each.tolist() for each, _ in units]
            made.gradient([], step)
            found.append((shown, made.model.grad.tolist()))
        return found

    first = steps()
    torch.rand(1)
    assert steps() == first == steps(seed=1)
    for other in (steps(key=b"o" * 32), steps(round=2), steps(place=1)):
        assert [batch for batch, _ in other] != [batch for batch, _ in first]
        assert all(noise != same for (_, noise), (_, same) in zip(other, first, strict=True))
    assert len({tuple(noise) for _, noise in first}) == len(first)


@law("units_of", owners=st.lists(st.integers(-3, 3), min_size=1, max_size=12), unit=UNIT)
def law_every_image_is_in_the_unit_of_its_patient(impl, owners, unit):
    train = hospital(count=len(owners)).train
    units = impl(dataclasses.replace(train, patients=torch.tensor(owners).numpy()), unit)
    assert sorted(row for rows in units for row in rows.tolist()) == list(range(len(owners)))
    held = [{owners[row] for row in rows.tolist()} for rows in units]
    assert all(len(each) == 1 for each in held), "two patients in one unit"
    right = len(owners) if unit == "record" else len(set(owners))
    assert len(units) == right, "a patient in two units, or images together"
