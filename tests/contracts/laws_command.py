"""The law of the command line that stands on a page: it leads to the same run."""

from __future__ import annotations

import dataclasses
import shlex

from hypothesis import strategies as st

from fedmini.cli import parse
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.presets import fill
from tests.contracts.framework import law, real

real("command", "fedmini.command:command")


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "preset": st.sampled_from(["tiny", "small", "paper"]),
        "rounds": st.sampled_from([20, 60, 7]),
        "data": st.sampled_from(["a b.h5", "o'brien.h5", "-x.h5", "$HOME/*.h5"]),
        "dropout": st.sampled_from([0.0, 0.25]),
        "no_images": st.booleans(),
        "seed": st.just("0,1"),
        "algo": st.just("fedprox,fedavg"),
        "mu": st.sampled_from([0.0, 0.5]),
    },
)


@law("command", given=OPTIONS, task=st.sampled_from(["segmentation", "multilabel"]))
def law_the_command_gives_the_same_options(impl, given, task):
    """Typed into a shell, it is read back as the config.json that it was made from."""
    stored = fill(Config.of(given), task, (240, 240))
    words = shlex.split(" ".join(impl(dataclasses.asdict(stored) | {"task": task})))
    assert words[:2] == ["python", "run.py"]
    try:
        found = fill(Config.of(parse(words[2:])), task, (240, 240))
    except UserError as error:
        raise AssertionError(f"{words} is no command: {error}") from error
    assert found == stored
