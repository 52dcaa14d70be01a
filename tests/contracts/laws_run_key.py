"""Laws about the secret key of a private run."""

from __future__ import annotations

import stat

from hypothesis import strategies as st

from fedmini.errors import UserError
from tests.contracts.framework import law, real
from tests.contracts.laws_ledger import new_folder

real("run_key", "fedmini.privacy.ledger:run_key")

BEGUN = st.sampled_from(["privacy.jsonl", "checkpoint.pt"])


@law("run_key", runs=st.just(3))
def law_a_key_is_secret_and_stays(impl, runs):
    keys = set()
    for _ in range(runs):
        with new_folder() as folder:
            key = impl(folder)
            assert len(key) == 32 and impl(folder) == key == (folder / "run.key").read_bytes()
            assert stat.S_IMODE((folder / "run.key").stat().st_mode) == 0o600
            assert [each.name for each in folder.iterdir()] == ["run.key"]
            keys.add(key)
    assert len(keys) == runs, "two runs have the same key"


@law("run_key", begun=BEGUN, content=st.none() | st.binary(max_size=40))
def law_a_lost_or_damaged_key_is_not_replaced(impl, begun, content):
    """Of a run that has begun; None stands for a key that is gone."""
    with new_folder() as folder:
        (folder / begun).write_bytes(b"")
        path = folder / "run.key"
        if content is not None:
            path.write_bytes(content)
        try:
            assert impl(folder) == content and len(content) == 32
        except UserError as error:
            assert "run.key" in str(error) and len(content or b"") != 32
        assert (path.read_bytes() if path.exists() else None) == content
