"""What an atomic file promises: the old one or the new one, whole, and nothing beside it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

from tests.contracts.framework import law, real

real("atomic_path", "fedmini.files:atomic_path")

CONTENTS = st.binary(max_size=20)
EARLIER = st.one_of(st.none(), CONTENTS)  # None: no such file yet


@contextmanager
def folder_with(earlier: bytes | None):
    """A folder that holds `file.bin`, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.bin"
        if earlier is not None:
            path.write_bytes(earlier)
        yield path


def found(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@law("atomic_path", earlier=EARLIER, content=CONTENTS)
def law_a_reader_sees_the_old_file_or_the_new_one(impl, earlier, content):
    with folder_with(earlier) as path:
        with impl(path) as partial:
            for byte in content:
                with open(partial, "ab") as file:
                    file.write(bytes([byte]))
                assert found(path) == earlier, "a reader found a file that is half written"
            Path(partial).touch()
        assert found(path) == content
        assert list(path.parent.iterdir()) == [path], "something was left beside the file"


@law(
    "atomic_path",
    earlier=EARLIER,
    content=CONTENTS,
    error=st.sampled_from([OSError(28, "no space left"), ValueError("bad"), KeyboardInterrupt()]),
)
def law_an_error_leaves_everything_as_it_was(impl, earlier, content, error):
    with folder_with(earlier) as path:
        try:
            with impl(path) as partial:
                Path(partial).write_bytes(content)
                raise error
        except type(error) as raised:
            assert raised is error
        else:
            raise AssertionError("the error was swallowed: the caller believes the file is there")
        assert found(path) == earlier
        left = set(path.parent.iterdir()) - {path}
        assert not left, "a part of a file was left behind"
