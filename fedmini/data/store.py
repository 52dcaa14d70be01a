"""Prepared data on disk: one HDF5 file a data set.

Arrays `images`, `masks` or `labels`, `patient`, `split` and optionally `site`; attributes `name`,
`task`, `classes`, `source`, `synthetic`, `version`, `mean`, `std` and optionally `site_names` and
`regions`, which is JSON: region name -> mask indices. `fedmini.data.schema` says what they hold.
Further arrays, one row an image, may be there for other programs; `read` leaves them in the file.
"""

import json
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from fedmini.data.dataset import Dataset, placed
from fedmini.data.on_disk import DiskArray, one_line
from fedmini.data.schema import check_description, check_layout, need, target_name, validate
from fedmini.errors import RunFailed, UserError


def read(path: str | Path, in_memory: str = "auto") -> Dataset:
    """The data set in a file, its images and masks in memory or left there: see `placed`.

    Raises UserError, naming file and field, for anything that is not a whole and valid data set.
    Damage to what stays in the file is a RunFailed once it is read.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file; a prepared data set would be right")
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: this is no HDF5 file; a prepared data set would be right")
    try:
        with one_line(str(path)), ExitStack() as closing:
            # no cache of pixels: an image is read once an epoch
            file = closing.enter_context(h5py.File(path, "r", rdcc_nbytes=0))
            dataset = placed(_open(file, str(path)), in_memory)
            validate(dataset, str(path))
            if isinstance(dataset.images, DiskArray):
                closing.pop_all()  # the file is open for as long as the data set is there
            return dataset
    except RunFailed as error:
        raise UserError(str(error)) from error


def _open(file: h5py.File, where: str) -> Dataset:
    """The data set with images and masks still in the file; types and shapes are checked first."""
    task, classes = _text(file, "task", where), _texts(file, "classes", where)
    check_description(task, classes, where)
    target = target_name(task)
    arrays = {name: _array(file, name, where) for name in ("images", target, "patient", "split")}
    if "site" in file:
        arrays["site"] = _array(file, "site", where)
    check_layout(arrays, task, len(classes), where)
    unknown = np.full(arrays["patient"].shape, -1, np.int64)
    return Dataset(
        task=task, classes=classes, synthetic=_flag(file, "synthetic", where),
        **{name: _text(file, name, where) for name in ("name", "source", "version")},
        **{name: _numbers(file, name, where) for name in ("mean", "std")},
        regions=_regions(file, classes, where) if task == "segmentation" else {},
        images=DiskArray(arrays["images"]),
        targets=DiskArray(arrays[target]) if task == "segmentation" else arrays[target][:],
        patient=arrays["patient"][:], split=arrays["split"][:],
        site=arrays["site"][:] if "site" in arrays else unknown,
        site_names=_texts(file, "site_names", where) if "site_names" in file.attrs else (),
    )  # fmt: skip


def _array(file: h5py.File, name: str, where: str) -> h5py.Dataset:
    array = file.get(name)  # None where there is nothing, and for a link that leads nowhere
    if not isinstance(array, h5py.Dataset) or array.shape is None:
        raise UserError(f"{where}: {name}: found no readable array; the schema asks for one")
    return array


def _attribute(file: h5py.File, name: str, where: str) -> object:
    if name not in file.attrs:
        raise UserError(f"{where}: {name}: there is no such attribute; the schema asks for one")
    return file.attrs[name]


def _text(file: h5py.File, name: str, where: str) -> str:
    """A text, or a whole number written as one."""
    value = _attribute(file, name, where)
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    need(isinstance(value, (str, int, np.integer)), where, name, type(value).__name__, "a text")
    return str(value)


def _texts(file: h5py.File, name: str, where: str) -> tuple[str, ...]:
    value = _attribute(file, name, where)
    values = [each.decode("utf-8") if isinstance(each, bytes) else each for each in np.ravel(value)]
    whole = all(isinstance(each, str) for each in values)
    need(whole, where, name, str(values[:3]), "a list of texts")
    return tuple(values)


def _flag(file: h5py.File, name: str, where: str) -> bool:
    value = _attribute(file, name, where)
    known = isinstance(value, (bool, np.bool_, int, np.integer)) and value in (0, 1)
    need(known, where, name, repr(value), "true or false")
    return bool(value)


def _numbers(file: h5py.File, name: str, where: str) -> np.ndarray:
    value = np.asarray(_attribute(file, name, where))
    need(value.dtype.kind in "iuf", where, name, str(value.dtype), "a number a channel")
    return value.astype(np.float32)


def _regions(file: h5py.File, classes: tuple[str, ...], where: str) -> dict[str, tuple[int, ...]]:
    if "regions" not in file.attrs:
        return {name: (index,) for index, name in enumerate(classes) if index}
    text = _text(file, "regions", where)
    try:
        return {name: tuple(indices) for name, indices in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        right = 'JSON such as {"whole tumour": [1, 2, 3]}'
        raise UserError(f"{where}: regions: found {text!r}; right would be {right}") from None
