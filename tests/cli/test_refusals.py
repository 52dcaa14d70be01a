"""Options that cannot be: one line that names them, exit status 2, nothing written."""

from __future__ import annotations

import re

import pytest
import torch

from tests.cli.conftest import TINY

OPTIONS = {
    # unknown names, with the nearest one
    "--dataset bratz": "--dataset bratz.*did you mean brats",
    "--algo fedporx": "--algo fedporx.*did you mean fedprox",
    "--algo fedavg,fedporx": "did you mean fedprox",
    "--rond 3": "'--rond' is no option.*--rounds",
    "--round 3": "'--round' is no option.*--rounds",  # no abbreviations
    "--loc 3": "'--loc' is no option",
    "--partition dirichle": "did you mean dirichlet",
    "--optimizer adan": "did you mean adam",
    "--optimizer sgd,adam": "--optimizer sgd,adam",
    "--partition iid,site": "--partition iid,site",
    "--model unets": "did you mean unet",
    "--model unet,unet": "--model unet,unet",
    "--aggregator meen": "did you mean mean",
    "--preset huge": "--preset huge: choose from tiny, small, paper",
    "fedprox": "'fedprox' is no option",
    "-x": "'-x' is no option",
    # nothing where something should be
    "--algo": "--algo: expected one argument",
    "--algo=": "--algo needs a value",
    "--data=": "--data needs a value",
    "--out=": "--out needs a value",
    "--split-seed=": "--split-seed needs a value",
    "--algo fedavg,": "--algo : choose from",
    "--seed ,": "--seed ,: give whole numbers",
    "--seed 1.5": "whole numbers",
    "--seed -1": "at least 0",
    "--split-seed x": "--split-seed x: give whole numbers",
    # out of range
    "--lr 0": "--lr 0.0: must be above 0",
    "--lr -1": "--lr -1.0: must be above 0",
    "--lr inf": "--lr inf: must be a finite number",
    "--lr nan": "--lr nan: must be a finite number",
    "--lr fast": "--lr takes a number, not 'fast'",
    "--mu -0.1": "--mu -0.1: must be at least 0",
    "--partition dirichlet --alpha 0": "--alpha 0.0: must be above 0",
    "--rounds 0": "--rounds 0: must be at least 1",
    "--rounds 2.5": "--rounds takes a whole number, not '2.5'",
    "--rounds 1e3": "--rounds takes a whole number",
    f"--rounds {10**40}": "must be at most 1000000",
    f"--batch-size {10**30}": "must be at most",
    "--batch-size 0": "--batch-size 0: must be at least 1",
    "--local-epochs 0": "--local-epochs 0.0: must be above",
    "--local-epochs 1e300": "--local-epochs 1e.300: must be at most",
    "--local-steps 0": "--local-steps 0: must be at least 1",
    "--dropout 1.1": "--dropout 1.1: must be at most 1",
    "--stragglers -0.5": "--stragglers -0.5: must be at least 0",
    "--threads 0": "--threads 0",
    "--width 0": "--width 0: must be at least 1",
    "--width 1024 --depth 8": "--width 1024 --depth 8: .* 262144 channels",
    "--scanner-shift 11": "--scanner-shift 11.0: must be at most",
    "--eval-every 0": "--eval-every 0",
    "--checkpoint-every 0": "--checkpoint-every 0",
    "--cohort 0": "--cohort 0: right would be a count from 1",
    "--cohort 0.0": "--cohort 0.0: right would be",
    "--cohort 1.5": "--cohort 1.5: right would be",
    "--cohort -1": "--cohort -1: right would be",
    "--cohort nan": "--cohort nan: right would be",
    "--cohort 4": "--cohort 4: .*hospitals, 3",
    "--clients 0": "--clients 0: must be at least 1",
    "--partition iid --clients 10": "--clients 10: must be 1 to 9, the training patients",
    "--partition site --clients 2": "--clients 2: --partition site gives 3",
    "--min-survivors 4": "--min-survivors 4: a cohort has only 3",
    "--size 12 --depth 3": "--depth 3: images of 12x12 cannot be halved 3 times",
    "--depth 5": "images of 16x16 cannot be halved 5 times",
    # each fine, but not together
    "--norm batch": "--batch-norm average or local",
    "--batch-norm local": "--batch-norm local: --model unet has none",
    "--local-steps 3 --local-epochs 2": "say the same thing twice",
    "--algo fedavg --mu 0.1": "--mu is read by --algo fedprox, which",
    "--optimizer adam --momentum 0.9": "--momentum is read by --optimizer sgd",
    "--partition iid --alpha 0.1": "--alpha is read by --partition dirichlet",
    "--alpha 0.1": "--alpha is read by --partition dirichlet",  # the file names its hospitals
    "--algo fedavg,fedavg": "names a run twice",
    "--seed 1,1": "names a run twice",
    "--split-seed 2,2": "names a run twice",
}


@pytest.mark.parametrize("options", OPTIONS)
def test_an_option_that_cannot_be(refused, data, options):
    rest = [] if options.startswith("--data=") else ["--data", data]
    tiny = TINY.replace("--depth 1", "") if "--depth" in options else TINY
    line = refused(tiny, *rest, "--out", "never", *options.split())
    assert re.search(OPTIONS[options], line), line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there(refused, data):
    line = refused("--device cuda --out never", "--data", data)
    assert "--device cuda: no CUDA device is available here; use --device cpu" in line


def test_words_from_anywhere_stay_on_one_line(refused):
    for word in ("a\nb", "Zürich\r\n", "\x00", "日本", "\udcff", "x" * 5000, "%s %d %", "{}"):
        for flag in ("--algo", "--data", "--cohort", "--seed", "--resume", "--partition"):
            assert refused(f"--out never {flag}", word)


@pytest.mark.parametrize("out", ["file", "file/run", "full"])
def test_out_that_is_taken(refused, tmp_path, data, out):
    (tmp_path / "cwd" / "file").write_text("text")
    (tmp_path / "cwd" / "full").mkdir()
    (tmp_path / "cwd" / "full" / "notes").write_text("text")
    assert f"--out {out}" in refused(TINY, "--data", data, "--out", out)


def test_out_that_holds_another_run(refused, play, data):
    play("")
    line = refused(TINY, "--data", data, "--out", "run")
    assert "--out run holds a run" in line and "--resume run" in line
