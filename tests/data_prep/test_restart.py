"""A command that was stopped goes on: killed, interrupted, out of disk, or with a changed case."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_prep.brats import main
from data_prep.journal import Journal
from fedmini.data.store import read
from tests.data_prep.brats_source import download, volumes, write_case

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
KILLED = """
import os, signal, sys
from data_prep.brats import main
from data_prep.disk import Disk
left = [int(sys.argv[1])]
write = Disk.write
def deadly(disk, content):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(disk, content)
Disk.write = deadly
sys.exit(main(sys.argv[2:]))
"""


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "data_prep.brats", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Twelve patients; one of them broken."""
    folder = download(tmp_path_factory.mktemp("restart") / "in", patients=12)
    (folder / "BraTS20_Training_005" / "BraTS20_Training_005_t2.nii.gz").write_bytes(b"\x1f\x8b")
    case = folder / "BraTS20_Training_007" / "BraTS20_Training_007_t2.nii.gz"
    case.write_bytes(case.read_bytes()[:-300])  # its header is whole
    return folder


@pytest.fixture(scope="module")
def whole(source) -> bytes:
    """What an undisturbed command makes of it."""
    out = source.parent / "whole.h5"
    assert main([str(source), "--out", str(out), "--workers", "1"]) == 0
    assert len(set(read(out).patient)) == 10
    return out.read_bytes()


def finished(out: Path, source: Path, *arguments: object) -> bytes:
    """What the same command makes of it in the end."""
    assert main([str(source), "--out", str(out), *map(str, arguments)]) == 0
    assert list(out.parent.glob(f"{out.name}*")) == [out]
    return out.read_bytes()


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_have_no_say(tmp_path, source, whole, workers):
    assert finished(tmp_path / "a.h5", source, "--workers", workers) == whole


def killed_after(writes: int, out: Path, source: Path) -> int:
    """kill -9 at one of the writes to the disk; the exit status."""
    command = [sys.executable, "-c", KILLED, str(writes), str(source), "--out", str(out)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True).returncode


def test_kill_9(tmp_path, source, whole):
    out = tmp_path / "a.h5"
    for writes in (0, 1, 30, 60, 61, 70):  # the later ones after the earlier
        assert killed_after(writes, out, source) == -signal.SIGKILL
        assert not out.exists()
    done = len((tmp_path / "a.h5.journal").read_bytes().splitlines()) - 1
    assert done >= 5, "nothing was kept"
    assert finished(out, source) == whole


@pytest.mark.slow
def test_kill_9_at_every_write(tmp_path, source, whole):
    for writes in range(0, 200, 3):
        out = tmp_path / f"{writes}.h5"
        status = killed_after(writes, out, source)
        assert (out.read_bytes() if status == 0 else finished(out, source)) == whole, writes


def started(out: Path, source: Path, *arguments: object) -> subprocess.Popen:
    """A command that has finished some cases and has some to do."""
    command = [sys.executable, "-m", "data_prep.brats", source, "--out", out, *arguments]
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    journal = out.with_name(f"{out.name}.journal")
    while process.poll() is None and (not journal.exists() or journal.stat().st_size < 1000):
        time.sleep(0.001)
    return process


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> Path:
    """Links to one larger case; some tenths of a second of work."""
    folder = tmp_path_factory.mktemp("long")
    case = write_case(folder / "one", "case", volumes((96, 96, 50)))
    for number in range(16):
        linked = folder / "in" / f"case-{number:02d}"
        linked.mkdir(parents=True)
        for file in case.iterdir():
            (linked / file.name.replace("case", linked.name)).symlink_to(file)
    assert run(folder / "in", "--out", folder / "whole.h5", "--workers", 1).returncode == 0
    return folder / "in"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_resumed_is_as_never_interrupted(tmp_path, long, number):
    out = tmp_path / "a.h5"
    process = started(out, long)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert err == "fedmini: interrupted; the same command goes on where it stopped\n"
    else:
        assert process.returncode == -signal.SIGKILL and err == ""
    assert not out.exists()
    assert run(long, "--out", out).returncode == 0
    assert out.read_bytes() == (long.parent / "whole.h5").read_bytes()


def limited(out: Path, source: Path, size: int) -> subprocess.CompletedProcess:
    """The command where a file can have `size` bytes and no more."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return run(source, "--out", out, preexec_fn=limit)


def test_a_full_disk(tmp_path, source, whole):
    out = tmp_path / "a.h5"
    sizes = [0, 100, 2000, 5000, 30_000, 31_000, len(whole) - 2000, len(whole) - 1]
    for size in sizes:
        done = limited(out, source, size)
        assert done.returncode == 1, (size, done.stderr)
        last = done.stderr.splitlines()[-1]
        assert last == f"fedmini: {out}.partial could not be written: File too large"
        assert not out.exists()
    assert len((tmp_path / "a.h5.journal").read_bytes().splitlines()) == 12
    assert limited(out, source, len(whole)).returncode == 0
    assert out.read_bytes() == whole


def begun(tmp_path: Path, source: Path) -> Path:
    """A file that another command left."""
    out = tmp_path / "a.h5"
    assert killed_after(40, out, source) == -signal.SIGKILL
    return out


def test_other_options_are_refused(tmp_path, source, whole, capfd):
    out = begun(tmp_path, source)
    mapping = tmp_path / "names.csv"
    mapping.write_text("BraTS_2019_subject_ID\nBraTS19_CBICA_AAB_1\n")
    for option in ("--slices all", "--size 9", "--modalities t1", "--split-seed 1", "--test 0.3",
                   "--validation 0.3", f"--name-mapping {mapping}"):  # fmt: skip
        assert main([str(source), "--out", str(out), *option.split()]) == 2
        line = capfd.readouterr().err.splitlines()[-1]
        flag, value = option.split()
        assert line.startswith(f"fedmini: {flag}: found "), line
        assert "but a.h5 was begun with" in line and f"delete {out}.journal" in line
    for workers in ("1", "4"):
        copies = tmp_path / workers
        copies.mkdir()
        for left in (".partial", ".journal"):
            shutil.copy(f"{out}{left}", copies / f"a.h5{left}")
        assert finished(copies / "a.h5", source, "--workers", workers) == whole


def test_a_changed_case_is_prepared_again(tmp_path, source):
    copy = shutil.copytree(source, tmp_path / "in")
    out = begun(tmp_path, copy)
    shutil.rmtree(copy / "BraTS20_Training_002")
    write_case(copy, "BraTS20_Training_002", volumes(seed=99))
    write_case(copy, "BraTS20_Training_0011", volumes(seed=98))
    assert finished(out, copy) == finished(tmp_path / "b.h5", copy)


def test_damage_to_what_was_left_is_noticed(tmp_path, source, whole):
    for where in (3000, 20_000):
        out = begun(tmp_path, source)
        with open(f"{out}.partial", "r+b") as file:
            file.seek(where)
            file.write(bytes(500))
        assert finished(out, source) == whole
        out.unlink()
    for content in (b"", b"\0" * 200_000):
        out = begun(tmp_path, source)
        Path(f"{out}.partial").write_bytes(content)
        assert finished(out, source) == whole
        out.unlink()
    out = begun(tmp_path, source)
    journal = Path(f"{out}.journal")
    journal.write_bytes(journal.read_bytes() + b'{"name": "BraTS20_Trai')
    assert finished(out, source) == whole


def test_the_journal_of_another_file(tmp_path, source, capfd):
    out = tmp_path / "a.h5"
    Journal(Path(f"{out}.journal"), {"--clients": "5"}).close()
    assert main([str(source), "--out", str(out)]) == 2
    assert "--clients: found nothing, but a.h5 was begun with 5" in capfd.readouterr().err


def test_two_commands_at_a_time(tmp_path, long):
    out = tmp_path / "a.h5"
    first = started(out, long)
    second = run(long, "--out", out)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert second.returncode == 2
    assert second.stderr == "fedmini: a.h5: another command is writing it at this moment\n"
