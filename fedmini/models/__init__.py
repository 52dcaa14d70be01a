"""The networks, built from plain layers, and how their parameters get their first values."""

from fedmini.models.cnn import CNN
from fedmini.models.resnet import resnet18, resnet34, resnet50
from fedmini.models.unet import UNet

__all__ = ["CNN", "UNet", "resnet18", "resnet34", "resnet50"]
