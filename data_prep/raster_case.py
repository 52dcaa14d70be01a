"""From image files to rows of a prepared file, a few at a time: gray squares of one size.

A line in the journal and a task for a reader cost as much as a small image, so images are prepared
in batches. Broken ones are left out one by one, and named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from data_prep.prepare import Rows
from data_prep.raster import resize
from data_prep.statistics import statistics
from fedmini.errors import UserError

MOST = 32  # images of a batch
PIXELS = 2**22  # of a batch, unless a single image has more


class Picture(Protocol):
    """One image of a download. Names are distinct, and in the order of the rows."""

    name: str
    path: Path


@dataclass(frozen=True, eq=False)
class Batch:
    """Images that follow each other."""

    pictures: Sequence[Picture]

    @property
    def name(self) -> str:
        return f"{self.pictures[0].name} to {self.pictures[-1].name}"

    @property
    def files(self) -> list[Path]:
        return [picture.path for picture in self.pictures]


def batches(pictures: Sequence[Picture], size: int) -> list[Batch]:
    """All pictures in their order; those of a batch take at most `PIXELS` at this size."""
    length = max(1, min(MOST, PIXELS // size**2))
    return [Batch(pictures[at : at + length]) for at in range(0, len(pictures), length)]


@dataclass(frozen=True)
class Squares:
    """Callable on a batch, gives its `images` (n, 1, S, S) uint8, n without the broken ones.

    `gray` reads a picture, (H, W) uint8; it raises UserError for a broken one.
    """

    size: int
    gray: Callable[[Picture], np.ndarray]

    def __call__(self, batch: Batch) -> Rows:
        images = np.empty((len(batch.pictures), 1, self.size, self.size), np.uint8)
        count, broken = 0, {}
        for picture in batch.pictures:
            try:
                images[count] = resize(self.gray(picture), self.size)
            except UserError as error:
                broken[picture.name] = str(error).removeprefix(f"{picture.path.name}: ")
            else:
                count += 1
        images = images[:count]
        sums = [each.sum(axis=(1, 2, 3)) for each in (images, np.square(images, dtype=np.uint16))]
        return Rows({"images": images}, {"sums": [each.tolist() for each in sums]}, broken)


def whole_pictures(cases: Sequence[Batch], entries: Sequence[Mapping]) -> list[Picture]:
    """The picture of each row, from the batches and what is known of them."""
    return [
        picture
        for batch, entry in zip(cases, entries, strict=True)
        for picture in batch.pictures
        if picture.name not in entry["left out"]
    ]


def training_statistics(
    entries: Sequence[Mapping], training: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (1,) float32 of the pixels of some rows, `training` (N,) bool.

    UserError if no row is chosen.
    """
    if not training.any():
        raise UserError("split: found no image to train on; the lines above may say why")
    totals, squares = (
        np.array([value for entry in entries for value in entry["sums"][which]], np.float64)
        for which in (0, 1)
    )
    sums = [[totals[training].sum(), squares[training].sum()]]
    return statistics([{"rows": int(training.sum()), "sums": sums}], size**2)
