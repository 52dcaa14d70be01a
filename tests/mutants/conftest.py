"""A mutant is dead at its first counterexample: no search for a smaller one, nor for a second."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings

settings.register_profile(
    "mutants",
    parent=settings.get_profile("fedmini"),
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


@pytest.fixture(autouse=True)
def first_counterexample():
    settings.load_profile("mutants")
    yield
    settings.load_profile("fedmini")
