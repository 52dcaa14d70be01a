"""Names on the command line: what the table knows, what a file adds, and what is refused."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from fedmini.errors import UserError
from fedmini.options import options_of
from fedmini.registry import TABLE, names, resolve

ROWS = [(kind, name) for kind, rows in TABLE.items() for name in rows]


@pytest.fixture
def plugin(tmp_path):
    """Writes a Python file and gives the name that `--algo` takes."""

    def write(source: str, attribute: str = "Mine", file: str = "my.py") -> str:
        (tmp_path / file).write_text(dedent(source))
        return f"{tmp_path / file}:{attribute}"

    return write


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_every_row_of_the_table_is_there(kind, name):
    assert callable(resolve(kind, name))
    assert name in names(kind)


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(UserError, match="--algo fedporx: .*fedavg.*did you mean fedprox"):
        resolve("algorithm", "fedporx")
    with pytest.raises(UserError, match="--optimizer lion: choose from sgd, adam"):
        resolve("optimizer", "lion")


def test_a_file_brings_its_own_dataclass(plugin):
    """With postponed annotations, dataclasses look for the module where Python keeps modules."""
    name = plugin(
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import ClassVar
        from fedmini.algorithms.fedavg import FedAvg
        from fedmini.options import option

        @dataclass
        class Mine(FedAvg):
            beta: float = option(0.3, "strength", low=0.0)
            nesterov: bool = False
            partial_work: ClassVar[bool] = True
        """
    )
    found = resolve("algorithm", name)
    assert found().beta == 0.3 and found.partial_work
    assert [each.name for each in options_of(found)] == ["server_lr", "beta", "nesterov"]
    assert resolve("algorithm", name) is found, "the same file gave another class"


def test_a_file_hides_no_module_of_the_same_name(plugin):
    import random

    found = resolve("algorithm", plugin("class Mine: pass", file="random.py"))
    assert found.__name__ == "Mine" and sys.modules["random"] is random


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("class Mine(", "SyntaxError"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("raise SystemExit('bye')", "SystemExit"),
        ("class Mime: pass", "has no Mine; did you mean Mime"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(plugin, source, reason):
    name = plugin(source)
    with pytest.raises(UserError, match=reason) as refused:
        resolve("algorithm", name)
    assert "my.py" in str(refused.value)


def test_a_file_that_raised_leaves_nothing_behind(plugin):
    name = plugin("1 / 0")
    with pytest.raises(UserError):
        resolve("algorithm", name)
    assert name.rpartition(":")[0] not in sys.modules
    plugin("class Mine: pass")
    assert resolve("algorithm", name).__name__ == "Mine"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere.py: there is no such file"):
        resolve("algorithm", f"{tmp_path}/nowhere.py:Mine")
