"""Wrong ways to leave images on disk."""

from __future__ import annotations

import numpy as np
import torch

from fedmini.data.on_disk import DiskImages, DiskTensor
from tests.contracts.framework import mutant


@mutant(
    "disk_images",
    law="law_an_index_gives_what_memory_gives",
    harm="HDF5 wants ascending rows, so they are sorted: images and labels no longer belong.",
)
class SortsRows(DiskImages):
    def __getitem__(self, index):
        if isinstance(index, np.ndarray) and index.dtype != bool:
            index = np.sort(index)
        return super().__getitem__(index)


@mutant(
    "disk_images",
    law="law_an_index_gives_what_memory_gives",
    harm="A batch drawn with repeats loses them: the sampling is another one.",
)
class DropsRepeats(DiskImages):
    def __getitem__(self, index):
        if isinstance(index, np.ndarray) and index.dtype != bool:
            index = np.unique(index)
        return super().__getitem__(index)


@mutant(
    "disk_images",
    law="law_a_choice_of_a_choice_and_a_change",
    harm="Rows of a choice are taken from the whole file: a hospital trains on others' patients.",
)
class ForgetsTheFirstChoice(DiskImages):
    def chosen(self, rows):
        return ForgetsTheFirstChoice(self.source, rows % len(self.source), self.change)


@mutant(
    "disk_images",
    law="law_a_choice_of_a_choice_and_a_change",
    harm="Only the last change is made: images are not of the size that the model was built for.",
)
class ForgetsTheFirstChange(DiskImages):
    def changed(self, change):
        return ForgetsTheFirstChange(self.source, self.rows, change)


@mutant(
    "disk_tensor",
    law="law_a_tensor_on_disk_indexes_like_a_tensor",
    harm="Bytes become floats on the way: three times the memory, and other bits than in memory.",
)
class FloatsFromDisk(DiskTensor):
    def __getitem__(self, index):
        return super().__getitem__(index).to(torch.float32)
