"""Algorithms, each the difference to FedAvg, one file each."""
