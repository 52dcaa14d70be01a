"""Wrong keys: known to others, or not the same for the whole run."""

from __future__ import annotations

import secrets

from fedmini.privacy.ledger import KEY_BYTES, run_key
from fedmini.rng import numpy_stream
from tests.contracts.framework import mutant


@mutant(
    "run_key",
    law="law_a_key_is_secret_and_stays",
    harm="The noise is a function of a public seed: whoever knows it subtracts it.",
)
def from_the_seed(folder):
    (folder / "run.key").touch(mode=0o600)
    (folder / "run.key").write_bytes(numpy_stream(0, "key").bytes(KEY_BYTES))
    return run_key(folder)


@mutant(
    "run_key",
    law="law_a_key_is_secret_and_stays",
    harm="A resumed run draws other noise for the same rounds: their average has less of it.",
)
def new_every_time(folder):
    (folder / "run.key").unlink(missing_ok=True)
    return run_key(folder)


@mutant(
    "run_key",
    law="law_a_key_is_secret_and_stays",
    harm="Everyone with an account on the machine can read the key, and take the noise off.",
)
def readable_by_all(folder):
    key = run_key(folder)
    (folder / "run.key").chmod(0o644)
    return key


@mutant(
    "run_key",
    law="law_a_lost_or_damaged_key_is_not_replaced",
    harm="A lost key is replaced in silence: rounds are released twice, with independent noise.",
)
def replaces_a_lost_one(folder):
    if not (folder / "run.key").exists():
        (folder / "run.key").write_bytes(secrets.token_bytes(KEY_BYTES))
    return run_key(folder)


@mutant(
    "run_key",
    law="law_a_lost_or_damaged_key_is_not_replaced",
    harm="A key that was cut to a few bytes is taken: they can be guessed.",
)
def takes_any_length(folder):
    path = folder / "run.key"
    return path.read_bytes() if path.exists() else run_key(folder)
