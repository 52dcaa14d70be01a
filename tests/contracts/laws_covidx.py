"""COVIDx CT promises: every image belongs to its patient, and shows what is inside its box."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from data_prep.covidx_lists import Slice
from fedmini.errors import UserError
from tests.contracts.framework import law, real

real("patient_of", "data_prep.covidx_patients:patient_of")
real("one_split", "data_prep.covidx_lists:one_split")
real("crop", "data_prep.covidx_crop:crop")

PATIENTS = st.sampled_from(
    ["NCP_8", "NCP_88", "CP_1070", "LIDC-IDRI-0273", "COVIDCTMD-P002", "HUST-Patient45", "STOIC-12",
     "volume-covid19-A-0698", "patient100", "patient10", "study_0255", "radiopaedia-50836"]
)  # fmt: skip
SCANS = st.sampled_from(["_1328_0032", "-1.3.6.1.4-0032", "-IM0025", "_ct-0017", "-0001", ""])
ENDINGS = st.sampled_from([".png", ".PNG", ".jpeg"])


@law("patient_of", patient=PATIENTS, scan=SCANS, others=st.sets(PATIENTS), ending=ENDINGS)
def law_the_listed_patient_is_found(impl, patient, scan, others, ending):
    known = others | {patient}
    assert impl(patient + scan + ending, known) == patient
    assert impl("137covid_" + patient + scan + ending, known) == patient


@law("patient_of", patient=PATIENTS, scan=SCANS, part=st.sampled_from(["_0", "-R", "_1328"]))
def law_the_longest_listed_name_wins(impl, patient, scan, part):
    known = {patient, patient + part}
    assert impl(patient + part + scan + ".png", known) == patient + part


@law("patient_of", patient=PATIENTS, scans=st.lists(SCANS, min_size=2, max_size=2))
def law_without_a_table_scans_of_one_patient_stay_together(impl, patient, scans):
    found = {impl(patient + scan + ".png", set()) for scan in scans}
    assert found == {patient}, "two patients, or one that is called otherwise"


DRAWN = st.lists(
    st.tuples(st.none(), st.sampled_from("ABCDE"), st.integers(0, 2), st.just((0, 0, 9, 9)),
              st.integers(0, 2)),
    min_size=1,
    max_size=20,
)  # fmt: skip


@law("one_split", drawn=DRAWN)
def law_no_patient_is_in_two_splits(impl, drawn):
    slices = [Slice(f"{row}.png", *each) for row, each in enumerate(drawn)]
    wanted = [max(s.split for s in slices if s.patient == each.patient) for each in slices]
    torn = {each.patient for each, split in zip(slices, wanted) if each.split != split}
    found, moved = impl(slices, True)
    assert [each._replace(split=0) for each in found] == [each._replace(split=0) for each in slices]
    assert [each.split for each in found] == wanted, "tested and trained on, or a test image lost"
    assert moved == len(torn)
    try:
        assert impl(slices, False) == (slices, 0) and not torn
    except UserError as error:
        assert torn and f"more than one split: {len(torn)}," in str(error)


SIZE, BEYOND = st.integers(1, 12), st.integers(0, 20)
EDGES = st.tuples(BEYOND, BEYOND, BEYOND, BEYOND)


@law("crop", height=SIZE, width=SIZE, inside=st.integers(0, 143), edges=EDGES)
def law_a_crop_is_what_lies_in_both_box_and_image(impl, height, width, inside, edges):
    image = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    y, x = divmod(inside % image.size, width)
    left, top, right, bottom = x - edges[0], y - edges[1], x + 1 + edges[2], y + 1 + edges[3]
    rows = [row for row in range(height) if top <= row < bottom]
    columns = [column for column in range(width) if left <= column < right]
    assert np.array_equal(impl(image, (left, top, right, bottom)), image[np.ix_(rows, columns)])


@law("crop", height=SIZE, width=SIZE, far=st.integers(0, 9),
     side=st.sampled_from(["left", "right", "above", "below", "empty", "turned"]))  # fmt: skip
def law_a_box_without_a_pixel_is_refused(impl, height, width, far, side):
    image = np.zeros((height, width), np.uint8)
    box = {
        "left": (-9 - far, 0, -far, height),
        "right": (width + far, 0, width + far + 9, height),
        "above": (0, -9 - far, width, -far),
        "below": (0, height + far, width, height + far + 9),
        "empty": (far % width, 0, far % width, height),
        "turned": (width, height, 0, 0),
    }[side]
    try:
        found = impl(image, box)
    except UserError:
        return
    raise AssertionError(f"{found.size} pixels of a box that has none")
