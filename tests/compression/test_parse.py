"""The text of --compress: what it may say, and one line for all else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fedmini.compression import PrevK, Quantiser, RandomK, Sparsifier, TopK, parse
from fedmini.errors import UserError
from fedmini.registry import resolve
from fedmini.specification import stages

STUDENT = """
from fedmini.compression import Sparsifier
import torch

class First(Sparsifier):
    common = True
    announce = read = print
    def coordinates(self, vector, generator=None):
        return torch.arange(self.kept(len(vector)))

Other = int
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("none", (None, None)),
        ("topk:0.01", (TopK(0.01), None)),
        ("randk:1", (RandomK(1.0), None)),
        ("prevk:1e-3", (PrevK(0.001), None)),
        ("quant:4", (None, Quantiser(4))),
        ("topk:0.01+quant:8", (TopK(0.01), Quantiser(8))),
    ],
)
def test_what_may_be_said(spec, expected):
    assert parse(spec) == expected
    assert [type(each) for each in parse(spec)] == [type(each) for each in expected]


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "topk",
        "topk:",
        "topk:0",
        "topk:1.5",
        "topk:nan",
        "topk:-0.1",
        "topk:many",
        "tpok:0.1",
        "quant:1",
        "quant:9",
        "quant:4.0",
        "quant",
        "none+quant:4",
        "quant:4+topk:0.1",
        "quant:4+quant:4",
        "topk:0.1+randk:0.1",
        "topk:0.1+quant:4+quant:4",
        "topk:0.1+",
        "+quant:4",
        "my.py:Mine",
    ],
)
def test_all_else_is_refused_in_one_line(spec):
    with pytest.raises(UserError) as refusal:
        stages(spec)
    line = str(refusal.value)
    assert line.startswith(f"--compress {spec}: right would be none, topk:R") and "\n" not in line


def test_a_students_sparsifier(tmp_path):
    path = tmp_path / "a+b.py"
    path.write_text(STUDENT)
    sparsifier, quantiser = parse(f"{path}:First:0.5+quant:4")
    assert isinstance(sparsifier, Sparsifier) and sparsifier.common and quantiser == Quantiser(4)
    assert sparsifier is not None and sparsifier.kept(9) == 4
    with pytest.raises(UserError, match="--compress .*Other is no subclass of"):
        parse(f"{path}:Other:0.5")
    with pytest.raises(UserError, match="--compress .*no such file"):
        parse(f"{tmp_path}/missing.py:First:0.5")


@pytest.mark.parametrize("name", ["topk", "randk", "prevk"])
@pytest.mark.parametrize("ratio", [0, -0.1, 1.01, float("nan")])
def test_a_ratio_is_above_0_and_at_most_1(name, ratio):
    with pytest.raises(UserError, match="above 0 and at most 1"):
        resolve("compressor", name)(ratio)


@pytest.mark.parametrize("bits", [0, 1, 9, 2.5])
def test_bits_are_2_to_8(bits):
    with pytest.raises(UserError, match="2 to 8"):
        Quantiser(bits)


def test_the_text_is_read_without_torch():
    code = (
        "import sys; from fedmini.specification import stages; "
        "assert stages('topk:0.01+quant:4') == [('topk', 0.01), ('quant', 4)]; "
        "assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
