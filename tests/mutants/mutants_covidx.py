"""Wrong ways to read a patient out of a file's name, to mend splits, and to cut out a box."""

from __future__ import annotations

import re

from data_prep.covidx_lists import one_split
from data_prep.covidx_patients import patient_of
from data_prep.covidx_crop import crop
from tests.contracts.framework import mutant


@mutant(
    "patient_of",
    law="law_the_listed_patient_is_found",
    harm="NCP_8 begins NCP_88 too: images of one patient are another's, at another hospital.",
)
def patient_not_cut_at_separators(name, known):
    return next((each for each in sorted(known) if each in name), patient_of(name, known))


@mutant(
    "patient_of",
    law="law_the_listed_patient_is_found",
    harm="One collection puts a word before the patient: each image is a patient of its own, and "
    "its neighbours in the scan test the network.",
)
def patient_at_the_beginning_only(name, known):
    stem = name.rsplit(".", 1)[0]
    return max((each for each in known if re.match(re.escape(each) + "([_-]|$)", stem)),
               key=len, default=stem)  # fmt: skip


@mutant(
    "patient_of",
    law="law_the_longest_listed_name_wins",
    harm="The shortest listed name wins: patients whose numbers begin alike become one.",
)
def patient_of_the_shortest_name(name, known):
    stem = name.rsplit(".", 1)[0]
    found = [each for each in known if re.match(re.escape(each) + "([_-]|$)", stem)]
    return min(found, key=len, default=patient_of(name, known))


@mutant(
    "patient_of",
    law="law_without_a_table_scans_of_one_patient_stay_together",
    harm="Every scan is a patient: one scan trains, the next of the same patient tests.",
)
def patient_is_a_scan(name, known):
    return re.split(r"[_-]\d+\.", name)[0]


@mutant(
    "patient_of",
    law="law_without_a_table_scans_of_one_patient_stay_together",
    harm="covid19 is taken for a patient's number: a whole collection becomes one patient.",
)
def patient_called_covid19(name, known):
    match = re.match(r"(.*?\d)(?:[_-]|\.\w+$)", name)
    return match[1] if match else name


@mutant(
    "one_split",
    law="law_no_patient_is_in_two_splits",
    harm="A patient in two splits goes to training: the test set shrinks to the easy patients.",
)
def moved_to_training(slices, fix):
    found, moved = one_split(slices, fix)
    first = {}
    for each in slices:
        first[each.patient] = min(each.split, first.get(each.patient, each.split))
    return [each._replace(split=first[each.patient]) for each in found], moved


@mutant(
    "one_split",
    law="law_no_patient_is_in_two_splits",
    harm="The lists are believed: a network is tested on patients that it was trained on.",
)
def splits_as_published(slices, fix):
    return list(slices), 0


@mutant(
    "crop",
    law="law_a_crop_is_what_lies_in_both_box_and_image",
    harm="A box that begins left of the image wraps around: the network learns a sliver.",
)
def cropped_from_the_far_end(image, box):
    left, top, right, bottom = box
    part = image[top:bottom, left:right]
    return part if part.size else crop(image, box)


@mutant(
    "crop",
    law="law_a_crop_is_what_lies_in_both_box_and_image",
    harm="x and y are exchanged: half the chest is cut away, and no shape gives it away.",
)
def cropped_with_axes_exchanged(image, box):
    left, top, right, bottom = box
    return crop(image, (top, left, bottom, right))


@mutant(
    "crop",
    law="law_a_crop_is_what_lies_in_both_box_and_image",
    harm="xmax and ymax are taken to be inside the box, as in other lists.",
)
def cropped_with_the_last_pixel(image, box):
    left, top, right, bottom = box
    return crop(image, (left, top, right + 1, bottom + 1))


@mutant(
    "crop",
    law="law_a_box_without_a_pixel_is_refused",
    harm="A wrong box becomes the whole image: a scanner's table and text instead of lungs.",
)
def cropped_not_at_all(image, box):
    left, top, right, bottom = box
    part = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    return part if part.size else image
