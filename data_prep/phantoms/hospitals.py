"""What the synthetic hospitals of every data set share: keys, splits, the data set, the command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from data_prep.store import write
from fedmini.data.dataset import TEST, TRAIN, VALIDATION, Dataset, channel_statistics
from fedmini.errors import RunFailed
from fedmini.files import disk_errors
from fedmini.rng import numpy_stream

VERSION = "1"  # of all phantoms: another one would have other images


def key_of(name: str) -> str:
    """The key of all draws for a data set."""
    return f"fedmini-phantom-{name}-{VERSION}"


def assemble(
    name: str, clinics: Sequence, patient: np.ndarray, images: np.ndarray, **content: object
) -> Dataset:
    """The data set of some clinics, each with a `name` and a number of `patients`, split within.

    Patients are numbered from 0 in the order of the clinics; `patient` (N,) says whose an image is.
    `content` is what else a Dataset holds: task, classes, targets, regions.
    """
    counts = [clinic.patients for clinic in clinics]
    parts = [_split(n, numpy_stream(key_of(name), each)) for each, n in enumerate(counts)]
    split = np.concatenate(parts)[patient].astype(np.uint8)
    mean, std = channel_statistics(images[split == TRAIN])
    return Dataset(
        name=name,
        source="SYNTHETIC phantoms of fedmini; nobody's images",
        synthetic=True,
        version=VERSION,
        mean=mean,
        std=std,
        images=images,
        patient=patient,
        split=split,
        site=np.repeat(np.arange(len(counts)), counts)[patient],
        site_names=tuple(clinic.name for clinic in clinics),
        **content,
    )


def _split(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Which split each patient of a hospital is in: 60% train, 10% validation, 30% test."""
    test, validation = round(0.3 * patients), max(1, round(0.1 * patients))
    training = patients - test - validation
    return rng.permutation(np.repeat([TRAIN, VALIDATION, TEST], [training, validation, test]))


def main(
    name: str,
    build: Callable[[], tuple[Dataset, Mapping[str, np.ndarray]]],
    argv: Sequence[str] | None = None,
) -> None:
    """Write what `build` returns, a data set and extra arrays, to a file that is not there yet.

    Exit status 2 for bad options, 1 where the disk refuses, with one line.
    """
    parser = argparse.ArgumentParser(prog=f"python -m data_prep.phantoms.{name}", allow_abbrev=False)
    parser.add_argument("--out", required=True, metavar="FILE.h5", help="a new file to write")
    parser.error = lambda line: parser.exit(2, f"fedmini: {line}\n")
    path = Path(parser.parse_args(argv).out)
    if path.exists():
        parser.error(f"--out {path}: is there already; a new file would be right")
    try:
        with disk_errors(path):
            write(path, *build())
    except RunFailed as error:
        parser.exit(1, f"fedmini: {error}\n")
