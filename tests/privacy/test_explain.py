"""`python -m fedmini.privacy explain`: what it says, what it refuses, how long it takes."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fedmini.cli import exit_status
from fedmini.options import options_of
from fedmini.privacy.__main__ import answer
from fedmini.privacy.explain import Outlook, explain, warning
from fedmini.privacy.outlook import Study, outlook

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
WRONG = {
    "clients": "0",
    "epsilon": "-1.5",
    "delta": "0.5",
    "rounds": "2.5",
    "patients": "many",
    "images": "nan",
    "batch_size": "0",
    "local_epochs": "0",
    "cohort": "1.01",
    "parameters": "10000000000000",
    "accountant": "exact",
}
OTHER = [
    {"clients": 11},
    {"epsilon": 1.6},
    {"delta": 2e-5},
    {"rounds": 11},
    {"patients": 231},
    {"images": 577},
    {"batch_size": 17},
    {"local_epochs": 2.0},
    {"cohort": 0.9},
    {"parameters": 200_000},
]
# "1 in 100,000"; "for 1 it takes" twice; "above 10" for each unit, and "for 10 it takes"
CONSTANTS = ["1"] * 3 + ["10"] * 4


def command(*words: str) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "fedmini.privacy", *words]
    return subprocess.run(line, capture_output=True, text=True, env=ENVIRONMENT)


def numbers(text: str) -> list[str]:
    return re.findall(r"\d[\d,.]*\d|\d", " ".join(text.split()))


def test_three_units_are_explained_in_two_seconds():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = command("explain", "--clients", "10", "--epsilon", "1.5")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stderr) == (0, "")
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    assert done.stdout == explain(Study(clients=10, epsilon=1.5)) + "\n"
    assert max(map(len, done.stdout.splitlines())) <= 100 and done.stdout.isascii()
    for unit in ("client", "record", "patient"):
        assert f"--dp-unit {unit}" in done.stdout
    for jargon in ("epsilon", "delta", "sigma", "clip", "SGD", "norm "):
        assert jargon not in done.stdout


def test_torch_stays_out():
    script = (
        "import runpy, sys\nsys.argv = ['x', 'explain']\n"
        "try:\n    runpy.run_module('fedmini.privacy', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


def test_without_a_word_it_shows_its_help():
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m fedmini.privacy")
    assert all(each.flag in done.stdout for each in options_of(Study))


def test_every_option_has_a_wrong_value_here():
    assert WRONG.keys() == {each.name for each in options_of(Study)}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_one_line_that_names_the_option(name):
    flag = "--" + name.replace("_", "-")
    done = command("explain", flag, WRONG[name])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fedmini: {flag} ") and done.stderr.count("\n") == 1
    assert WRONG[name].rstrip("0") in done.stderr


@pytest.mark.parametrize("flag", [each.flag for each in options_of(Study)])
@pytest.mark.parametrize("text", ["", "x", "inf", "-1", "9" * 40])
def test_no_text_is_taken_for_a_number(flag, text, capsys):
    status = exit_status(answer, ["explain", f"{flag}={text}"])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "") and flag in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["explian"], ["explain", "now"], ["explain", "--client", "3"], ["--clients"]]
)
def test_unknown_words_are_refused(words, capsys):
    assert exit_status(answer, words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("fedmini: ") and err.count("\n") == 1


def test_no_number_is_written_by_hand():
    now = numbers(explain(Study()))
    changed = set()
    for each in OTHER:
        then = numbers(explain(Study(**each)))
        assert len(then) == len(now), f"other words after {each}"
        changed |= {place for place, number in enumerate(then) if number != now[place]}
        assert then != now, f"{each} changes nothing"
    left = [now[place] for place in range(len(now)) if place not in changed]
    assert sorted(left) == CONSTANTS


LOW = {each.name: each.low or 1e-9 for each in options_of(Study) if not each.choices}
HIGH = {each.name: each.high for each in options_of(Study) if not each.choices}


@pytest.mark.parametrize("low", [(), ("epsilon", "delta"), ("batch_size", "cohort"), LOW])
def test_the_ends_of_every_range_are_explained(low):
    text = explain(Study(**HIGH | {name: LOW[name] for name in low}))
    assert text.count("Hiding one") == 3 and "nan" not in text and "inf" not in text


def test_ten_hospitals_cannot_hide_behind_noise_and_their_patients_can():
    for parameters in (5_000, 175_000, 11_000_000):
        assert outlook(Study(parameters=parameters), "client").hopeless
    assert not outlook(Study(), "patient").hopeless
    assert 1 <= outlook(Study(), "client").breakeven < 2  # ten rounds; one round: 13 or so
    assert 12 < outlook(Study(rounds=1), "client").breakeven < 16


def test_the_tighter_account_takes_less_noise():
    study = Study(rounds=2)
    tighter = outlook(replace(study, accountant="pld"), "record").multiplier
    assert 0.8 < tighter / outlook(study, "record").multiplier < 0.99


def test_a_warning_is_two_lines_with_numbers():
    found = Outlook(unit="client", multiplier=8.17, expected=10, steps=10, parameters=175_000)
    assert warning(found) == (
        "Learning is hopeless: noise to hide one hospital is 108 times as loud as any signal.\n"
        "It takes 10.8 times as many hospitals, 108 in each mean, or 1,500 parameters."
    )
    assert warning(replace(found, multiplier=0.7)) is None
