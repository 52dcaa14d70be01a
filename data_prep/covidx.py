"""COVIDx CT, from the publisher's download to one file that fedmini trains on.

    python -m data_prep.covidx COVIDx-CT --out covidx.h5 --size 128

Versions 1, 2A, 2B, 3A and 3B: slices of chest CT that show COVID-19, another pneumonia, or neither.
What is inside the published box of each becomes a gray square. The published splits are kept, once
it is certain that no patient is in two of them. Where metadata.csv knows the collection that a
patient comes from, that becomes the site.

Left out: scans as volumes. Slices of one scan are images of one patient, nothing more.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial

import h5py
import numpy as np
import PIL

from data_prep import command
from data_prep.covidx_crop import gray
from data_prep.covidx_file import CovidxFile
from data_prep.covidx_folder import VERSIONS, Download, find_download
from data_prep.covidx_lists import Slice, one_split, read_lists
from data_prep.covidx_patients import read_metadata
from data_prep.prepare import Plan, leave_out_some, prepare
from data_prep.raster_case import Squares, batches
from data_prep.source import fingerprint
from data_prep.split import draw_split
from fedmini.errors import UserError

LARGEST = 2048  # pixels of a side


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare with these arguments; returns the exit status."""
    return command.run(lambda: covidx(parser().parse_args(argv)))


def parser() -> command.Parser:
    """The options; building them imports no torch."""
    options = command.parser("data_prep.covidx", "Prepare COVIDx CT: one file of labelled slices.")
    options.add_argument(
        "--size", type=command.whole(1, LARGEST), default=128, metavar="N",
        help="pixels of a side [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--classes", type=int, choices=(2, 3), default=2,
        help="2: COVID-19 or not; 3: normal, pneumonia, COVID-19 [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--version", choices=VERSIONS, help="which lists, if there are several [the only ones]"
    )
    options.add_argument(
        "--split", choices=("published", "patient"), default="published",
        help="as the lists say, or drawn over all their patients [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--fix-splits", action="store_true",
        help="move a patient whom the lists put into several splits into one: test if that is "
        "among them, else validation",
    )  # fmt: skip
    return options


def covidx(options: Namespace) -> None:
    """Check everything, prepare, and say what there is now."""
    command.check(options)
    check_together(options)
    found = find_download(options.source, options.version)
    sources = read_metadata(found.metadata) if found.metadata else {}
    slices, moved, draw = read_lists(found, sources), 0, None
    if options.split == "published":
        found.check_whole()
        slices, moved = one_split(slices, options.fix_splits)
    else:
        shares = {"validation": options.validation, "test": options.test}
        draw = partial(draw_split, **shares, seed=options.split_seed)
    cases = batches(present(slices, found, options.strict), options.size)
    finish = CovidxFile(
        source=f"COVIDx CT-{found.version}, from {options.source.resolve().name!a}",
        version=found.version,
        classes=options.classes,
        sources=sources,
        draw=draw,
        cases=cases,
        notes=notes(found, slices, sources, moved),
    )
    layout = {"images": ((1, options.size, options.size), np.uint8)}
    make = Squares(options.size, gray)
    plan = Plan(content(options, found), layout, cases, make, finish, "batches of images")
    print(prepare(options.out, plan, options.workers, options.strict))
    print(f"written: {options.out} ({options.out.stat().st_size / 1e6:,.0f} MB)")


def check_together(options: Namespace) -> None:
    """UserError for options that make no sense beside --split."""
    if options.split == "patient" and options.fix_splits:
        raise UserError("--fix-splits: found --split patient, which has none to fix; leave one out")
    for name in ("validation", "test"):
        share = getattr(options, name)
        if options.split == "published" and share != parser().get_default(name):
            raise UserError(f"--{name} {share}: --split published keeps the publisher's splits")


def present(slices: Sequence[Slice], found: Download, strict: bool) -> list[Slice]:
    """The slices whose images are there; those that are not are named, and those in no list."""
    absent = [each.name for each in slices if not each.folder]
    if len(absent) == len(slices):
        raise UserError(f"none of {len(slices)} listed images is there, such as {absent[0]}")
    leave_out_some("listed images that are not there", absent, strict)
    unlisted = found.images.keys() - {each.name for each in slices}
    leave_out_some("images in no list", sorted(unlisted), strict=False)
    return [each for each in slices if each.folder]


def content(options: Namespace, found: Download) -> dict[str, str]:
    """What has a say in what the file holds."""
    read = [*found.lists.values(), *filter(None, [found.metadata])]
    return {
        **command.content(options),
        "--size": str(options.size),
        "--classes": str(options.classes),
        "--version": found.version,
        "--split": options.split,
        "--fix-splits": str(options.fix_splits),
        **{path.name: fingerprint(path) for path in read},
        "the version": f"HDF5 {h5py.version.hdf5_version}, Pillow {PIL.__version__}",
    }


def notes(
    found: Download, slices: Sequence[Slice], sources: Mapping[str, str], moved: int
) -> list[str]:
    """How many images are listed, and what a reader of the file should know of its patients."""
    patients = {each.patient for each in slices}
    lines = [f"COVIDx CT-{found.version} lists {len(slices)} images of {len(patients)} patients"]
    if found.missing():
        lines.append(f"no list for {found.missing()}")
    if moved:
        lines.append(f"patients moved into one split: {moved}")
    unknown = len(patients - sources.keys())
    if found.metadata and unknown:
        lines.append(f"patients not in metadata.csv, read from the names of files: {unknown}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
