"""Each synthetic data set, built once for all tests of this room."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import numpy as np

from fedmini.data.dataset import Dataset


@cache
def built(name: str) -> tuple[Dataset, dict[str, np.ndarray]]:
    """The data set and its extra arrays, which only brats is without."""
    module = import_module(f"data_prep.phantoms.{name}")
    if name == "brats":
        return module.brats(), {}
    return getattr(module, f"{name}_and_lesions")()
