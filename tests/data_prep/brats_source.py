"""Small BraTS downloads for tests: brains of a few voxels, in the names and types of every year."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from fedmini.rng import numpy_stream
from tests.data_prep.nifti_files import Image

MODALITIES = ("flair", "t1", "t1ce", "t2")
NAMES = {
    "2020": ("_flair", "_t1", "_t1ce", "_t2", "_seg"),
    "2023": ("-t2f", "-t1n", "-t1c", "-t2w", "-seg"),
}
PUBLISHED = np.diag([-1.0, -1.0, 1.0, 1.0])  # the axes of BraTS: to the left, the back, the top


def volumes(shape: Sequence[int] = (12, 14, 6), seed: int = 0) -> dict[str, np.ndarray]:
    """Four modalities int16 and `seg` uint8, (X, Y, Z); tumour in all but the outer slices."""
    draw = numpy_stream("brats source", seed)
    place = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    brain = sum(axis**2 for axis in place) < 1.2
    depth = np.abs(place[2]) + np.hypot(place[0] - 0.2, place[1])
    seg = np.select([depth < 0.4, depth < 0.6, depth < 0.9], [4, 1, 2], 0) * brain
    found = {"seg": seg.astype(np.uint8)}
    for name in MODALITIES:
        found[name] = (brain * draw.integers(-20, 900, shape)).astype(np.int16)
    return found


def write_case(
    folder: Path,
    name: str = "BraTS20_Training_001",
    content: dict[str, np.ndarray] | None = None,
    year: str = "2020",
    packed: bool = True,
    affine: np.ndarray = PUBLISHED,
) -> Path:
    """`folder`/`name` with a file for every volume; made up if not given."""
    case = folder / name
    case.mkdir(parents=True)
    content = volumes() if content is None else content
    for kind, ending in zip((*MODALITIES, "seg"), NAMES[year], strict=True):
        if kind in content:
            path = case / f"{name}{ending}.nii{'.gz' if packed else ''}"
            write_volume(path, content[kind], affine)
    return case


def write_volume(path: Path, array: np.ndarray, affine: np.ndarray = PUBLISHED) -> None:
    fields = (("sform_code", 2), ("srow", affine[:3].ravel().tolist()))
    image = Image(array, members=int(path.suffix == ".gz"), fields=fields)
    path.write_bytes(image.content())


def write_slices(folder: Path, volume: int, content: dict[str, np.ndarray]) -> None:
    """The same as the HDF5 slices of Kaggle: each volume standardised with its background."""
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for name in MODALITIES:
        values = content[name].astype(np.float64)
        images.append((values - values.mean()) / values.std())
    for number in range(content["seg"].shape[2]):
        with h5py.File(folder / f"volume_{volume}_slice_{number}.h5", "w") as file:
            file["image"] = np.stack([image[:, :, number] for image in images], axis=2)
            seg = content["seg"][:, :, number]
            file["mask"] = np.stack([seg == label for label in (1, 2, 4)], axis=2).astype(np.uint8)


def download(folder: Path, patients: int = 5, shape: Sequence[int] = (12, 14, 6)) -> Path:
    """A release of some patients, one case each."""
    for number in range(1, patients + 1):
        write_case(folder, f"BraTS20_Training_{number:03d}", volumes(shape, number))
    return folder


def expected(
    content: dict[str, np.ndarray], side: int, modalities: Sequence[str] = MODALITIES
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """What all slices with tumour of a published case become, pixel by pixel."""
    seg = content["seg"]
    kept = [z for z in range(seg.shape[2]) if (seg[:, :, z] > 0).any()]
    images = np.zeros((len(kept), len(modalities), side, side), np.float16)
    masks = np.zeros((len(kept), side, side), np.uint8)
    top, left = (side - seg.shape[1]) // 2, (side - seg.shape[0]) // 2
    for row, z in enumerate(kept):
        for x in range(seg.shape[0]):
            for y in range(seg.shape[1]):
                # stored to the left and the back: columns and rows as they are displayed
                label = seg[x, y, z]
                masks[row, top + y, left + x] = 3 if label == 4 else label
                for channel, name in enumerate(modalities):
                    volume = content[name].astype(np.float64)
                    if volume[x, y, z]:
                        brain = volume[volume != 0]
                        score = (volume[x, y, z] - brain.mean()) / brain.std()
                        images[row, channel, top + y, left + x] = score
    return images, masks, kept
