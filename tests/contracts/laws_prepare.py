"""Preparing a data set promises: no patient on two sides, and a kill that changes nothing."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from hypothesis import strategies as st

from data_prep.prepare import Plan, Rows
from fedmini.errors import UserError
from tests.contracts.framework import law, real

real("draw_split", "data_prep.split:draw_split")
real("prepare", "data_prep.prepare:prepare")

SEEDS = st.integers(0, 2**70)
SITES = st.lists(st.integers(-1, 4), min_size=1, max_size=60)
SHARES = st.sampled_from([(0.1, 0.2), (0.0, 0.0), (0.0, 0.5), (0.25, 0.25), (0.4, 0.55)])


@law("draw_split", sites=SITES, shares=SHARES, seed=SEEDS)
def law_splits_have_their_shares_and_every_site_trains(impl, sites, shares, seed):
    split = impl(sites, *shares, seed)
    assert split.shape == (len(sites),) and split.dtype == np.uint8
    training, validating, testing = np.bincount(split, minlength=3).tolist()
    spare = max(len(sites) - len(set(sites)), min(1, len(sites) - 1))
    assert training >= len(sites) - spare, "nobody to train on"
    if testing + validating < spare:
        for found, share in ((validating, shares[0]), (testing, shares[1])):
            assert abs(found - share * len(sites)) <= 0.5 or (found, share > 0) == (1, True)
    if len(sites) > 1 and shares[1] > 0:
        assert testing >= 1, "nobody to test on"
    if len(sites) > len(set(sites)):
        assert set(sites) == {site for site, each in zip(sites, split) if each == 0}


@law("draw_split", seed=SEEDS)
def law_every_site_is_split_alike(impl, seed):
    sites = np.repeat([-1, 0, 1], 40)
    split = impl(sites, 0.1, 0.2, seed)
    for each in range(3):
        held = [int((split[sites == site] == each).sum()) for site in (-1, 0, 1)]
        assert max(held) - min(held) <= 2


@law("draw_split", sites=st.lists(st.integers(-1, 2), min_size=40, max_size=50), seed=SEEDS)
def law_the_seed_alone_draws_a_split(impl, sites, seed):
    split = impl(sites, 0.1, 0.4, seed)
    assert (impl(sites, 0.1, 0.4, seed) == split).all()
    assert (impl(sites, 0.1, 0.4, seed + 2**64) != split).any()


@dataclass(frozen=True)
class Number:
    """A case of two rows, as a file with a number in it, that takes some time to read."""

    path: Path
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def files(self) -> list[Path]:
        return [self.path]

    def rows(self) -> Rows:
        time.sleep(self.seconds)
        text = self.path.read_text()
        if text == "Ctrl-C":
            raise KeyboardInterrupt
        if not text.isdecimal():
            raise UserError(f"found {text}; right would be a number")
        images = np.full((2, 1, 20, 20), int(text), np.uint8)
        return Rows({"images": images}, {"read": text})


def file_of(
    impl, folder: Path, cases: list[Number], workers: int = 1, strict: bool = False
) -> tuple[bytes, list]:
    """The bytes of the file that numbers become, and what was known of them at the end."""
    out, known = folder / "out.h5", []
    layout = {"images": ((1, 20, 20), np.uint8)}

    def finish(file: h5py.File, entries: list[dict]) -> str:
        known.extend([entry["name"], entry.get("read"), entry["rows"]] for entry in entries)
        return "done"

    impl(out, Plan({"--x": "1"}, layout, cases, Number.rows, finish), workers, strict)
    content = out.read_bytes()
    assert list(folder.glob("out*")) == [out], "something was left behind"
    out.unlink()
    return content, known


def write_numbers(folder: Path, texts: list[str], seconds: float = 0.0) -> list[Number]:
    cases = []
    for position, text in enumerate(texts):
        path = folder / f"{position:02d}.txt"
        path.write_text(text)
        cases.append(Number(path, seconds * (len(texts) - position)))
    return cases


TEXTS = st.lists(st.sampled_from(["1", "2", "30", "200", "broken"]), min_size=3, max_size=8)


@law("prepare", texts=TEXTS)
def law_readers_have_no_say_in_the_order(impl, texts):
    """The first case takes longest to read."""
    with tempfile.TemporaryDirectory() as name:
        cases = write_numbers(Path(name), ["7", *texts], seconds=0.001)
        one, known = file_of(impl, Path(name), cases)
        many, again = file_of(impl, Path(name), cases, workers=4)
    assert one == many and known == again, "the file depends on who was faster"
    assert [each[0] for each in known] == [case.name for case in cases]
    assert [each[2] for each in known] == [2 * text.isdecimal() for text in ["7", *texts]]


@law("prepare", texts=TEXTS, stop=st.integers(0, 7), changed=st.integers(0, 7))
def law_a_stopped_command_goes_on(impl, texts, stop, changed):
    """Stopped at one case; meanwhile another one, or the same, is given new content."""
    texts = ["7", *texts]
    stop, changed = stop % len(texts), changed % len(texts)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = write_numbers(folder, texts)
        cases[stop].path.write_text("Ctrl-C")
        with suppress(KeyboardInterrupt):
            file_of(impl, folder, cases)
        assert not (folder / "out.h5").exists(), "half a file under the name of a whole one"
        cases[stop].path.write_text(texts[stop])
        cases[changed].path.write_text("9")
        resumed = file_of(impl, folder, cases)
        assert resumed == file_of(impl, folder, cases), "not what one undisturbed command makes"
        assert resumed[1][changed][1] == "9", "a case that was changed is the old one"


@law("prepare", texts=TEXTS, place=st.floats(0.2, 0.9))
def law_what_was_left_is_believed_only_if_whole(impl, texts, place):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = write_numbers(folder, ["7", "8", *texts, "Ctrl-C"])
        with suppress(KeyboardInterrupt):
            file_of(impl, folder, cases)
        partial = folder / "out.h5.partial"
        content = partial.read_bytes()
        start = int(place * len(content))
        partial.write_bytes(content[:start] + bytes(50) + content[start + 50 :])
        cases[-1].path.write_text("1")
        assert file_of(impl, folder, cases) == file_of(impl, folder, cases), "damage was kept"


@law("prepare", place=st.integers(0, 3))
def law_strict_ends_at_a_broken_case(impl, place):
    texts = ["1", "2", "3"]
    texts.insert(place, "broken")
    with tempfile.TemporaryDirectory() as name:
        cases = write_numbers(Path(name), texts)
        assert len(file_of(impl, Path(name), cases)[1]) == 4
        try:
            file_of(impl, Path(name), cases, strict=True)
        except UserError as error:
            assert cases[place].name in str(error)
            return
    raise AssertionError("a broken case was left out although nothing should be")
