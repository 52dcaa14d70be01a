"""A case of BraTS as its publishers give it: a folder with a NIfTI file a modality.

Files are called CASE_flair.nii.gz and so on (2018 to 2021) or CASE-t2f.nii.gz (2023), packed or
not, where CASE is the name of the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep import nifti
from data_prep.geometry import Geometry, geometry
from data_prep.volume import axial, canonical
from fedmini.errors import UserError

SEGMENTATION = "seg"
ENDINGS = {
    "flair": ("_flair", "-t2f"),
    "t1": ("_t1", "-t1n"),
    "t1ce": ("_t1ce", "-t1c"),
    "t2": ("_t2", "-t2w"),
    SEGMENTATION: ("_seg", "-seg"),
}
CLOSE = 1e-3  # mm, between the affines of one case


@dataclass(frozen=True)
class FolderCase:
    """`found` has for each modality, and for the segmentation, its files: one, if all is well."""

    name: str
    folder: Path
    found: Mapping[str, Sequence[Path]]
    modalities: Sequence[str]

    @property
    def files(self) -> list[Path]:
        """The segmentation, then the modalities."""
        wanted = (SEGMENTATION, *self.modalities)
        return [path for kind in wanted for path in self.found.get(kind, ())]

    def geometry(self) -> Geometry:
        """From the headers alone; UserError if a file is missing or they disagree."""
        for kind in (*self.modalities, SEGMENTATION):
            self._check_one(kind)
        first, *others = self.files
        header = nifti.header(first)
        shape = _three(header.shape)
        for path in others:
            other = nifti.header(path)
            if _three(other.shape) != shape:
                sizes = f"{_times(shape)} in {first.name}, {_times(_three(other.shape))}"
                raise UserError(f"the shapes differ: {sizes} in {path.name}")
            if not np.allclose(other.affine, header.affine, rtol=0, atol=CLOSE):
                raise UserError(f"the affines of {first.name} and {path.name} differ")
        return geometry(shape, header.affine)

    def read(self) -> Iterator[np.ndarray]:
        """The segmentation, then each modality: (Z, rows, columns), as they are stored."""
        for path in self.files:
            array, affine = nifti.read(path)
            volume = array.reshape(_three(array.shape), order="F")
            yield axial(canonical(volume, affine)[0])

    def _check_one(self, kind: str) -> None:
        paths = self.found.get(kind, ())
        if not paths:
            names = " or ".join(f"{self.name}{ending}.nii[.gz]" for ending in ENDINGS[kind])
            raise UserError(f"{kind} is missing: there is no {names}")
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise UserError(f"{kind} is there more than once: {names}")


def folder_cases(
    folder: Path, names: Sequence[str], modalities: Sequence[str]
) -> list[FolderCase]:
    """The case that a folder with files of these names is, if it is one."""
    found: dict[str, list[Path]] = {}
    others = []
    for name in names:
        stem = name.removesuffix(".gz").removesuffix(".nii")
        if name not in (f"{stem}.nii", f"{stem}.nii.gz"):
            continue
        kinds = [k for k, endings in ENDINGS.items() for e in endings if stem == folder.name + e]
        if kinds:
            found.setdefault(kinds[0], []).append(folder / name)
        elif "seg" in stem.lower():
            others.append(folder / name)
    # a segmentation of the 2020 release kept the name that its author had given it
    if found and len(others) == 1:
        found.setdefault(SEGMENTATION, others)
    return [FolderCase(folder.name, folder, found, modalities)] if found else []


def _three(shape: Sequence[int]) -> tuple[int, ...]:
    """The three axes of a volume, without axes of one voxel behind them."""
    if len(shape) < 3 or any(size != 1 for size in shape[3:]):
        raise UserError(f"found an image of {_times(shape)} voxels; right would be three axes")
    return tuple(shape[:3])


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
