"""`make mutants`: every bug that this project promises to notice, and the law that notices it."""

from __future__ import annotations

import sys

import torch
from hypothesis import settings

import tests.conftest  # noqa: F401  the profile "fedmini"
import tests.mutants.conftest  # noqa: F401  the profile "mutants"
from tests.contracts.framework import CATALOGUE, collect


def main() -> int:
    """Print the matrix; exit status 1 if a mutant survives."""
    torch.set_num_threads(1)
    settings.load_profile("mutants")
    collect("contracts", "laws")
    collect("mutants", "mutants")
    survivors, width = 0, max(len(each.name) for each in CATALOGUE.mutants)
    component = ""
    for mutant in sorted(CATALOGUE.mutants, key=lambda each: (each.component, each.name)):
        if mutant.component != component:
            component = mutant.component
            print(f"\n{component}")
        try:
            CATALOGUE.law(mutant.law, mutant.component).test(mutant.impl)
            verdict, survivors = "SURVIVES", survivors + 1
        except AssertionError:
            verdict = "killed by"
        except Exception as error:
            verdict, survivors = f"CRASHES ({type(error).__name__}) in", survivors + 1
        print(f"  {mutant.name:<{width}}  {verdict} {mutant.law}")
        print(f"  {'':<{width}}  {mutant.harm}")
    total = len(CATALOGUE.mutants)
    laws = {(each.law, each.component) for each in CATALOGUE.mutants}
    print(f"\n{total - survivors} of {total} mutants killed, by {len(laws)} laws")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
