"""Local training only: every hospital by itself, sharing no coordinate of its model.

The lower line of every comparison. All hospitals start from the same initial model; each is tested
on its own patients with its own model. No network stands between, so there is none to fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fedmini.algorithms.fedavg import FedAvg

if TYPE_CHECKING:
    from torch import Tensor

    from fedmini.vector import FlatModel


@dataclass
class Local(FedAvg):
    """FedAvg over the empty set of coordinates."""

    keeps_optimizer: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def shared(self, model: FlatModel) -> Tensor:
        return model.mask(lambda name: False)
