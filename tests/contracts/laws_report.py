"""Laws of the run folder: what a killed, damaged or doubted run must still be able to rely on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real

from fedmini.errors import UserError

real("run_folder", "fedmini.folder:RunFolder")

VALUES = st.one_of(st.none(), st.floats(allow_nan=False), st.sampled_from(["Köln", "a\nb", ""]))
ROUNDS = st.lists(VALUES, max_size=5).map(
    lambda values: [{"round": n, "dice": value} for n, value in enumerate(values, start=1)]
)


@contextmanager
def fresh(impl) -> Iterator:
    """A new run folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as place:
        yield impl.create(Path(place) / "run", {"seed": 0})


def filled(folder, records: list[dict]):
    for record in records:
        folder.append(record)
    return folder


def refused(action, *arguments) -> bool:
    """Whether the action ends in a UserError."""
    try:
        action(*arguments)
    except UserError:
        return True
    return False


@law("run_folder", records=ROUNDS)
def law_appended_record_is_readable_at_once(impl, records):
    """Another process sees every round that `append` returned from."""
    with fresh(impl) as folder:
        for number, record in enumerate(records, start=1):
            folder.append(record)
            assert impl.open(folder.path).records() == records[:number]


@law("run_folder", records=ROUNDS.filter(len), lost=st.integers(0, 60))
def law_only_the_cut_line_is_lost(impl, records, lost):
    """However many bytes a kill cut off the end, the whole records before stay."""
    with fresh(impl) as folder:
        path = filled(folder, records).path / "metrics.jsonl"
        content = path.read_bytes()
        kept = content[: max(0, len(content) - lost)]
        path.write_bytes(kept)
        whole = kept.count(b"\n") + (kept[-1:] == b"}" and content[len(kept) :][:1] == b"\n")
        assert folder.records() == records[:whole]


@law("run_folder", records=ROUNDS, number=st.integers(0, 7), tail=st.sampled_from(["", '{"rou']))
def law_cut_back_to_a_round_goes_on_from_it(impl, records, number, tail):
    """Rounds up to the checkpoint stay, all after it go, and the next line stands alone."""
    with fresh(impl) as folder:
        with (filled(folder, records).path / "metrics.jsonl").open("a") as file:
            file.write(tail)
        folder.cut_back(number)
        assert folder.records() == records[:number]
        folder.append({"round": number + 1})
        assert folder.records() == [*records[:number], {"round": number + 1}]


class Unwritable:
    """Raises when it is serialised: a run that dies in the middle of writing."""

    def __reduce__(self):
        raise RuntimeError("interrupted")


@law("run_folder", size=st.sampled_from([1, 2000]))
def law_an_interrupted_checkpoint_leaves_the_last_one(impl, size):
    """A writer that dies half-way neither harms the old checkpoint nor leaves scraps."""
    with fresh(impl) as folder:
        folder.save_checkpoint({"round": 1, "model": torch.ones(size)})
        before = sorted(folder.path.iterdir())
        try:
            folder.save_checkpoint({"model": torch.zeros(size), "end": Unwritable()})
        except RuntimeError:
            pass
        assert not refused(folder.load_checkpoint), "the last checkpoint is gone"
        assert folder.load_checkpoint()["round"] == 1
        assert sorted(folder.path.iterdir()) == before


class Trap:
    """A stranger's object: reading it by pickle would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@law("run_folder", name=st.sampled_from(["checkpoint", "model"]))
def law_reading_tensors_runs_no_code(impl, name):
    """A file that hides a program is refused, and the program has not run."""
    with fresh(impl) as folder:
        trap = folder.path / "sprung"
        torch.save({"model": torch.ones(3), "extra": Trap(trap)}, folder.path / f"{name}.pt")
        was_refused = refused(getattr(folder, f"load_{name}"))
        assert not trap.exists(), "code in the file was run"
        assert was_refused


@law("run_folder", percent=st.integers(0, 99))
def law_a_cut_checkpoint_is_refused(impl, percent):
    """A checkpoint that ends early is no reason to start from the first round again."""
    with fresh(impl) as folder:
        folder.save_checkpoint({"round": 3, "model": torch.ones(100)})
        path = folder.path / "checkpoint.pt"
        content = path.read_bytes()
        path.write_bytes(content[: percent * len(content) // 100])
        assert refused(folder.load_checkpoint)


@law("run_folder", place=st.integers(0, 399), bit=st.integers(0, 7))
def law_a_flipped_bit_is_noticed(impl, place, bit):
    """Weights that changed on the disk are not weights."""
    with fresh(impl) as folder:
        weights = torch.linspace(1, 2, 100)
        folder.save_checkpoint({"model": weights})
        path = folder.path / "checkpoint.pt"
        content = bytearray(path.read_bytes())
        content[content.index(weights.numpy().tobytes()) + place] ^= 1 << bit
        path.write_bytes(content)
        assert refused(folder.load_checkpoint)


@law("run_folder", name=st.sampled_from(["config.json", "metrics.jsonl", "notes.txt"]))
def law_a_folder_in_use_is_left_alone(impl, name):
    """A new run never starts on top of anything."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / name).write_text('{"seed": 1}')
        assert refused(impl.create, place, {"seed": 2})
        assert {p.name: p.read_text() for p in Path(place).iterdir()} == {name: '{"seed": 1}'}


@law("run_folder", images=st.integers(0, 5), regions=st.integers(1, 3))
def law_evaluation_comes_back_as_it_was(impl, images, regions):
    """Names, types, shapes and values: a comparison can be made again from them."""
    evidence = np.arange(images * regions * 3).reshape(images, regions, 3)
    patients = 100 * np.arange(images)
    with fresh(impl) as folder:
        folder.save_evaluation("test", evidence=evidence, patients=patients)
        found = impl.open(folder.path).load_evaluation("test")
    assert found.keys() == {"evidence", "patients"}
    for name, array in {"evidence": evidence, "patients": patients}.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
