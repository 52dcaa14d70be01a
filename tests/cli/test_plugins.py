"""Components from a file of one's own: they bring their options, and their mistakes are named."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import SIZELESS, TINY

ALGORITHM = """
from dataclasses import dataclass
from fedmini.algorithms.fedavg import FedAvg
from fedmini.options import option

@dataclass
class MyAlgo(FedAvg):
    {field}

    def {method}:
        {body}
"""
DAMPED = {
    "field": 'beta: float = option(1.0, "how much is kept", low=0.0)',
    "method": "server_step(self, server, total)",
    "body": "server.model += self.beta * total.mean",
}
PARTITION = """
from dataclasses import dataclass
import numpy as np
from fedmini.data.partition import Scheme

@dataclass(frozen=True)
class Turns(Scheme):
    offset: int = 0

    def assign(self, table, clients, generator):
        return (np.arange(len(table)) + self.offset) % clients
"""
AGGREGATOR = """
import torch

class Median:
    individual = True

    def __init__(self, cohort, shrink: float = 1.0):
        self.updates, self.shrink = [], shrink

    def add(self, client, update, weight):
        self.updates.append(update.double())

    def result(self):
        return self.shrink * torch.stack(self.updates).median(dim=0).values
"""
MODEL = """
from torch import nn

class Shallow(nn.Module):
    def __init__(self, inputs, outputs, kernel: int = 3):
        super().__init__()
        self.layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, images):
        return self.layer(images)
"""
BROKEN = {
    "nothing.py:MyAlgo": (None, "nothing.py: there is no such file"),
    "a.py:MyAlgo": ("1 / 0", "ZeroDivisionError: division by zero"),
    "b.py:MyAlgo": ("import sys; sys.exit(3)", "SystemExit"),
    "c.py:MyAlgo": ("def broken(:", "SyntaxError"),
    "d.py:MyAlgo": ("class MyAlgos: pass", "the file has no MyAlgo; did you mean MyAlgos"),
    "e.py:MyAlgo": ("MyAlgo = 3", "this is no algorithm"),
    "f.py:MyAlgo": ("class MyAlgo: pass", "right would be a class with the method local_update"),
}
BROKEN_FIELDS = {
    "rounds: int = 3": "its option --rounds is one of fedmini's: rename it",
    "out: str = 'x'": "its option --out is one of fedmini's",
    "settings: int = 1": "--settings is one of fedmini's",
    "width: int = 1": "--width is one of fedmini's",
    "sizes: tuple = (1, 2)": "--sizes: right would be an int, float, str or bool",
    "kind: 'Unknown' = 3": "its options cannot be read: name 'Unknown' is not defined",
    "needed: int": "TypeError",  # a field without default after one with
}


@pytest.fixture
def plugin(command, tmp_path):
    """Write a file into the working directory."""

    def write(name, text):
        (tmp_path / "cwd" / name).write_text(text)

    return write


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used(refused, plugin, data, name):
    text, complaint = BROKEN[name]
    if text is not None:
        plugin(name.partition(":")[0], text)
    assert complaint in refused(f"{TINY} --out never --algo {name}", "--data", data)


@pytest.mark.parametrize("field", BROKEN_FIELDS)
def test_a_field_that_cannot_be_an_option(refused, plugin, data, field):
    plugin("my.py", ALGORITHM.format(**{**DAMPED, "field": field}))
    line = refused(f"{TINY} --out never --algo my.py:MyAlgo", "--data", data)
    assert re.search(BROKEN_FIELDS[field], line), line


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        ("partition", PARTITION.replace("% clients", "+ 1"), "Turns.assign must give each patient"),
        ("partition", PARTITION.replace("np.arange", "np.orange"), "AttributeError.*line 11"),
        ("model", MODEL.replace("(nn.Module)", ""), "a Shallow is no nn.Module"),
        ("model", MODEL.replace("self.layer =", "lost ="), "a Shallow has no weights"),
        ("model", MODEL.replace("kernel: int", "rounds: int"), "--rounds is one of fedmini's"),
        ("aggregator", AGGREGATOR.replace("(self, cohort, ", "(self, a, b, "), "TypeError"),
    ],
)
def test_a_component_that_fails_at_once(refused, plugin, data, kind, text, complaint):
    plugin("my.py", text)
    name = re.search(r"class (\w+)", text)[1]
    line = refused(f"{SIZELESS} --out never --{kind} my.py:{name}", "--data", data)
    assert re.search(complaint, line), line


def test_an_algorithm_with_an_option(play, plugin, command):
    plugin("my.py", ALGORITHM.format(**DAMPED))
    plain, damped = play("--algo fedavg", "plain"), play("--algo my.py:MyAlgo", "damped")
    assert damped.summary["weights_sha256"] == plain.summary["weights_sha256"]
    still = play("--algo my.py:MyAlgo --beta 0", "still")
    assert len({line["dice"] for line in still.lines}) == 1
    assert still.json("config.json")["settings"] == {"beta": 0.0}
    assert command("--quiet --resume still --rounds 4").status == 0
    assert len(still.lines) == 4
    assert "--beta -1.0: must be at least 0" in command("--algo my.py:MyAlgo --beta -1").err


def test_help_shows_the_options_of_a_file(command, plugin, capsys):
    plugin("my.py", ALGORITHM.format(**DAMPED))
    with pytest.raises(SystemExit, match="0"):
        command("--algo my.py:MyAlgo --help")
    assert re.search(r"--beta X +how much is kept \(default: 1.0\)", capsys.readouterr().out)


def test_other_components_of_a_file(play, plugin):
    plugin("turns.py", PARTITION)
    plugin("median.py", AGGREGATOR)
    plugin("shallow.py", MODEL)
    options = "--partition turns.py:Turns --clients 4 --algo fedavg"
    first, second = play(options, "first"), play(f"{options} --offset 1", "second")
    assert first.lines[0]["cohort"] == [f"hospital-{number}" for number in range(1, 5)]
    assert first.summary["weights_sha256"] != second.summary["weights_sha256"]
    median = play("--aggregator median.py:Median --shrink 0", "median")
    assert len({line["dice"] for line in median.lines}) == 1
    assert play("--model shallow.py:Shallow --kernel 1", "shallow").summary["parameters"] == 9


def test_if_every_client_fails_so_does_the_run(command, plugin, data):
    fails = {"field": "pass", "method": "local_update(self, client, down)", "body": "1 / 0"}
    plugin("my.py", ALGORITHM.format(**fails))
    done = command(f"{TINY} --out run --algo my.py:MyAlgo", "--data", data)
    assert done.status == 1 and done.err.count("\n") == 1
    assert "round 1: no client answered; site-A: ZeroDivisionError: division by zero" in done.err


def test_one_client_that_fails_is_named_and_the_round_goes_on(command, plugin, play, data):
    body = "return super().local_update(client, down) if client.name != 'site-B' else 1 / 0"
    method = "local_update(self, client, down)"
    plugin("my.py", ALGORITHM.format(field="pass", method=method, body=body))
    run = play("--algo my.py:MyAlgo")
    assert run.lines[2]["dropped"] == ["site-B"]
    assert run.lines[2]["failures"] == {"site-B": "ZeroDivisionError: division by zero"}
    loud = command(TINY.replace("--quiet", "--out loud --algo my.py:MyAlgo"), "--data", data)
    assert loud.status == 0 and "round 3: site-B failed: ZeroDivisionError" in loud.err


def test_an_aggregator_that_fails_later_ends_the_run_in_one_line(command, plugin, data):
    plugin("median.py", AGGREGATOR.replace(".values", ".worth"))
    done = command(f"{TINY} --out run --aggregator median.py:Median", "--data", data)
    assert done.status == 1 and done.err.count("\n") == 1
    assert "AttributeError" in done.err and "(median.py, line 14)" in done.err


def test_a_size_that_the_own_model_does_not_read(refused, plugin, data):
    plugin("my.py", MODEL)
    line = refused("--width 4 --out never --model my.py:Shallow --data", data)
    assert "--width is not read by --model my.py:Shallow" in line
