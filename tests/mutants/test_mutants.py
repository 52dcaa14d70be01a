"""Every mutant dies by the law named for it, and every law kills at least one mutant."""

import pytest
from tests.contracts.framework import CATALOGUE, collect

collect("contracts", "laws")
collect("mutants", "mutants")


@pytest.mark.parametrize("mutant", CATALOGUE.mutants, ids=lambda m: f"{m.component}-{m.name}")
def test_mutant_is_killed(mutant):
    law = CATALOGUE.law(mutant.law, mutant.component)
    with pytest.raises(AssertionError):
        law.test(mutant.impl)


@pytest.mark.parametrize("law", CATALOGUE.laws, ids=lambda law: f"{law.component}-{law.name}")
def test_law_kills_a_mutant(law):
    killed = [m for m in CATALOGUE.mutants if (m.law, m.component) == (law.name, law.component)]
    assert killed, "no mutant breaks this law: it proves nothing yet"
