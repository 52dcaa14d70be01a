"""Whatever stands on the command line: exit status 0, 1 or 2, and at most one line of complaint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmini.components import builtin_options
from fedmini.config import Config
from fedmini.options import options_of
from tests.cli.conftest import TINY

OPTIONS = {each.name: each for each in (*options_of(Config), *builtin_options().values())}
FLAGS = [each.flag for each in OPTIONS.values()]
SENSIBLE = {
    "seed": ["0", "0,1", "7"],
    "split_seed": ["1", "1,2"],
    "cohort": ["1", "0.5", "2"],
    "algo": ["fedavg", "local,fedprox", "centralized"],
    "partition": ["iid", "site", "dirichlet", "quantity"],
    "optimizer": ["sgd", "adam"],
    "lr": ["0.01", "1e6", "1e30"],
    "server_lr": ["0.5", "1e38"],
    "rounds": ["1", "2"],
    "local_epochs": ["0.1", "2"],
    "depth": ["1", "2"],
    "size": ["8", "10"],
}
ODD = [
    "", " ", ",", "-1", "0", "1", "2", "3.5", "1e400", "nan", "-inf", str(2**70), "0x10", "--",
    "-h x", "None", "True", "é", "😀", ".", "..", "/", "/dev/null", "a,b", "x.py:", ":", ".py:X",
    "*", "{}", "%s", "\n", "\x00", "\udc80",
]  # fmt: skip
DANGEROUS = {"threads", "width", "local_steps", "preset", "dataset"}  # slow or large where valid


def values(name: str) -> st.SearchStrategy[str]:
    option = OPTIONS[name]
    plain = SENSIBLE.get(name) or [*map(str, option.choices)] or ["0.5" if option.type is float else "1"]
    return st.one_of(st.sampled_from(plain), st.sampled_from(ODD), st.text(max_size=4))


def given_options(most: int) -> st.SearchStrategy[list[tuple[str, str]]]:
    chosen = st.sampled_from(sorted(OPTIONS.keys() - DANGEROUS))
    pair = chosen.flatmap(lambda name: st.tuples(st.just(OPTIONS[name].flag), values(name)))
    return st.lists(pair, max_size=most)


@settings(max_examples=60)
@given(pairs=given_options(3))
def test_any_options(command, data, pairs):
    words = [word for pair in pairs for word in pair]
    shutil.rmtree("out", ignore_errors=True)
    check(command(f"{TINY} --rounds 1 --out out", "--data", data, *words), Path("out"))


@settings(max_examples=60)
@given(words=st.lists(st.sampled_from([*FLAGS, *ODD, "--resume", "--qui"])))
def test_any_words(command, data, words):
    shutil.rmtree("out", ignore_errors=True)
    check(command(f"{TINY} --rounds 1 --out out", "--data", data, *words), Path("out"))


@settings(max_examples=40)
@given(name=st.sampled_from(sorted(OPTIONS)), value=st.sampled_from([*ODD, None, [], {}, -1, 1e99]))
def test_any_value_in_the_config_of_a_run(play, command, name, value):
    if not Path("run").exists():
        play("--rounds 1")
        Path("run/summary.json").unlink()
    kept = Path("run/config.json").read_text()
    content = json.loads(kept)
    if name not in content or name == "data":
        return
    Path("run/config.json").write_text(json.dumps(content | {name: value}))
    done = command("--quiet --resume run")
    assert done.status in (0, 1, 2) and done.err.count("\n") == (done.status > 0), done.err
    Path("run/summary.json").unlink(missing_ok=True)
    Path("run/config.json").write_text(kept)


def check(done, out: Path) -> None:
    assert done.status in (0, 1, 2)
    assert done.err.count("\n") == (done.status > 0), done.err
    assert out.exists() == (done.status < 2)
    if done.status == 2:
        assert done.out == ""
    assert done.status == 1 or (done.status == 0) == (out / "config.json").exists()


@pytest.mark.slow
@settings(max_examples=1500, derandomize=False)
@given(pairs=given_options(6))
def test_many_more_options(command, data, pairs):
    words = [word for pair in pairs for word in pair]
    shutil.rmtree("out", ignore_errors=True)
    check(command(f"{TINY} --rounds 1 --out out", "--data", data, *words), Path("out"))
