"""What a download of COVIDx CT holds: the lists of one version, its images, and metadata.csv.

Lists are called train_COVIDx_CT-2A.txt and so on; those of version 1 bear no number, as in
train_COVIDx-CT.txt. Images of versions 2 and 3 lie in 2A_images or 3A_images, those of version 1 in
a folder of any name. Variant B adds training images to variant A and shares its other lists.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_prep.source import walk
from fedmini.errors import UserError

VERSIONS = ("1", "2A", "2B", "3A", "3B")
PREFIXES = ("train", "val", "test")  # by the number of the split
LIST = re.compile(r"(train|val|test)_COVIDx[-_]CT(?:[-_]v?(1|[23][AB]))?\.txt", re.IGNORECASE)
FOLDER = re.compile(r"([23][AB])_images", re.IGNORECASE)
ENDINGS = (".png", ".jpg", ".jpeg")

Folders = Iterable[tuple[Path, list[str]]]  # every folder with the names of its files


@dataclass(frozen=True)
class Download:
    """One version below a folder."""

    version: str
    lists: Mapping[int, Path]  # split -> file, for those that are there
    images: Mapping[str, Path]  # name -> folder
    metadata: Path | None

    def missing(self) -> str:
        """The splits that have no list, by the publisher's names."""
        return " and ".join(each for split, each in enumerate(PREFIXES) if split not in self.lists)

    def check_whole(self) -> None:
        """UserError unless there is a list for every split."""
        if self.missing():
            raise UserError(
                f"version {self.version} has no list for {self.missing()}; right would be three "
                "lists, or --split patient, which draws the splits over those that are there"
            )


def find_download(source: Path, wanted: str | None = None) -> Download:
    """The wanted version, or the only one. UserError if it is not there, or anything is doubled."""
    folders = list(walk(source))
    lists = find_lists(folders)
    found = ", ".join(sorted(lists))
    if not lists:
        names = "train_COVIDx_CT-2A.txt, val_COVIDx_CT-2A.txt and test_COVIDx_CT-2A.txt"
        raise UserError(f"SOURCE {source}: found no list of images; right would be {names}")
    if wanted and wanted not in lists:
        raise UserError(f"--version {wanted}: found the lists of {found}; right would be one")
    if not wanted and len(lists) > 1:
        raise UserError(f"SOURCE {source}: found the lists of {found}; --version says which")
    version = wanted or found
    tables = [folder / "metadata.csv" for folder, names in folders if "metadata.csv" in names]
    if len(tables) > 1:
        raise UserError(f"SOURCE {source}: found {tables[0]} and {tables[1]}; right would be one")
    return Download(
        version=version,
        lists={**lists.get(variant_a(version), {}), **lists[version]},
        images=find_images(folders, version),
        metadata=tables[0] if tables else None,
    )


def find_lists(folders: Folders) -> dict[str, dict[int, Path]]:
    """The list of every split, by version; UserError if there are two."""
    lists: dict[str, dict[int, Path]] = defaultdict(dict)
    for folder, names in folders:
        for match in filter(None, map(LIST.fullmatch, names)):
            version, split = (match[2] or "1").upper(), PREFIXES.index(match[1].lower())
            path = folder / match[0]
            first = lists[version].setdefault(split, path)
            if first != path:
                raise UserError(f"two lists of one split, {first} and {path}; right would be one")
    return lists


def find_images(folders: Folders, version: str) -> dict[str, Path]:
    """The folder of every image that may be of a version; UserError for a name in two folders."""
    images: dict[str, Path] = {}
    for folder, names in folders:
        match = FOLDER.fullmatch(folder.name)
        if match and match[1].upper() not in (version, variant_a(version)):
            continue
        for name in names:
            if name.lower().endswith(ENDINGS) and images.setdefault(name, folder) != folder:
                raise UserError(f"{name!a} is in {images[name]} and in {folder}; keep one of them")
    return images


def variant_a(version: str) -> str:
    """The version whose lists and images a variant B shares."""
    return version.replace("B", "A")
