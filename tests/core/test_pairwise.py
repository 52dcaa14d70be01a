"""Whole federations for every pair of option values that may meet: two tiny rounds of each.

The combinations come from the table of what is refused. Where a pair breaks a promise (bytes, sum,
norm bound, budget), the test that names the combination fails.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from fedmini.combinations import ROWS, Row
from fedmini.config import Config
from fedmini.errors import UserError
from fedmini.federation import Federation
from fedmini.privacy.ledger import Ledger
from fedmini.simulation import build, settle_defaults
from tests.core.pairwise import cover, held, pairs
from tests.core.watched import Watch
from tests.data.factory import segmentation_dataset
from tests.ground.combination_counts import SPECS, VALUES
from tests.ground.diagram import Diagram

OWN = Path(__file__).with_name("own.py")
DATA = segmentation_dataset(patients=20, slices=2, size=8, sites=4)
TINY = {"width": 2, "depth": 1, "rounds": 2, "batch_size": 4, "lr": 0.01, "partition": "iid"}
LIVELY = VALUES | {  # values with which a federation of four hospitals can be built
    "dp_epsilon": (None, 60.0),
    "aggregator": ("mean", f"{OWN}:Median"),
    "compress": ("none", *SPECS, f"{OWN}:Smallest:0.1"),
    "mask_generator": ("shake",),  # the other one needs a package of its own
    "clients": (4,),
    "ring_bits": (None, 32, 64),
    "clip": (None, 0.05),
    "algo": ("fedavg", "fedprox", "centralized", "local"),
    "dropout": (0.0, 0.3),
    "stragglers": (0.0, 0.5),
    "profile": ("uniform", "hospital-tiers"),
    "deadline": (None, 6e-8),  # a clinic comes too late, compressed or not
}
LATER = (  # what is refused when the federation is built
    Row("policy x batch norm", "", lambda c: (c.norm == "batch") != (c.batch_norm is not None), ""),
    Row("survivors x cohort", "", lambda c: c.min_survivors > 1 and c.cohort == "1", ""),
)
DIAGRAM = Diagram(LIVELY, (*ROWS, *LATER))
COVER = cover(DIAGRAM)
ROUNDS = 2


def federation(options: dict[str, object]) -> Federation:
    given = {**TINY, **options, "device": "cpu"}
    return build(settle_defaults(Config.of(given), DATA), DATA, b"k" * 32)


def words(options: dict[str, object]) -> str:
    """The options that are not as they are by themselves."""
    plain = [(name, each) for name, each in options.items() if each != LIVELY[name][0]]
    return " ".join(f"{name}={Path(str(each)).name}" for name, each in plain)


def test_the_cover_holds_every_pair_that_may_meet():
    assert len(COVER) <= 150
    assert set(pairs(DIAGRAM)) == set().union(*map(held, COVER))
    for options in COVER:
        Config.of(options)


@pytest.mark.parametrize("options", COVER, ids=words)
def test_a_combination_keeps_its_promises(options, tmp_path):
    run = federation(options)
    watch, before = Watch(run), run.snapshot()
    ledger = None if run.plan is None else Ledger(tmp_path, run.plan)
    pay = {} if ledger is None else {"pay": ledger.pay}
    heard = False
    for record in run.server.run(ROUNDS, **pay):
        watch.check_bytes(record)
        watch.check_hours(record)
        assert not record.failures
        heard |= not record.aborted and len(record.dropped) < len(record.cohort)
    after = run.snapshot()
    assert after.model.isfinite().all()
    assert moved(before, after) or not heard
    check_budget(run, ledger)


def moved(before, after) -> bool:
    """Whether any model changed, the global one or one of a hospital."""
    pairs = [(before.model, after.model)]
    pairs += [(before.private[name], each) for name, each in after.private.items()]
    return not all(torch.equal(old, new) for old, new in pairs)


def check_budget(run: Federation, ledger: Ledger | None) -> None:
    """Every round is charged, as planned and never beyond the budget."""
    sends = not run.server.algorithm.alone
    private = run.config.unit is not None and (sends or run.config.unit != "client")
    assert (ledger is not None) == private
    if ledger is None:
        return
    assert [line["round"] for line in ledger.lines] == list(range(1, run.server.round + 1))
    for line in ledger.lines:
        assert line["charges"] == run.plan.line(line["round"]) != {}
    epsilons = [line["epsilon"] for line in ledger.lines]
    assert 0 < epsilons[0] and epsilons == sorted(epsilons) and epsilons[-1] <= run.plan.budget
    if run.config.unit == "client":
        assert len(set(epsilons)) == len(epsilons) == ROUNDS


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"norm": "batch"}, "say --batch-norm average or local"),
        ({"batch_norm": "local"}, "--batch-norm local: --model unet has none"),
        ({"min_survivors": 2, "cohort": "1"}, "--min-survivors 2: a cohort has only 1"),
    ],
)
def test_what_only_the_data_can_tell_is_refused_later(options, line):
    assert any(row.forbids(Config.of(options)) for row in LATER)
    with pytest.raises(UserError, match=re.escape(line)):
        federation({**options, "clients": 4})
