"""ChestX-ray14, from the publisher's download to one file that fedmini trains on.

    python -m data_prep.nih ChestXray-NIHCC --out nih.h5 --size 224

Each radiograph becomes a gray square with fourteen labels (Wang et al. 2017). By default the test
split is the publisher's, so that results can be compared with others'; it is never replaced in
silence where the lists are missing, as in Kaggle's sample: --split patient draws one.

Left out: the boxes around findings, which 984 radiographs have. The labels were read from reports
by a program; some are wrong.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import PIL

from data_prep import command, raster
from data_prep.nih_file import VERSION, NihFile, Radiograph
from data_prep.nih_folder import TABLES, TESTING, TRAINING, Download, find_download
from data_prep.nih_split import official
from data_prep.nih_table import Row, read_table
from data_prep.prepare import Plan, leave_out_some, prepare
from data_prep.raster_case import Squares, batches
from data_prep.source import fingerprint
from fedmini.errors import UserError

LARGEST = 2048  # pixels of a side


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare with these arguments; returns the exit status."""
    return command.run(lambda: nih(parser().parse_args(argv)))


def parser() -> command.Parser:
    """The options; building them imports no torch."""
    options = command.parser("data_prep.nih", "Prepare ChestX-ray14: one file of radiographs.")
    options.add_argument(
        "--split", choices=("official", "patient"), default="official",
        help="the publisher's test list, without --test, or drawn over patients [%(default)s]",
    )  # fmt: skip
    options.add_argument(
        "--size", type=command.whole(1, LARGEST), default=224, metavar="N",
        help="pixels of a side [%(default)s; published are 1024]",
    )  # fmt: skip
    options.add_argument(
        "--table", type=Path, metavar="FILE.csv",
        help="the publisher's table of findings [the only one below SOURCE]",
    )  # fmt: skip
    return options


def nih(options: Namespace) -> None:
    """Check everything, prepare, and say what there is now."""
    command.check(options)
    published = options.split == "official"
    if published and options.test != parser().get_default("test"):
        raise UserError(f"--test {options.test}: --split official takes all of {TESTING}")
    download = find_download(options.source)
    table = options.table or download.only(*TABLES, instead="--table to name it")
    rows, wrong = read_table(table)
    leave_out_some(f"rows of {table.name}", wrong, options.strict)
    names = (TRAINING, TESTING) if published else ()
    lists = [download.only(name, instead="--split patient") for name in names]
    listed = official(rows, *lists) if published else dict.fromkeys(row.name for row in rows)
    cases = batches(find_radiographs(rows, listed, download, options.strict), options.size)
    content = {
        **command.content(options),
        "--split": options.split,
        "--size": str(options.size),
        "--table": fingerprint(table),
        **{path.name: fingerprint(path) for path in lists},
        "the version": f"{VERSION} with HDF5 {h5py.version.hdf5_version}, Pillow {PIL.__version__}",
    }
    layout = {"images": ((1, options.size, options.size), np.uint8)}
    make = Squares(options.size, lambda radiograph: raster.read(radiograph.path))
    finish = NihFile(
        source=f"ChestX-ray14, from {options.source.resolve().name!a}",
        cases=cases,
        validation=options.validation,
        test=0.0 if published else options.test,
        seed=options.split_seed,
        found=len(rows) + len(wrong),
    )
    plan = Plan(content, layout, cases, make, finish, "batches of images")
    print(prepare(options.out, plan, options.workers, options.strict))
    print(f"written: {options.out} ({options.out.stat().st_size / 1e6:,.0f} MB)")


def find_radiographs(
    rows: Sequence[Row], listed: dict[str, bool | None], download: Download, strict: bool
) -> list[Radiograph]:
    """The rows that are listed and have an image; what has no counterpart is counted and named."""
    images, named = download.images, {row.name for row in rows}
    lacking = {
        "rows in no list": [row.name for row in rows if row.name not in listed],
        "listed images without a row": sorted(listed.keys() - named),
        "rows without an image": [row.name for row in rows if row.name not in images],
        "images without a row": sorted(images.keys() - named),
    }
    for what, which in lacking.items():
        leave_out_some(what, which, strict)
    found = [
        Radiograph(row, images[row.name] / row.name, bool(listed[row.name]))
        for row in rows
        if row.name in images and row.name in listed
    ]
    if not found:
        raise UserError(f"none of {len(rows)} rows can be used; the lines above say why")
    return found


if __name__ == "__main__":
    sys.exit(main())
