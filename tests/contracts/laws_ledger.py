"""Laws about the ledger of a private run; the account is taken from the disk."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from fedmini.errors import UserError
from fedmini.privacy.accountant import Charge, epsilon
from fedmini.privacy.plan import Plan
from tests.contracts.framework import law, real

real("ledger", "fedmini.privacy.ledger:Ledger")

DELTA = 1e-5
CHARGES = {"big": Charge(0.1, 1.1, 3), "small": Charge(0.5, 1.7), "whole": Charge(1.0, 6.0, 2)}
ASKED = st.lists(st.frozensets(st.sampled_from(list(CHARGES))), min_size=2, max_size=5)


def plan(asked: list[frozenset[str]], budget: float = math.inf) -> Plan:
    return Plan("patient", DELTA, budget, "rdp", CHARGES, asked)


@cache
def cost(name: str, rounds: int) -> float:
    """Epsilon of a hospital after so many rounds in which it was asked."""
    each = CHARGES[name]
    return epsilon(
        sample_rate=each.sample_rate,
        noise_multiplier=each.noise_multiplier,
        steps=each.steps * rounds,
        delta=DELTA,
    )


def worst(asked: list[frozenset[str]]) -> float:
    return max(cost(name, sum(name in each for each in asked)) for name in CHARGES)


def on_disk(folder: Path) -> list[dict]:
    path = folder / "privacy.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


def refused(impl, folder: Path, asked: list[frozenset[str]], checkpoint: int) -> bool:
    try:
        impl(folder, plan(asked)).check(checkpoint)
    except UserError as error:
        return "privacy.jsonl" in str(error)
    return False


@law("ledger", asked=ASKED)
def law_a_round_is_on_the_disk_when_it_is_paid(impl, asked):
    with new_folder() as folder:
        ledger = impl(folder, plan(asked))
        for round, names in enumerate(asked, start=1):
            assert ledger.pay(round)
            found = on_disk(folder)
            assert [line["round"] for line in found] == list(range(1, round + 1))
            right = {name: list(vars(CHARGES[name]).values()) for name in names}
            assert found[-1]["charges"] == right, "not what those who are asked will spend"


@law("ledger", asked=ASKED, killed=st.integers(0, 5), back=st.integers(0, 2))
def law_a_replayed_round_is_charged_once(impl, asked, killed, back):
    """Killed after any round, and played again from a checkpoint some rounds before."""
    killed = min(killed, len(asked))
    with new_folder() as folder, new_folder() as straight:
        for round in range(1, killed + 1):
            impl(folder, plan(asked)).pay(round)
        before = on_disk(folder)
        resumed = impl(folder, plan(asked))
        for round in range(max(1, killed - back), len(asked) + 1):
            assert resumed.pay(round)
            if round <= killed:
                assert on_disk(folder) == before
        ledger = impl(straight, plan(asked))
        for round in range(1, len(asked) + 1):
            ledger.pay(round)
        assert on_disk(folder) == on_disk(straight)


@law("ledger", asked=ASKED, stop=st.integers(1, 5))
def law_epsilon_is_that_of_the_worst_hospital_so_far(impl, asked, stop):
    """Over all rounds, those before a resume too; hospitals hold different patients."""
    with new_folder() as folder:
        ledger = impl(folder, plan(asked))
        for round in range(1, len(asked) + 1):
            ledger = impl(folder, plan(asked)) if round == stop else ledger
            ledger.pay(round)
            right = worst(asked[:round])
            assert math.isclose(on_disk(folder)[-1]["epsilon"], right)
            account = ledger.account(round)
            assert math.isclose(account["epsilon"], right)
            for name, spent in account["spent"].items():
                assert math.isclose(spent, cost(name, sum(name in each for each in asked[:round])))


@law("ledger", asked=ASKED, share=st.sampled_from([0.3, 0.8, 1.0, 1.5]))
def law_it_pays_exactly_while_the_budget_allows(impl, asked, share):
    budget = share * worst(asked) or 1.0
    with new_folder() as folder:
        ledger = impl(folder, plan(asked, budget))
        for round in range(1, len(asked) + 1):
            allowed = worst(asked[:round]) <= budget
            paid = ledger.pay(round)
            assert paid == allowed
            assert len(on_disk(folder)) == round - (not allowed), "an unpaid round was charged"
            if not paid:
                assert f"{budget:g}" in ledger.account(round - 1)["privacy"]
                return


def damaged(lines: list[str]) -> dict[str, list[str]]:
    """What may have become of a ledger of three rounds."""
    cheap = json.loads(lines[2])
    cheap["epsilon"] /= 2
    return {
        "gone": [],
        "shorter": lines[:2],
        "cut in a line": [*lines[:2], lines[2][:-9]],
        "cut before the line's end": [*lines[:2], lines[2].rstrip()],
        "fewer steps": [lines[0], lines[1].replace(", 3]", ", 1]"), lines[2]],
        "more noise": [lines[0].replace("1.7", "2.7"), *lines[1:]],
        "less epsilon": [*lines[:2], json.dumps(cheap) + "\n"],
        "a line of one more round": [*lines, lines[2].replace("3,", "4,", 1)],
        "swapped": lines[::-1],
        "an empty line": [lines[0], "\n", *lines[1:]],
        "no object": [*lines[:2], "3\n"],
    }


DAMAGES = damaged(['{"epsilon": 1}'] * 3)


@law("ledger", damage=st.sampled_from(list(DAMAGES)))
def law_a_ledger_that_says_too_little_is_refused(impl, damage):
    asked = [frozenset(CHARGES)] * 3
    with new_folder() as folder:
        ledger, path = impl(folder, plan(asked)), folder / "privacy.jsonl"
        for round in (1, 2, 3):
            ledger.pay(round)
        assert not refused(impl, folder, asked, 3)
        content = damaged(path.read_text().splitlines(keepends=True))[damage]
        path.write_text("".join(content)) if content else path.unlink()
        checkpoint = 2 if "cut" in damage else 3
        assert refused(impl, folder, asked, checkpoint), f"taken, though this happened: {damage}"
