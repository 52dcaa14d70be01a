"""A prepared file of BraTS promises: labels kept, slices in the middle, patients in one split."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np
from hypothesis import strategies as st

from fedmini.errors import UserError
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real

real("class_indices", "data_prep.brats_rows:class_indices")
real("canvas", "data_prep.canvas:Canvas")
real("read_sites", "data_prep.sites:read_sites")
real("brats_file", "data_prep.brats_file:BratsFile")

SEEDS = st.integers(0, 2**70)


@law("class_indices", newer=st.booleans(), kind=st.sampled_from("u1 i2 f4 f8".split()), seed=SEEDS)
def law_each_label_keeps_its_class(impl, newer, kind, seed):
    drawn = numpy_stream(seed).integers(0, 4, (2, 3, 5))
    labels = np.array([0, 1, 2, 3 if newer else 4])[drawn].astype(kind)
    found = impl(labels)
    assert found.dtype == np.uint8 and (found == drawn).all()


@law("class_indices", wrong=st.sampled_from([3.0, 5.0, -1.0, 0.5, 260.0, np.nan]))
def law_labels_that_brats_has_not_are_refused(impl, wrong):
    labels = np.float32([[[0, 1, 2, 4, wrong]]])
    try:
        impl(labels)
    except UserError:
        return
    raise AssertionError(f"label {wrong} beside label 4 became a class")


@law("canvas", height=st.integers(1, 9), width=st.integers(1, 9), more=st.integers(0, 5))
def law_slices_stand_in_the_middle(impl, height, width, more):
    side = max(height, width)
    canvas = impl(side, side + more)
    slices = np.arange(1, 2 * height * width + 1, dtype=np.float32).reshape(2, height, width)
    target = np.full((2, side + more, side + more), np.nan, np.float32)
    canvas.centre(slices, target)
    masks = canvas.masks((slices % 4).astype(np.uint8), 4)
    for axis, length in ((1, height), (2, width)):
        inside = np.flatnonzero((target != 0).any(axis=tuple({0, 1, 2} - {axis})))
        before, after = inside[0], side + more - 1 - inside[-1]
        assert len(inside) == length and abs(before - after) <= 1, "not in the middle"
    assert (target[target != 0] == slices.ravel()).all() and (masks == target % 4).all()


@law("canvas", side=st.integers(2, 12), size=st.integers(1, 11), cut=st.integers(0, 3), seed=SEEDS)
def law_a_smaller_pixel_is_what_covers_it(impl, side, size, cut, seed):
    """The oracle enlarges by whole factors first, so that every area is whole pixels."""
    size, height = min(size, side - 1), max(1, side - cut)
    classes = numpy_stream(seed).integers(0, 4, (2, height, side)).astype(np.uint8)
    canvas = impl(side, size)
    whole = np.zeros((2, side, side), np.uint8)
    top = (side - height) // 2
    whole[:, top : top + height] = classes
    areas = whole.repeat(size, axis=1).repeat(size, axis=2).reshape(2, size, side, size, side)
    shares = np.stack([(areas == kind).mean(axis=(2, 4)) for kind in range(4)])
    chosen = np.take_along_axis(shares, canvas.masks(classes, 4)[None].astype(int), axis=0)[0]
    assert (chosen >= shares.max(axis=0) - 1e-6).all(), "a label is lost, or made up"
    means = areas.astype(float).mean(axis=(2, 4))
    assert np.allclose(canvas.smaller_images(classes.astype(np.float32)), means, atol=1e-5)


CENTRES = st.lists(st.sampled_from(["CBICA", "TCIA01", "TMC", "2013"]), min_size=1, max_size=8)


@law("read_sites", centres=CENTRES, windows=st.booleans(), mark=st.booleans())
def law_a_case_comes_from_the_centre_in_its_name_of_2019(impl, centres, windows, mark):
    """Tables as they are published, with either line ending, with or without a byte order mark."""
    releases = ("BraTS_2018", "TCGA_TCIA", "BraTS_2019", "BraTS_2020")
    columns = [f"{release}_subject_ID" for release in releases]
    lines = [",".join(["Grade", *columns])]
    for number, centre in enumerate(centres):
        names = f"Brats18_X_{number}_1,NA,BraTS19_{centre}_{number}_1,BraTS20_Training_{number}"
        lines.append(f"HGG,{names}")
    lines.append("HGG,NA,TCGA-1,NA,BraTS20_Training_99")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.csv"
        text = ("\r\n" if windows else "\n").join([*lines, ""])
        path.write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
        found = impl(path)
    expected = {}
    for number, centre in enumerate(centres):
        for name in (f"Brats18_X_{number}_1", f"BraTS19_{centre}_{number}_1"):
            expected[name] = centre
        expected[f"BraTS20_Training_{number}"] = centre
    assert found == expected


def completed(impl, cases: dict[str, int], images: np.ndarray, **options) -> dict:
    """What the file says about cases with so many rows each."""
    starts = np.cumsum([0, *cases.values()])
    entries = []
    for start, (name, rows) in zip(starts, cases.items()):
        own = images[start : start + rows].astype(np.float64).transpose(1, 0, 2, 3)
        sums = [[float(each.sum()), float((each**2).sum())] for each in own]
        slices = list(range(10, 10 + rows))
        entries.append({"name": name, "rows": rows, "slices": slices, "sums": sums})
    settings = {"source": "a law", "modalities": ("flair", "t1"), "validation": 0.2, "test": 0.3}
    settings |= {"sites": defaultdict(lambda: None), "found": len(cases), **options}
    finish = impl(**settings)
    with h5py.File("law", "w", driver="core", backing_store=False) as file:
        file["images"], file["masks"] = images, np.zeros(images[:, 0].shape, np.uint8)
        finish(file, entries)
        found = {name: file[name][:] for name in file}
        return found | dict(file.attrs)


POINTS = st.lists(st.integers(1, 3), min_size=2, max_size=8)  # time points of each patient


@law("brats_file", points=POINTS, rows=st.integers(1, 3), seed=SEEDS)
def law_a_patient_is_in_one_split(impl, points, rows, seed):
    cases = {
        f"BraTS-GLI-{patient:05d}-{point:03d}": rows
        for patient, count in enumerate(points) for point in range(count)
    }  # fmt: skip
    images = np.zeros((len(cases) * rows, 2, 2, 2), np.float16)
    found = completed(impl, cases, images, seed=seed)
    people = [name.rpartition("-")[0] for name in found["case"].astype(str)]
    sides = set(zip(people, found["split"].tolist()))
    assert len(sides) == len(points), "a patient's next scan is in another split"
    assert len(set(zip(people, found["patient"].tolist()))) == len(points)


@law("brats_file", patients=st.integers(2, 9), seed=SEEDS)
def law_normalisation_knows_the_training_patients_alone(impl, patients, seed):
    cases = {f"case-{number}": 1 + number % 3 for number in range(patients)}
    draw = numpy_stream(seed)
    shape = (sum(cases.values()), 2, 3, 3)
    level = np.repeat(draw.normal(0, 5, patients), list(cases.values()))
    images = (draw.normal(0, 1, shape) + level[:, None, None, None]).astype(np.float16)
    found = completed(impl, cases, images, seed=seed)
    training = images[found["split"] == 0].astype(np.float64)
    assert np.allclose(found["mean"], training.mean(axis=(0, 2, 3)), rtol=1e-5, atol=1e-6)
    assert np.allclose(found["std"], training.std(axis=(0, 2, 3)), rtol=1e-5)
