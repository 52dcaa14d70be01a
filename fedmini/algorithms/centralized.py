"""Centralised training: the partition into one client that holds every hospital's patients.

The upper line of every comparison, and what privacy rules forbid. It runs through the same code;
a round passes over the data as often as the federation expects to, faults apart.
"""

from dataclasses import dataclass

from fedmini.algorithms.fedavg import FedAvg


@dataclass
class Centralized(FedAvg):
    """FedAvg of one client with all data, whose optimiser is never reset."""

    pooled = True
    alone = True
    keeps_optimizer = True
