"""Images on disk promise to be what the same images in memory are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np
import torch
from hypothesis import strategies as st

from fedmini.data.on_disk import DiskImages
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real

real("disk_images", "fedmini.data.on_disk:DiskImages")
real("disk_tensor", "fedmini.data.on_disk:DiskTensor")

COUNTS = st.integers(1, 7)
SEEDS = st.integers(0, 2**70)
TYPES = st.sampled_from(["uint8", "float16"])


@contextmanager
def stored(count: int, dtype: str, seed: int) -> Iterator[tuple[h5py.Dataset, np.ndarray]]:
    """Random images in an open file, and the same in memory."""
    images = (255 * numpy_stream(seed).random((count, 2, 4, 6))).astype(dtype)
    with tempfile.TemporaryFile() as raw, h5py.File(raw, "w") as file:
        yield file.create_dataset("images", data=images, chunks=(1, 2, 4, 6)), images


def halved(images: np.ndarray) -> np.ndarray:
    return images[:, :, ::2, ::2]


def indices(count: int, seed: int) -> list:
    draw = numpy_stream(seed, "indices")
    return [
        int(draw.integers(count)), -1, slice(1, None, 2), draw.permutation(count),
        draw.integers(0, count, 5), draw.random(count) < 0.5, np.zeros(0, np.int64),
    ]  # fmt: skip


@law("disk_images", count=COUNTS, dtype=TYPES, seed=SEEDS)
def law_an_index_gives_what_memory_gives(impl, count, dtype, seed):
    with stored(count, dtype, seed) as (source, images):
        disk = impl(source)
        assert disk.shape == images.shape and disk.dtype == images.dtype and len(disk) == count
        for index in indices(count, seed):
            found = disk[index]
            assert found.dtype == images.dtype and found.shape == images[index].shape
            assert (found == images[index]).all(), "another image was read"


@law("disk_images", count=COUNTS, seed=SEEDS)
def law_a_choice_of_a_choice_and_a_change(impl, count, seed):
    draw = numpy_stream(seed, "choice")
    first, second = draw.integers(0, count, 5), draw.integers(0, 5, 4)
    with stored(count, "uint8", seed) as (source, images):
        disk = impl(source).chosen(first).changed(halved).chosen(second).changed(lambda x: x // 2)
        expected = halved(images[first])[second] // 2
        assert disk.shape == expected.shape
        assert (disk[:] == expected).all() and (disk[1] == expected[1]).all()


@law("disk_tensor", count=COUNTS, dtype=TYPES, seed=SEEDS)
def law_a_tensor_on_disk_indexes_like_a_tensor(impl, count, dtype, seed):
    with stored(count, dtype, seed) as (source, images):
        disk, tensor = impl(DiskImages(source)), torch.from_numpy(images)
        assert len(disk) == count and disk.device == tensor.device and disk.shape == tensor.shape
        for index in indices(count, seed):
            index = torch.from_numpy(index) if isinstance(index, np.ndarray) else index
            if not isinstance(index, slice) or index.step is None:
                assert disk[index].dtype == tensor.dtype, "bytes became something else"
                assert torch.equal(disk[index], tensor[index])
