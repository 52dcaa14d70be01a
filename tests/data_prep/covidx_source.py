"""Small downloads of COVIDx CT for tests: noisy slices under the names of several collections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fedmini.rng import numpy_stream

# For each patient a prefix of file names, a class, a split, and the source in metadata.csv.
PATIENTS = {
    "NCP_96": ("NCP_96_1328_00{:02}.png", 2, "train", "CNCB"),
    "NCP_8": ("NCP_8_1301_00{:02}.png", 2, "train", "CNCB"),
    "CP_10": ("CP_10_3136_02{:02}.png", 1, "train", "CNCB"),
    "LIDC-IDRI-0273": ("LIDC-IDRI-0273-1.3.6.1.4.1-00{:02}.png", 0, "train", "LIDC-IDRI"),
    "COVIDCTMD-P002": ("COVIDCTMD-P002-IM00{:02}.png", 2, "val", "COVID-CT-MD"),
    "Normal_7": ("Normal_7_11_00{:02}.png", 0, "val", "CNCB"),
    "patient100": ("137covid_patient100_SR_2_IM000{:02}.png", 2, "test", "COVID-CTSet"),
    "study_0255": ("study_0255-00{:02}.png", 1, "test", "MosMedData"),
}
SLICES = 3  # of a patient
HEADER = "patient id,source,country,sex,age,finding,verified finding,slice selection,view,modality"


def slice_of(name: str, shape: tuple[int, int] = (40, 48)) -> np.ndarray:
    """(H, W) uint8, always the same for one name."""
    draw = numpy_stream("covidx source", name)
    smooth = np.outer(np.linspace(0, 200, shape[0]), np.linspace(0.2, 1, shape[1]))
    return (smooth + draw.integers(0, 50, shape)).astype(np.uint8)


def write_image(folder: Path, name: str, shape: tuple[int, int] = (40, 48)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    Image.fromarray(slice_of(name, shape)).save(path)
    return path


def lines_of(split: str) -> list[str]:
    """The published lines of one split: every slice with a box of its own."""
    return [
        f"{form.format(number)} {finding} {4 + number} {2 * row} 44 {30 + row}"
        for row, (form, finding, its, _) in enumerate(PATIENTS.values())
        for number in range(SLICES)
        if its == split
    ]


def write_list(folder: Path, split: str, lines: Sequence[str], version: str = "2A") -> Path:
    name = f"{split}_COVIDx-CT.txt" if version == "1" else f"{split}_COVIDx_CT-{version}.txt"
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def write_metadata(folder: Path) -> Path:
    rows = [f"{name},{row[3]},,,,,Yes,Expert,Axial,CT" for name, row in PATIENTS.items()]
    path = folder / "metadata.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def download(folder: Path, version: str = "2A", metadata: bool = True) -> Path:
    """A whole release: three lists, their images, and the table of patients."""
    folder.mkdir(parents=True, exist_ok=True)
    images = folder / ("images" if version == "1" else f"{version[0]}A_images")
    for split in ("train", "val", "test"):
        lines = lines_of(split)
        write_list(folder, split, lines, version)
        for line in lines:
            write_image(images, line.split()[0])
    if metadata:
        write_metadata(folder)
    return folder
