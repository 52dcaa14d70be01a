"""A prepared file larger than memory trains too: the same weights, bounded memory, one line."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_prep.store import write
from fedmini.config import Config
from fedmini.data import store
from fedmini.data.dataset import Dataset, shrink
from fedmini.data.on_disk import DiskArray
from fedmini.errors import RunFailed, UserError
from fedmini.federation import Federation
from fedmini.simulation import build, settle_defaults
from tests.data.factory import labels_dataset, segmentation_dataset

ROOT = Path(__file__).parents[2]
TINY = {"width": 2, "rounds": 2, "batch_size": 4, "clients": 2, "partition": "iid", "device": "cpu"}
DATA = {"segmentation": segmentation_dataset, "multilabel": labels_dataset}


@pytest.fixture(params=DATA)
def path(request, tmp_path) -> Path:
    """A prepared file of 36 images, 16 x 16."""
    write(tmp_path / "a.h5", DATA[request.param](patients=12, slices=3))
    return tmp_path / "a.h5"


def federation(dataset: Dataset, **given: object) -> Federation:
    options = TINY | ({"depth": 1} if dataset.task == "segmentation" else {}) | given
    return build(settle_defaults(Config.of(options), dataset), dataset)


def weights(run: Federation) -> str:
    list(run.server.run(2))
    run.evaluate(run.snapshot(), "test")
    return run.weights_sha256(run.snapshot())


@pytest.mark.parametrize("algo", ["fedprox", "centralized"])
@pytest.mark.parametrize("size", [10, 16])
def test_a_run_ends_with_the_same_weights(path, algo, size):
    memory, disk = (shrink(store.read(path, choice), size) for choice in ("yes", "no"))
    assert isinstance(disk.images, DiskArray)
    assert weights(federation(disk, algo=algo)) == weights(federation(memory, algo=algo))


def overwrite(path: Path, row: int) -> None:
    """Write over one stored image, which its checksum does not survive."""
    with h5py.File(path) as file:
        place = file["images"].id.get_chunk_info(row)
    with open(path, "r+b") as raw:
        raw.seek(place.byte_offset + place.size // 2)
        raw.write(b"damaged")


def complaint(caught: pytest.ExceptionInfo, path: Path) -> None:
    line = str(caught.value)
    assert f"{path}: the file is damaged" in line and "\n" not in line


def test_damage_ends_a_run_with_one_line_that_names_the_file(path):
    run = federation(store.read(path, "no"), algo="centralized")
    overwrite(path, int(np.flatnonzero(run.dataset.split == 0)[5]))
    with pytest.raises(RunFailed) as caught:
        list(run.server.run(1))
    complaint(caught, path)
    with pytest.raises(UserError) as caught:
        store.read(path, "yes")
    complaint(caught, path)


def test_a_file_that_is_cut_short_ends_it_too(path):
    run = federation(store.read(path, "no"))
    os.truncate(path, 100)
    with pytest.raises(RunFailed) as caught:
        list(run.server.run(1))
    complaint(caught, path)


def test_a_file_that_is_deleted_serves_its_run_to_the_end(path):
    memory = weights(federation(store.read(path, "yes")))
    run = federation(store.read(path, "no"))
    gc.collect()
    path.unlink()
    assert weights(run) == memory


@pytest.mark.parametrize(("pages", "stays"), [(40, True), (120, False)])
def test_what_takes_more_than_a_quarter_of_memory_stays_in_its_file(
    tmp_path, monkeypatch, pages, stays
):
    dataset = segmentation_dataset(patients=12, slices=3)  # 27 KiB
    write(tmp_path / "a.h5", dataset)
    machine = {"SC_PHYS_PAGES": pages, "SC_PAGE_SIZE": 1024}
    monkeypatch.setattr(os, "sysconf", machine.get)
    for choice, on_disk in {"auto": stays, "no": True, "yes": False}.items():
        found = store.read(tmp_path / "a.h5", choice)
        assert isinstance(found.images, DiskArray) == on_disk, choice
        assert isinstance(found.targets, DiskArray) == on_disk, choice
        small = shrink(found, 8, choice)
        assert isinstance(small.images, DiskArray) == (choice == "no"), "small images fit"


def test_a_file_that_is_all_in_memory_is_closed(path):
    kept = store.read(path, "yes")
    with h5py.File(path, "a") as file:
        file["more"] = np.arange(len(kept.images))


def test_scanners_want_the_images_in_memory(path):
    with pytest.raises(UserError, match="--scanner-shift 0.5 needs the images in memory"):
        federation(store.read(path, "no"), scanner_shift=0.5)


BOUNDED = """
import resource, sys
import h5py, numpy as np
from data_prep.store import describe
from tests.data.test_on_disk import federation, weights
from fedmini.data import store
from fedmini.data.dataset import Dataset, shrink

def flat(count, size=512):
    path, patient = f"{sys.argv[1]}/{count}.h5", np.arange(count)
    split = (patient % 10 == 0).astype("u1") * 2
    images = np.broadcast_to(np.uint8(7), (count, 1, size, size))
    made = Dataset("flat", "binary", ("no", "yes"), "tests", True, "1", np.float32([7]),
        np.float32([1]), {}, images, None, patient, split, patient * 0, ("a",))
    with h5py.File(path, "w") as file:
        # a chunk that was never written reads as the fill value
        file.create_dataset("images", images.shape, "u1", chunks=(1, 1, size, size), fillvalue=7)
        file["labels"] = (patient % 2).astype("u1")[:, None]
        describe(file, made)
    weights(federation(shrink(store.read(path, "no"), 32), local_steps=2, clients=1))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

small = flat(100)
print(flat(500) - small)
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    """MiB between files of 100 and of 500 images, which differ by 100 MiB of pixels."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, tmp_path],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50
