"""Local training only: every hospital by itself, sharing no coordinate of its model.

The lower line of every comparison. All hospitals start from the same initial model; each is tested
on its own patients with its own model. No network stands between, so there is none to fail.
"""

from dataclasses import dataclass

from fedmini.algorithms.fedavg import FedAvg


@dataclass
class Local(FedAvg):
    """FedAvg over the empty set of coordinates."""

    keeps_optimizer = True
    alone = True

    def shared(self, model):
        return model.mask(lambda name: False)
