"""How fast `data_prep.brats` is, beside a bare loop that only unpacks the same files.

Each pair times, in processes of their own and without their start, the bare loop and the whole
command, with one worker and with two; the order alternates. Medians are printed, with the
quartiles. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fedmini.rng import numpy_stream
from tests.data_prep.nifti_files import Image

REAL = Path(__file__).parents[3] / "shared" / "data" / "brats" / "MICCAI_BraTS2020_TrainingData"
BARE = """
import gzip, sys, time
from pathlib import Path
import numpy
files = sorted(Path(sys.argv[1]).rglob("*.nii.gz"))
started = time.perf_counter()
for file in files:
    numpy.frombuffer(gzip.open(file).read(), numpy.uint8)
print(time.perf_counter() - started)
"""
OURS = """
import contextlib, io, sys, time
from data_prep.brats import main
started = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    status = main([sys.argv[1], "--out", sys.argv[2], "--workers", sys.argv[3]])
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


def measure(what: str, source: Path, pairs: int) -> None:
    """Print how many times faster than the bare loop the command is."""
    ratios: dict[int, list[float]] = {1: [], 2: []}
    for pair in range(pairs + 1):
        times = {}
        for workers in (0, 1, 2) if pair % 2 else (2, 1, 0):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out.h5"
                script = (OURS, source, out, workers) if workers else (BARE, source)
                times[workers] = seconds(*script)
        if pair:  # the first one warms up
            for workers, found in ratios.items():
                found.append(times[0] / times[workers])
    for workers, found in ratios.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"{what}, {workers} worker{'s' * (workers > 1)}: bare loop / command  ", end="")
        print(f"{middle:.2f}  [{low:.2f}, {high:.2f}]   ({pairs} pairs)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.prepare")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--copies", type=int, default=30, help="of the three real cases")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if REAL.is_dir():
            real = [each for each in sorted(REAL.iterdir()) if each.is_dir()]
            source = copies(real, options.copies, Path(folder) / "real")
            measure("BraTS, 2 mm", source, options.pairs)
        full = copies(synthetic(Path(folder) / "three"), 4, Path(folder) / "full")
        measure("BraTS, full size", full, options.pairs)


if __name__ == "__main__":
    main()
