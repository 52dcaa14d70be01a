"""Settings for all tests: the same cases every time, no deadline, nothing written beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fedmini",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=25,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("fedmini")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption(
        "--impl",
        action="append",
        default=[],
        metavar="COMPONENT=FILE.py:NAME",
        help="run the contracts against this implementation instead of the one that ships",
    )


def pytest_collection_modifyitems(items):
    if not SHARED_DATA.is_dir():
        skip = pytest.mark.skip(reason="the folder with real data sets is not there")
        for item in items:
            if "realdata" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def one_thread():
    """The models of the tests are tiny: a second thread would only make the first one wait."""
    torch.set_num_threads(1)


@pytest.fixture
def shared_data() -> Path:
    """The folder of small real data sets that may stand beside the project."""
    return SHARED_DATA
