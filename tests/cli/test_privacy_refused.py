"""Private runs that cannot be are refused in a line; clients that would break a promise fail."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fedmini.combinations import ROWS
from fedmini.run_options import private
from tests.cli.conftest import SIZELESS, TINY, Run
from tests.cli.test_process import start

CLIENT = "--dp-unit client --dp-epsilon 6"
FORBIDDEN = {
    "privacy without a budget": ["--dp-unit client", "--dp-delta 1e-6", "--dp-accountant pld"],
    "privacy x batch norm": [
        f"--dp-unit {unit} --dp-epsilon 6 --norm batch --batch-norm {policy}"
        for unit in ("client", "record", "patient")
        for policy in ("average", "local")
    ],
    "client privacy x robust aggregation": [f"{CLIENT} --aggregator my.py:Median"],
    "client privacy x coordinates chosen from data": [
        f"{CLIENT} --compress {spec}" for spec in ("topk:0.1", "my.py:Mine:0.1")
    ],
    "client privacy x quantiser": [f"{CLIENT} --compress randk:0.1+quant:4"],
    "client privacy x aborted rounds": [f"{CLIENT} --min-survivors 2"],
    "client privacy x options of DP-SGD": [f"{CLIENT} --dp-physical-batch 2"],
    "images of a patient x other units": [
        f"--dp-unit {unit} --dp-epsilon 6 --dp-images-per-patient 2"
        for unit in ("client", "record")
    ],
    "options of secure aggregation without it": [
        "--secagg-threshold 3", "--mask-generator aes-ctr --ring-bits 32 --clip 1 --weight-cap 9"
    ],
    "colluders x central noise": ["--dp-colluders 2 --dp-epsilon 6 --dp-unit client --secagg"],
    "distributed noise in other sums": [
        f"--dp-mode distributed {given}"
        for given in ("--dp-unit client --dp-epsilon 6", "--secagg", "--dp-epsilon 6")
    ],
    "distributed noise x secret cohorts, pld": [
        f"{CLIENT} --secagg --dp-mode distributed {given}"
        for given in ("--sampling poisson", "--dp-accountant pld")
    ],
    "secure aggregation x secret cohorts": [f"{CLIENT} --secagg --sampling poisson"],
    "transcript in the clear": [
        "--transcript", "--transcript --secagg --dp-unit client --dp-epsilon 6"
    ],
    "ring without public bounds": ["--ring-bits 32", "--ring-bits 64 --weight-cap 9"],
    "ring x DP-SGD": [
        "--secagg --dp-epsilon 6", "--ring-bits 32 --clip 1 --weight-cap 9 --dp-epsilon 6"
    ],
    "ring x robust aggregation": ["--secagg --aggregator my.py:Median"],
    "ring x averaged batch norm": ["--secagg --norm batch --batch-norm average"],
    "ring x coordinates chosen from data": ["--secagg --compress topk:0.1"],
    "ring x quantiser": ["--ring-bits 32 --clip 1 --weight-cap 9 --compress quant:4"],
    "quantiser x averaged batch norm": [
        "--norm batch --batch-norm average --compress topk:0.1+quant:4"
    ],
    "robust aggregation x coordinates chosen from data": [
        "--aggregator my.py:Median --compress topk:0.1"
    ],
    "error feedback without a sparsifier": [
        "--error-feedback false", "--error-feedback false --compress quant:4"
    ],
    "secure aggregation x one client": ["--secagg --clients 1", "--secagg --cohort 1"],
}
VALUES = {
    "--dp-epsilon 0": "--dp-epsilon 0.0: must be above 0",
    "--dp-epsilon -1": "--dp-epsilon -1.0: must be above 0",
    "--dp-epsilon nan": "--dp-epsilon nan: must be a finite number",
    "--dp-epsilon inf": "--dp-epsilon inf: must be a finite number",
    "--dp-epsilon much": "--dp-epsilon takes a number, not 'much'",
    "--dp-epsilon 1 --dp-delta 0": "--dp-delta 0.0: must be above 0",
    "--dp-epsilon 1 --dp-delta 0.5": "--dp-delta 0.5: must be at most 0.1",
    "--dp-epsilon 1 --dp-unit hospital": "--dp-unit hospital: choose from client, record, patient",
    "--dp-epsilon 1 --dp-accountant foo": "--dp-accountant foo: choose from rdp, pld",
    "--dp-epsilon 1 --dp-images-per-patient 0": "--dp-images-per-patient 0: must be at least 1",
    "--dp-epsilon 1 --dp-physical-batch 0": "--dp-physical-batch 0: must be at least 1",
    "--dp-epsilon 1 --clip 0": "--clip 0.0: must be at least",
    "--dp-epsilon 1 --clip nan": "--clip nan: must be a finite number",
    "--dp-epsilon 1 --weight-cap 0": "--weight-cap 0: must be at least 1",
    "--dp-noise-multiplier 0": "--dp-noise-multiplier 0.0: must be at least 0.001",
    "--dp-noise-multiplier inf": "--dp-noise-multiplier inf: must be a finite number",
    "--dp-eps 1": "'--dp-eps' is no option.*--dp-epsilon",
}
MEDIAN = "class Median:\n    individual = True\n    def __init__(self, cohort): pass\n"
BUFFERED = """
import torch
from torch import nn

class Buffered(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Conv2d(inputs, outputs, 1)
        self.register_buffer("brightness", torch.zeros(3))

    def forward(self, images):
        return self.layer(images)
"""
ALGORITHM = """
from dataclasses import dataclass, replace
from fedmini.algorithms.fedavg import FedAvg

@dataclass
class Greedy(FedAvg):
    def local_update(self, client, down):
        found = super().local_update(client, down)
        if client.name == "site-B":
            {body}
        return found
"""
TWICE = "client.train(lambda: None)"
SUMS = 'found = replace(found, sums={"variate": found.update})'


def test_every_row_is_tried():
    assert sorted(FORBIDDEN) == sorted(row.name for row in ROWS)


def test_every_row_of_the_table_is_refused_in_one_line(tmp_path, data):
    """As real processes, which answer before torch is imported."""
    (tmp_path / "my.py").write_text(MEDIAN)
    lines = [(row.refusal, each) for row in ROWS for each in FORBIDDEN[row.name]]

    def run(options: str) -> tuple[str, str, int]:
        words = options.replace("my.py", str(tmp_path / "my.py")).split()
        process = start(*TINY.split(), "--data", data, "--out", tmp_path / "run", *words)
        return (*process.communicate(timeout=60), process.returncode)

    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(run, [options for _, options in lines])
        for (reason, options), found in zip(lines, answers, strict=True):
            assert found == ("", f"fedmini: {reason}\n", 2), options
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", VALUES)
def test_a_value_that_cannot_be(refused, data, options):
    line = refused(f"{TINY} --out never {options} --data", data)
    assert re.search(VALUES[options], line), line


@pytest.mark.parametrize("unit", ["client", "record", "patient"])
def test_a_network_with_buffers_is_refused(refused, data, unit):
    Path("my.py").write_text(BUFFERED)
    options = f"--model my.py:Buffered --dp-unit {unit} --dp-epsilon 6"
    assert "buffers" in refused(f"{SIZELESS} --out never {options} --data", data)


@pytest.mark.parametrize(
    ("body", "unit", "complaint"),
    [
        (TWICE, "record", "trains twice in a round"),
        (TWICE, "patient", "trains twice in a round"),
        (SUMS, "client", "sends 'variate', to which --dp-unit client adds no noise"),
    ],
)
def test_a_client_that_would_give_more_than_is_paid_for_fails(command, data, body, unit, complaint):
    Path("my.py").write_text(ALGORITHM.format(body=body))
    options = f"--algo my.py:Greedy --dp-unit {unit} --dp-epsilon 6 --rounds 2 --out run"
    done = command(f"{TINY.replace('--quiet', '')} {options} --data", data)
    assert done.status == 0 and done.err.count("site-B failed: ") == 2 == done.err.count(complaint)
    for line in Run(Path("run")).lines:
        assert line["dropped"] == ["site-B"] and complaint in line["failures"]["site-B"]


def test_options_are_shown(command, capsys):
    options = "--dp-epsilon 1.5 --dp-unit record --dp-delta 1e-6 --clip 0.5"
    shown = json.loads(command(f"--print-config {options}").out)
    found = {name: value for name, value in shown.items() if name.startswith(("dp_", "clip"))}
    assert found == {
        "clip": 0.5, "dp_epsilon": 1.5, "dp_delta": 1e-6, "dp_unit": "record",
        "dp_noise_multiplier": None, "dp_accountant": "rdp", "dp_images_per_patient": 4,
        "dp_physical_batch": 16, "dp_mode": "central", "dp_colluders": 1,
    }  # fmt: skip
    with pytest.raises(SystemExit, match="0"):
        command("--help")
    group = capsys.readouterr().out.partition(f"\n{private.keywords['group']}:\n")[2].partition("\n\n")[0]
    flags = {"--" + name.replace("_", "-") for name in found if name != "clip"}
    assert set(re.findall(r"^  (--[a-z-]+)", group, re.MULTILINE)) == flags
