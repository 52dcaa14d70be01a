"""Write prepared data: one HDF5 file a data set, of the schema that `fedmini.data.store` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from data_prep.disk import hdf5, uninterrupted
from fedmini.data.dataset import Dataset
from fedmini.data.schema import target_name, validate
from fedmini.files import atomic_path


def write(
    path: str | Path, dataset: Dataset, extras: Mapping[str, np.ndarray] | None = None
) -> None:
    """Write a valid data set, whole or not at all; equal data sets give equal bytes.

    `extras` are further arrays by name, one row an image; nothing is trained on them.
    Raises UserError if it is not valid, OSError if it cannot be written.
    """
    validate(dataset, str(path))
    with atomic_path(path) as partial, hdf5(partial) as (file, _), uninterrupted():
        _store(file, "images", dataset.images, image_by_image=True)
        segmentation = dataset.task == "segmentation"
        _store(file, target_name(dataset.task), dataset.targets, image_by_image=segmentation)
        for name, array in (extras or {}).items():
            _store(file, name, array, image_by_image=array.ndim > 1)
        describe(file, dataset)


def describe(file: h5py.File, dataset: Dataset) -> None:
    """Write all of a data set but its images and targets, which are in the file already."""
    _store(file, "patient", dataset.patient)
    _store(file, "split", dataset.split)
    if dataset.site_names:
        _store(file, "site", dataset.site)
        file.attrs["site_names"] = fixed_length(dataset.site_names)
    for name in ("synthetic", "mean", "std"):
        file.attrs[name] = getattr(dataset, name)
    for name in ("name", "task", "source", "version", "classes"):
        file.attrs[name] = fixed_length(getattr(dataset, name))
    file.attrs["regions"] = fixed_length(json.dumps(dataset.regions))


def fixed_length(texts: str | Sequence[str]) -> np.ndarray:
    """UTF-8 in place: on a damaged heap of variable-length texts the HDF5 library can hang."""
    encoded = np.char.encode(np.asarray(texts), "utf-8")
    return encoded.astype(h5py.string_dtype("utf-8", encoded.dtype.itemsize))


def _store(file: h5py.File, name: str, array: np.ndarray, image_by_image: bool = False) -> None:
    """One compressed array with checksums, which reveal damage when it is read."""
    chunk = (1, *array.shape[1:]) if image_by_image else array.shape
    file.create_dataset(name, data=array, chunks=chunk, compression="gzip", fletcher32=True)
