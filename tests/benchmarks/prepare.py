"""How fast the commands of `data_prep` are, beside bare loops over the same files.

The bare loop of BraTS only unpacks, that of radiographs opens, makes gray and resizes, that of CT
slices cuts out their boxes besides. Each pair times, in processes of their own and without their
start, the bare loop and the whole command, with one worker and with two; the order alternates.
Medians are printed, with the quartiles. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from fedmini.rng import numpy_stream
from tests.data_prep.nifti_files import Image

SHARED = Path(__file__).parents[3] / "shared" / "data"
REAL = SHARED / "brats" / "MICCAI_BraTS2020_TrainingData"
UNPACK = """
import gzip, sys, time
from pathlib import Path
import numpy
files = sorted(Path(sys.argv[1]).rglob("*.nii.gz"))
started = time.perf_counter()
for file in files:
    numpy.frombuffer(gzip.open(file).read(), numpy.uint8)
print(time.perf_counter() - started)
"""
GRAY = """
import sys, time
from pathlib import Path
import numpy
from PIL import Image
Image.preinit()
files = sorted(Path(sys.argv[1]).rglob("*.png"))
square = (int(sys.argv[2]), int(sys.argv[2]))
started = time.perf_counter()
for file in files:
    numpy.asarray(Image.open(file).convert("L").resize(square, Image.Resampling.BOX))
print(time.perf_counter() - started)
"""
CROP = """
import sys, time
from pathlib import Path
import numpy
from PIL import Image
Image.preinit()
source, square = Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[2]))
lines = [line.split() for path in source.glob("*.txt") for line in path.open()]
started = time.perf_counter()
for name, _, *box in lines:
    image = Image.open(source / "2A_images" / name).convert("L").crop([int(edge) for edge in box])
    numpy.asarray(image.resize(square, Image.Resampling.BOX))
print(time.perf_counter() - started)
"""
OURS = """
import contextlib, importlib, io, sys, time
main = importlib.import_module(sys.argv[1]).main
started = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    status = main(sys.argv[2:])
print(time.perf_counter() - started)
sys.exit(status)
"""


def seconds(script: str, *arguments: object) -> float:
    """What a script measures of itself."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def copies(cases: list[Path], count: int, folder: Path) -> Path:
    """`count` copies of every case, under names of their own, as links."""
    for number in range(count):
        for case in cases:
            name = f"{case.name}x{number:03d}"
            (folder / name).mkdir(parents=True)
            for file in case.glob("*.nii.gz"):
                os.symlink(file, folder / name / file.name.replace(case.name, name))
    return folder


def synthetic(folder: Path) -> list[Path]:
    """Three cases of full size: 240 x 240 x 155 voxels of 16 bits, smooth tissue and noise."""
    x, y, z = np.ogrid[:240, :240, :155]
    brain = ((x - 120) / 68) ** 2 + ((y - 120) / 86) ** 2 + ((z - 72) / 66) ** 2 < 1
    affine = [-1.0, 0, 0, 0, 0, -1.0, 0, 239.0, 0, 0, 1.0, 0]
    fields = (("sform_code", 2), ("srow", affine))
    for number in range(3):
        draw = numpy_stream("benchmark", number)
        case = folder / f"Full{number}"
        case.mkdir(parents=True)
        tumour = ((x - 100) / 28) ** 2 + ((y - 110) / 30) ** 2 + ((z - 80 - number) / 33) ** 2
        volumes = {"seg": np.select([tumour < 0.3, tumour < 0.5, tumour < 1], [4, 1, 2]) * brain}
        for channel, name in enumerate(("flair", "t1", "t1ce", "t2")):
            tissue = 300 + 200 * np.sin(x / 20 + channel) * np.cos(y / 25) + 100 * np.cos(z / 15)
            noisy = tissue + 150 * (tumour < 1) + draw.normal(0, 18, brain.shape)
            volumes[name] = noisy.clip(1) * brain
        for name, volume in volumes.items():
            image = Image(volume.astype(np.int16), members=1, fields=fields)
            (case / f"{case.name}_{name}.nii.gz").write_bytes(image.content())
    return sorted(folder.iterdir())


def radiographs(folder: Path, count: int) -> Path:
    """A download of ChestX-ray14 with `count` images of 1024 x 1024 pixels: soft ribs and noise."""
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex"
    rows = [f"{header},View Position"]
    (folder / "images").mkdir(parents=True)
    y, x = np.ogrid[:1024, :1024]
    chest = 130 + 60 * np.cos(x / 200) + 30 * np.sin(y / 30 + x / 300)
    for number in range(count):
        noisy = chest + numpy_stream("radiograph", number).normal(0, 2, chest.shape)
        name = f"{number:08d}_000.png"
        PIL.Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "images" / name)
        rows.append(f"{name},No Finding,0,{number},50,F,PA")
    (folder / "Data_Entry_2017.csv").write_text("\n".join(rows))
    return folder


def chest_slices(folder: Path, count: int) -> Path:
    """A download of COVIDx CT with `count` images of 512 x 512 pixels: a noisy disc on black."""
    (folder / "2A_images").mkdir(parents=True)
    y, x = np.ogrid[:512, :512]
    chest = 90 + 60 * np.cos(x / 60) + 40 * np.sin(y / 40)
    inside = (x - 256) ** 2 + (y - 256) ** 2 < 240**2
    lines = []
    for number in range(count):
        noisy = inside * (chest + numpy_stream("slice", number).normal(0, 6, chest.shape))
        name = f"NCP_{number}_1_0000.png"
        PIL.Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "2A_images" / name)
        lines.append(f"{name} 2 10 60 500 440\n")
    for split, rows in (("train", lines[2:]), ("val", lines[:1]), ("test", lines[1:2])):
        (folder / f"{split}_COVIDx_CT-2A.txt").write_text("".join(rows))
    return folder


@dataclass(frozen=True)
class Contest:
    """A bare loop and its arguments, and the command with its options, on the same files."""

    name: str
    bare: tuple[object, ...]
    module: str
    command: tuple[object, ...]

    def seconds(self, workers: int) -> float:
        """Of the command, or with no workers of the bare loop."""
        if not workers:
            return seconds(*self.bare)
        with tempfile.TemporaryDirectory() as folder:
            target = ("--out", Path(folder) / "out.h5", "--workers", workers)
            return seconds(OURS, self.module, *self.command, *target)

    def measure(self, pairs: int) -> None:
        """Print how many times faster than the bare loop the command is."""
        ratios: dict[int, list[float]] = {1: [], 2: []}
        for pair in range(pairs + 1):
            times = {each: self.seconds(each) for each in ((0, 1, 2) if pair % 2 else (2, 1, 0))}
            if pair:  # the first one warms up
                for workers, found in ratios.items():
                    found.append(times[0] / times[workers])
        for workers, found in ratios.items():
            low, middle, high = statistics.quantiles(found, n=4)
            print(f"{self.name}, {workers} worker{'s' * (workers > 1)}: ", end="")
            quartiles = f"{middle:.2f}  [{low:.2f}, {high:.2f}]"
            print(f"bare loop / command  {quartiles}   ({pairs} pairs)", flush=True)


def brats(name: str, source: Path) -> Contest:
    return Contest(f"BraTS, {name}", (UNPACK, source), "data_prep.brats", (source,))


def nih(name: str, source: Path, size: int) -> Contest:
    options = (source, "--split", "patient", "--size", size)
    return Contest(f"ChestX-ray14, {name}", (GRAY, source, size), "data_prep.nih", options)


def covidx(name: str, source: Path, size: int) -> Contest:
    options = (source, "--size", size)
    return Contest(f"COVIDx CT, {name}", (CROP, source, size), "data_prep.covidx", options)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.prepare")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--copies", type=int, default=30, help="of the three real cases of BraTS")
    parser.add_argument("--only", default="", metavar="TEXT", help="contests with this in the name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for contest in contests(Path(name), options.copies):
            if options.only in contest.name:
                contest.measure(options.pairs)


def contests(folder: Path, number: int) -> Iterator[Contest]:
    """Real images where they are there, and made ones of full size; `number` copies of a case."""
    if SHARED.is_dir():
        real = [each for each in sorted(REAL.iterdir()) if each.is_dir()]
        yield brats("2 mm", copies(real, number, folder / "real"))
        yield nih("64 pixels", SHARED / "nih", 64)
        yield covidx("160 pixels to 128", SHARED / "covidx", 128)
    yield nih("1024 pixels to 224", radiographs(folder / "nih", 256), 224)
    yield covidx("512 pixels to 128", chest_slices(folder / "covidx", 1000), 128)
    yield brats("full size", copies(synthetic(folder / "three"), 4, folder / "full"))


if __name__ == "__main__":
    main()
