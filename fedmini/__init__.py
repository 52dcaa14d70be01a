"""fedmini: federated learning for medical images, written from scratch to be read."""

__version__ = "0.1.0"
