"""BraTS 2020 as HDF5 slices, the repacked form that Kaggle offers: `volume_V_slice_S.h5`.

Volume V is the case BraTS20_Training_V. `image` (240, 240, 4) holds FLAIR, T1, T1ce and T2, its
axes taken to be those of the NIfTI files; `mask` (240, 240, 3) is 1 where labels 1, 2 and 4 are.
Nobody wrote the order of channels down and public code disagrees; who compared them with the NIfTI
files found this one.

Whoever repacked the volumes standardised each together with its background, which is negative
therefore. A z-score does not feel scale or shift: with the corner's value taken as zero, that
inside the brain is the same as for the NIfTI files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from data_prep.geometry import Geometry, geometry
from data_prep.volume import axial, canonical
from fedmini.errors import UserError

NAME = re.compile(r"volume_(\d+)_slice_(\d+)\.h5")
CHANNELS = ("flair", "t1", "t1ce", "t2")
LABELS = np.array([1, 2, 4], np.uint8)
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])  # of all volumes of the release, but for the origin
WIDEST = 1024  # pixels; nothing larger is read


@dataclass(frozen=True)
class SlicesCase:
    """One volume; `slices` has the file of each slice by its number."""

    name: str
    folder: Path
    slices: dict[int, Path]
    modalities: Sequence[str]

    @property
    def files(self) -> list[Path]:
        return [self.slices[number] for number in sorted(self.slices)]

    def geometry(self) -> Geometry:
        """From the first slice; UserError if one is missing between the first and the last."""
        missing = sorted(set(range(max(self.slices))) - set(self.slices))
        if missing:
            raise UserError(f"slice {missing[0]} of 0 to {max(self.slices)} is missing")
        image, _ = _read(self.files[0])
        return geometry((*image.shape[:2], len(self.slices)), AFFINE)

    def read(self) -> Iterator[np.ndarray]:
        """The labels, then each modality: (Z, rows, columns), background 0."""
        images, labels = [], []
        for path in self.files:
            image, label = _read(path)
            if images and image.shape != images[0].shape:
                raise UserError(f"{path.name} is not as large as the slices before it")
            images.append(image)
            labels.append(label)
        yield _axial(np.stack(labels, axis=2))
        for modality in self.modalities:
            channel = CHANNELS.index(modality)
            yield _axial(np.stack([image[..., channel] for image in images], axis=2))


def kaggle_cases(
    folder: Path, names: Sequence[str], modalities: Sequence[str]
) -> list[SlicesCase]:
    """The volumes whose slices are among the files of a folder."""
    volumes: dict[int, dict[int, Path]] = defaultdict(dict)
    for name in names:
        match = NAME.fullmatch(name)
        if match:
            volumes[int(match[1])][int(match[2])] = folder / name
    return [
        SlicesCase(f"BraTS20_Training_{volume:03d}", folder, slices, modalities)
        for volume, slices in volumes.items()
    ]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A slice (H, W, 4) float32 with background 0, and its labels (H, W) uint8."""
    try:
        with h5py.File(path, "r") as file:
            image, mask = _array(file, "image", 4, path), _array(file, "mask", 3, path)
    except UserError:
        raise
    except Exception as error:  # the HDF5 library reports damage as almost any exception
        reason = " ".join(str(error).split())
        raise UserError(f"{path.name} is damaged or no HDF5 file: {reason}") from None
    if image.shape[:2] != mask.shape[:2]:
        raise UserError(f"{path.name}: image and mask are not of one size")
    if not np.isin(mask, (0, 1)).all() or (mask.sum(axis=2) > 1).any():
        raise UserError(f"{path.name}: mask: a pixel has one label or none; right would be 0 or 1")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found later
        return (image - image[0, 0]).astype(np.float32), mask.astype(np.uint8) @ LABELS


def _array(file: h5py.File, name: str, channels: int, path: Path) -> np.ndarray:
    array = file.get(name)
    if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "iuf":
        raise UserError(f"{path.name}: {name}: there is no such array of numbers")
    shape = array.shape
    if len(shape) != 3 or shape[2] != channels or not 0 < min(shape) <= max(shape) <= WIDEST:
        raise UserError(f"{path.name}: {name}: found {shape}; right would be 240, 240, {channels}")
    return array[:]


def _axial(volume: np.ndarray) -> np.ndarray:
    return axial(canonical(volume, AFFINE)[0])
