"""BraTS, from the publisher's download to one file that fedmini trains on.

    python -m data_prep.brats MICCAI_BraTS2020_TrainingData --out brats.h5 \\
        --name-mapping MICCAI_BraTS2020_TrainingData/name_mapping.csv

Each case becomes its axial slices with tumour, standardised inside the brain of each volume (mean
0, standard deviation 1, background 0), and masks of four classes. A patient is in one split.

Left out: what `data_prep.volume` leaves out, and releases without segmentation.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from data_prep import command
from data_prep.brats_cases import BratsCase, find_cases
from data_prep.brats_file import VERSION, BratsFile
from data_prep.brats_rows import BratsRows
from data_prep.canvas import Canvas
from data_prep.geometry import check_voxel, common_voxel
from data_prep.prepare import Plan, leave_out, prepare
from data_prep.sites import read_sites, sites_of_patients
from data_prep.source import fingerprint
from fedmini.errors import UserError
from data_prep.phantoms.mri import CHANNELS

MODALITIES = tuple(channel.lower() for channel in CHANNELS)
LARGEST = 2048  # pixels of a side


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare with these arguments; returns the exit status."""
    return command.run(lambda: brats(parser().parse_args(argv)))


def parser() -> command.Parser:
    """The options; building them imports no torch."""
    options = command.parser("data_prep.brats", "Prepare BraTS: one file of slices and masks.")
    options.add_argument(
        "--modalities", type=modalities, default=",".join(MODALITIES), metavar="NAME,...",
        help="the channels of an image [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--slices", type=slices, default="tumour", metavar="WHICH",
        help="axial slices to keep: tumour, all, or every:N [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--size", type=command.whole(1, LARGEST), metavar="N",
        help="pixels of a side; slices are never enlarged [those of the largest slice]",
    )  # fmt: skip
    options.add_argument(
        "--name-mapping", type=Path, metavar="FILE.csv",
        help="the publisher's name_mapping.csv, which knows the site of each case",
    )  # fmt: skip
    return options


def brats(options: Namespace) -> None:
    """Check everything, prepare, and say what there is now."""
    command.check(options)
    mapping = options.name_mapping
    sites = read_sites(mapping) if mapping else {}
    found = find_cases(options.source, options.modalities)
    cases, side = check_headers(found, options.strict)
    size = options.size or side
    content = {
        **command.content(options),
        "--modalities": ",".join(options.modalities),
        "--slices": options.slices,
        "--size": str(size),
        "--name-mapping": fingerprint(mapping) if mapping else "none",
        "the largest slice": str(side),
        "the version": f"{VERSION} with HDF5 {h5py.version.hdf5_version}",
    }
    layout = {
        "images": ((len(options.modalities), size, size), np.float16),
        "masks": ((size, size), np.uint8),
    }
    make = BratsRows(Canvas(side, size), options.slices, options.modalities)
    finish = BratsFile(
        source=f"BraTS, from {options.source.resolve().name!a}",
        modalities=options.modalities,
        sites=sites_of_patients([case.name for case in found], sites),
        validation=options.validation,
        test=options.test,
        seed=options.split_seed,
        found=len(found),
    )
    plan = Plan(content, layout, cases, make, finish)
    print(prepare(options.out, plan, options.workers, options.strict))
    print(f"written: {options.out} ({options.out.stat().st_size / 1e6:,.0f} MB)")


def check_headers(found: Sequence[BratsCase], strict: bool) -> tuple[list[BratsCase], int]:
    """The cases whose headers agree, and the pixels of the longest side of a slice."""
    known = []
    for case in found:
        try:
            known.append((case, case.geometry()))
        except UserError as broken:
            leave_out(case.name, broken, strict)
    common = common_voxel([geometry for _, geometry in known]) if known else ()
    cases, sides = [], []
    for case, geometry in known:
        try:
            check_voxel(geometry, common)
        except UserError as broken:
            leave_out(case.name, broken, strict)
        else:
            cases.append(case)
            sides.append(max(geometry.shape))
    if not cases:
        raise UserError(f"none of {len(found)} cases can be used; the lines above say why")
    return cases, max(sides)


def modalities(text: str) -> tuple[str, ...]:
    """A type for argparse: names of modalities, brought into the usual order."""
    names = text.split(",")
    unknown = [name for name in names if name not in MODALITIES]
    if unknown:
        known = ", ".join(MODALITIES)
        raise ArgumentTypeError(f"found {unknown[0]!r}; right would be some of {known}")
    return tuple(name for name in MODALITIES if name in names)


def slices(text: str) -> str:
    """A type for argparse: tumour, all, or every:N."""
    if text not in ("tumour", "all") and not re.fullmatch(r"every:0*[1-9]\d{0,4}", text):
        raise ArgumentTypeError(f"found {text!r}; right would be tumour, all, or every:N")
    return text


if __name__ == "__main__":
    sys.exit(main())
