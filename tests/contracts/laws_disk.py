"""What stays on disk promises to be what the same data in memory are."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch
from hypothesis import strategies as st

from data_prep.store import write
from fedmini.data import store
from fedmini.data.dataset import Dataset, shrink
from fedmini.data.examples import hospitals
from fedmini.data.on_disk import BLOCK, DiskArray
from fedmini.data.partition import IID, partition
from fedmini.data.patients import patient_table
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real
from tests.data import factory

real("disk_array", "fedmini.data.on_disk:DiskArray")
real("disk_tensor", "fedmini.data.disk_tensor:DiskTensor")
real("read", "fedmini.data.store:read")
real("pooled", "fedmini.data.examples:pooled")

COUNTS = st.sampled_from([1, 2, 7, BLOCK + 3])
SEEDS = st.integers(0, 2**70)
TYPES = st.sampled_from(["uint8", "float16"])
TASKS = st.sampled_from(["segmentation", "multilabel"])


@contextmanager
def stored(count: int, dtype: str, seed: int) -> Iterator[tuple[h5py.Dataset, np.ndarray]]:
    """Random images in an open file, and the same in memory."""
    images = (255 * numpy_stream(seed).random((count, 2, 4, 6))).astype(dtype)
    with tempfile.TemporaryFile() as raw, h5py.File(raw, "w") as file:
        yield file.create_dataset("images", data=images, chunks=(1, 2, 4, 6)), images


@contextmanager
def prepared(task: str, dtype: str, seed: int) -> Iterator[tuple[Dataset, Path]]:
    """A small data set and its file; more training images than one block has."""
    if task == "segmentation":
        dataset = factory.segmentation_dataset(patients=41, size=12, dtype=dtype, seed=seed)
    else:
        dataset = factory.labels_dataset(patients=61, size=12, dtype=dtype, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        write(path, dataset)
        yield dataset, path


def halved(images: np.ndarray) -> np.ndarray:
    return images[:, :, ::2, ::2]


def indices(count: int, seed: int) -> list:
    draw = numpy_stream(seed, "indices")
    return [
        int(draw.integers(count)), -1, slice(1, None, 2), draw.permutation(count),
        draw.integers(0, count, 5), draw.random(count) < 0.5, np.zeros(0, np.int64),
    ]  # fmt: skip


@law("disk_array", count=COUNTS, dtype=TYPES, seed=SEEDS)
def law_an_index_gives_what_memory_gives(impl, count, dtype, seed):
    with stored(count, dtype, seed) as (source, images):
        disk = impl(source)
        assert disk.shape == images.shape and disk.dtype == images.dtype and len(disk) == count
        assert disk.nbytes == images.nbytes
        for index in indices(count, seed):
            found = disk[index]
            assert found.dtype == images.dtype and found.shape == images[index].shape
            assert (found == images[index]).all(), "another image was read"


@law("disk_array", count=COUNTS, seed=SEEDS)
def law_a_choice_of_a_choice_and_a_change(impl, count, seed):
    draw = numpy_stream(seed, "choice")
    first, second = draw.integers(0, count, 5), draw.integers(0, 5, 4)
    with stored(count, "uint8", seed) as (source, images):
        disk = impl(source).chosen(first).changed(halved).chosen(second).changed(lambda x: x / 2)
        expected = halved(images[first])[second] / 2
        assert disk.shape == expected.shape and disk.dtype == expected.dtype
        assert (disk[:] == expected).all() and (disk[1] == expected[1]).all()


@law("disk_tensor", count=COUNTS, dtype=TYPES, seed=SEEDS)
def law_a_tensor_on_disk_indexes_like_a_tensor(impl, count, dtype, seed):
    with stored(count, dtype, seed) as (source, images):
        disk, tensor = impl(DiskArray(source)), torch.from_numpy(images)
        assert len(disk) == count and disk.device == tensor.device and disk.shape == tensor.shape
        for index in indices(count, seed):
            index = torch.from_numpy(index) if isinstance(index, np.ndarray) else index
            if not isinstance(index, slice) or index.step is None:
                assert disk[index].dtype == tensor.dtype, "bytes became something else"
                assert torch.equal(disk[index], tensor[index])


def check_equal(disk: Dataset, memory: Dataset) -> None:
    """Every field has the same bits, and some images have them when they are read alone."""
    for field in dataclasses.fields(Dataset):
        one, other = getattr(disk, field.name), getattr(memory, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype, f"{field.name} has another type"
            one, other = one[:].tobytes(), other.tobytes()
        assert one == other, f"{field.name} differs from that of the data in memory"
    assert (disk.images[[3, 0]] == memory.images[[3, 0]]).all()


@law("read", task=TASKS, dtype=TYPES, seed=SEEDS)
def law_the_data_are_the_same_on_disk(impl, task, dtype, seed):
    with prepared(task, dtype, seed) as (dataset, path):
        disk = impl(path, "no")
        assert isinstance(disk.images, DiskArray), "all images were read"
        check_equal(disk, dataset)
        assert isinstance(impl(path, "yes").images, np.ndarray), "the images stayed in the file"


@law("shrink", task=TASKS, size=st.sampled_from([5, 9, 12]), dtype=TYPES, seed=SEEDS)
def law_what_is_on_disk_shrinks_alike(impl, task, size, dtype, seed):
    with prepared(task, dtype, seed) as (dataset, path):
        disk = impl(store.read(path, "no"), size)
        assert isinstance(disk.images, DiskArray), "all images were read"
        check_equal(disk, impl(dataset, size))


@law("pooled", clients=st.integers(1, 4), size=st.sampled_from([8, 12]), seed=SEEDS)
def law_everything_at_one_place_on_disk_too(impl, clients, size, seed):
    with prepared("segmentation", "uint8", seed) as (_, path):
        found = []
        for disk in (store.read(path, "no"), store.read(path, "yes")):
            disk = shrink(disk, size)
            table = patient_table(disk)
            whole = impl(hospitals(disk, table, partition(IID(), table, clients, seed)))
            found.append(whole.train)
        disk, memory = found
        assert torch.equal(disk.images[:], memory.images), "other images than in memory"
        assert torch.equal(disk.targets[:], memory.targets), "other masks than in memory"
        assert (disk.patients == memory.patients).all()
