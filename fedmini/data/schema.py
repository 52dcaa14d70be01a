"""What a prepared data set must be, checked before anything uses it.

Every check names the field, what was found there and what would be right. The same checks guard
reading and writing, so a file that data_prep wrote is a file that fedmini reads.
"""

from collections.abc import Mapping

import numpy as np

from fedmini.data.dataset import SPLITS, TRAIN, Dataset
from fedmini.data.on_disk import blocks, choose
from fedmini.errors import UserError

TASKS = ("segmentation", "multilabel", "binary", "multiclass")
MOST_CLASSES = 256  # indices are stored in one byte


def validate(dataset: Dataset, where: str) -> None:
    """Raise UserError, beginning with `where`, if the data set breaks the schema anywhere."""
    for name in ("name", "source", "version"):
        text = getattr(dataset, name)
        need(_is_text(text), where, name, repr(text), "a line of text")
    check_description(dataset.task, dataset.classes, where)
    arrays = {name: getattr(dataset, name) for name in ("images", "patient", "split", "site")}
    arrays[target_name(dataset.task)] = dataset.targets
    check_layout(arrays, dataset.task, len(dataset.classes), where)
    _check_regions(dataset, where)
    _check_targets(dataset, where)
    _check_sites(dataset, where)
    _check_patients(dataset, where)
    _check_images(dataset, where)
    _check_statistics(dataset, where)


def target_name(task: str) -> str:
    """The name of the array that holds what is to be predicted."""
    return "masks" if task == "segmentation" else "labels"


def check_description(task: str, classes: tuple[str, ...], where: str) -> None:
    """The task is known, and its classes are distinct names in a number that fits it."""
    need(task in TASKS, where, "task", repr(task), f"one of {', '.join(TASKS)}")
    need(_are_names(classes), where, "classes", repr(classes), "names, all different")
    low, high = {"multilabel": (1, MOST_CLASSES), "binary": (2, 2)}.get(task, (2, MOST_CLASSES))
    right = "2 names, the negative class first" if high == 2 else f"{low} to {high} names"
    need(low <= len(classes) <= high, where, "classes", f"{len(classes)} names", right)


def check_layout(arrays: Mapping, task: str, classes: int, where: str) -> None:
    """Types and shapes, from anything with dtype and shape: arrays here or still in a file."""
    images = arrays["images"]
    form = f"{images.dtype} of shape {images.shape}"
    usable = images.dtype in (np.uint8, np.float16) and len(images.shape) == 4
    right = "uint8 or float16 of shape (N, C, H, W), none of them 0"
    need(usable and 0 not in images.shape, where, "images", form, right)
    count, _, height, width = images.shape
    columns = classes if task == "multilabel" else 1
    expected = {
        "masks": ("uint8", (count, height, width)), "labels": ("uint8", (count, columns)),
        "patient": ("int64", (count,)), "split": ("uint8", (count,)), "site": ("int64", (count,)),
    }  # fmt: skip
    for name, array in arrays.items():
        if name != "images":
            dtype, shape = expected[name]
            form, right = f"{array.dtype} of shape {array.shape}", f"{dtype} of shape {shape}"
            need(array.dtype == dtype and tuple(array.shape) == shape, where, name, form, right)


def _check_regions(dataset: Dataset, where: str) -> None:
    right = "at least one for a segmentation, none for another task"
    fits = bool(dataset.regions) == (dataset.task == "segmentation")
    need(fits, where, "regions", repr(dataset.regions), right)
    foreground = range(1, len(dataset.classes))
    for name, indices in dataset.regions.items():
        fits = len(indices) > 0 and all(index in foreground for index in indices)
        right = f"some of the mask indices 1 to {len(dataset.classes) - 1}"
        need(_is_text(name) and fits, where, "regions", f"{name!r}: {list(indices)}", right)


def _check_targets(dataset: Dataset, where: str) -> None:
    highest = 1 if dataset.task == "multilabel" else len(dataset.classes) - 1
    found = max(int(block.max()) for block in blocks(dataset.targets))
    need(found <= highest, where, target_name(dataset.task), str(found), f"0 to {highest}")


def _check_sites(dataset: Dataset, where: str) -> None:
    names = dataset.site_names
    need(_are_names(names), where, "site_names", repr(names), "names, all different")
    low, high = int(dataset.site.min()), int(dataset.site.max())
    right = "-1 (unknown), or an index into the names in the attribute site_names"
    found = f"{low if low < -1 else high} with {len(names)} names"
    need(low >= -1 and high < len(names), where, "site", found, right)


def _check_patients(dataset: Dataset, where: str) -> None:
    found = int(dataset.split.max())
    need(found <= 2, where, "split", str(found), "0 train, 1 validation or 2 test")
    training = int((dataset.split == TRAIN).sum())
    need(training > 0, where, "split", "no training images", "at least one image with split 0")
    _, first, row = np.unique(dataset.patient, return_index=True, return_inverse=True)
    for field, values, names in (
        ("split", dataset.split, SPLITS),
        ("site", dataset.site, (*dataset.site_names, "unknown")),
    ):
        expected = values[first[row]]  # where the patient's first image is
        torn = (values != expected).argmax()
        both = f"{names[expected[torn]]} and {names[values[torn]]}"
        found = f"patient {dataset.patient[torn]} in {both}"
        need(expected[torn] == values[torn], where, field, found, f"one {field} for a patient")


def _check_images(dataset: Dataset, where: str) -> None:
    if dataset.images.dtype == np.float16:
        each = [np.isfinite(block).all(axis=(1, 2, 3)) for block in blocks(dataset.images)]
        finite = np.concatenate(each)
        found = f"NaN or infinity in image {finite.argmin()}"
        need(finite.all(), where, "images", found, "finite numbers")


def _check_statistics(dataset: Dataset, where: str) -> None:
    channels = dataset.channels
    for name in ("mean", "std"):
        values = getattr(dataset, name)
        form = f"{values.dtype} of shape {values.shape}"
        right = f"float32 of shape ({channels},)"
        need(values.dtype == np.float32 and values.shape == (channels,), where, name, form, right)
        need(np.isfinite(values).all(), where, name, str(values.tolist()), "finite numbers")
    need((dataset.std > 0).all(), where, "std", str(dataset.std.tolist()), "numbers above 0")
    rows = np.flatnonzero(dataset.split == TRAIN)
    sample = choose(dataset.images, rows[:: len(rows) // 256 + 1])
    mean = dataset.mean[:, None, None].astype(np.float64)
    away = (np.abs(block - mean) for block in blocks(sample))
    # E|x - mean| / std <= 1, by Cauchy and Schwarz, under the right statistics; 10 are other units
    distance = sum(each.mean(axis=(2, 3)).sum(axis=0) for each in away)
    distance = distance / len(sample) / dataset.std
    found = f"mean {dataset.mean.tolist()}, std {dataset.std.tolist()}"
    right = "those of the training images, a channel, in stored units"
    need((distance <= 10).all(), where, "mean and std", found, right)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _are_names(values: tuple[str, ...]) -> bool:
    return all(map(_is_text, values)) and len(set(values)) == len(values)


def need(holds: bool, where: str, field: str, found: str, right: str) -> None:
    """Raise UserError, saying where and in which field what was found, unless it holds."""
    if not holds:
        raise UserError(f"{where}: {field}: found {found}; right would be {right}")
