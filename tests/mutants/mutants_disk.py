"""Wrong ways to leave images on disk."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from fedmini.data import store
from fedmini.data.dataset import SPLITS, channel_statistics, shrink
from fedmini.data.disk_tensor import DiskTensor
from fedmini.data.examples import pooled
from fedmini.data.on_disk import DiskArray, changed
from tests.contracts.framework import mutant


@mutant(
    "disk_array",
    law="law_an_index_gives_what_memory_gives",
    harm="HDF5 wants ascending rows, so they are sorted: images and labels no longer belong.",
)
class SortsRows(DiskArray):
    def __getitem__(self, index):
        if isinstance(index, np.ndarray) and index.dtype != bool:
            index = np.sort(index)
        return super().__getitem__(index)


@mutant(
    "disk_array",
    law="law_an_index_gives_what_memory_gives",
    harm="A batch drawn with repeats loses them: the sampling is another one.",
)
class DropsRepeats(DiskArray):
    def __getitem__(self, index):
        if isinstance(index, np.ndarray) and index.dtype != bool:
            index = np.unique(index)
        return super().__getitem__(index)


@mutant(
    "disk_array",
    law="law_an_index_gives_what_memory_gives",
    harm="From the first row to the last: a batch of rows out of order gets the rows between.",
)
class ReadsOneSlab(DiskArray):
    def __getitem__(self, index):
        rows = self.rows[index]
        if np.ndim(rows) == 0 or not len(rows):
            return super().__getitem__(index)
        return self.source[min(rows[0], rows[-1]) :][: len(rows)]


@mutant(
    "disk_array",
    law="law_a_choice_of_a_choice_and_a_change",
    harm="Rows of a choice are taken from the whole file: a hospital trains on others' patients.",
)
class ForgetsTheFirstChoice(DiskArray):
    def chosen(self, rows):
        return ForgetsTheFirstChoice(self.source, rows % len(self.source), self.changes)


@mutant(
    "disk_array",
    law="law_a_choice_of_a_choice_and_a_change",
    harm="Only the last change is made: images are not of the size that the model was built for.",
)
class ForgetsTheFirstChange(DiskArray):
    def changed(self, change):
        return ForgetsTheFirstChange(self.source, self.rows, (change,))


@mutant(
    "disk_tensor",
    law="law_a_tensor_on_disk_indexes_like_a_tensor",
    harm="Bytes become floats on the way: three times the memory, and other bits than in memory.",
)
class FloatsFromDisk(DiskTensor):
    def __getitem__(self, index):
        return super().__getitem__(index).to(torch.float32)


@mutant(
    "read",
    law="law_the_data_are_the_same_on_disk",
    harm="The option is not heeded: a file larger than memory ends the run, or the machine.",
)
def read_all(path, in_memory="auto"):
    return store.read(path, "yes")


@mutant(
    "read",
    law="law_the_data_are_the_same_on_disk",
    harm="Scaled to 0..1 on disk as image loaders do: mean and std are still in stored units.",
)
def read_scaled(path, in_memory="auto"):
    dataset = store.read(path, in_memory)
    images = changed(dataset.images, lambda block: block / np.float16(255))
    return dataclasses.replace(dataset, images=images)


@mutant(
    "shrink",
    law="law_what_is_on_disk_shrinks_alike",
    harm="Mean and std are those of the first block: the normalisation depends on where data lie.",
)
def shrink_measuring_one_block(dataset, size):
    small = shrink(dataset, size)
    if isinstance(small.images, np.ndarray):
        return small
    mean, std = channel_statistics(small.images[small.split == 0][:64])
    return dataclasses.replace(small, mean=mean, std=std)


@mutant(
    "shrink",
    law="law_what_is_on_disk_shrinks_alike",
    harm="Every other pixel on disk, means of areas in memory: one option, two experiments.",
)
def shrink_by_leaving_out(dataset, size):
    small = shrink(dataset, size)
    if isinstance(dataset.images, np.ndarray) or small is dataset:
        return small
    rows, columns = (np.arange(new) * old // new for new, old in zip(small.size, dataset.size))
    images = dataset.images.changed(lambda block: block[:, :, rows[:, None], columns])
    return dataclasses.replace(small, images=images)


@mutant(
    "pooled",
    law="law_everything_at_one_place_on_disk_too",
    harm="Shrinking is forgotten where hospitals are joined: the centralised model sees others.",
)
def pooled_as_stored(hospitals):
    whole = pooled(hospitals)
    parts = {}
    for split in SPLITS:
        part = getattr(whole, split)
        if isinstance(part.images, DiskTensor):
            array = part.images.array
            part = dataclasses.replace(part, images=DiskTensor(DiskArray(array.source, array.rows)))
        parts[split] = part
    return dataclasses.replace(whole, **parts)
