"""The norm layer that follows a convolution.

Group norm (Wu, He 2018) takes its statistics from one image, so hospitals have none to disagree
about. Batch norm (Ioffe, Szegedy 2015) takes them from a batch, and keeps running ones.
"""

import math

from torch import nn

from fedmini.errors import UserError

PER_GROUP = 16  # channels in a group of group norm, best in Wu, He 2018, Table 3


def norm_layer(norm: str, channels: int) -> nn.Module:
    """For (B, channels, H, W): "group" or "batch"; UserError for another norm."""
    if norm == "group":
        # y_i = gamma (x_i - m_i) / sqrt(v_i + eps) + beta, m_i and v_i of image i (Eq. 4.2)
        return nn.GroupNorm(math.gcd(channels, max(1, channels // PER_GROUP)), channels)
    if norm == "batch":
        # y = gamma (x - m_B) / sqrt(v_B + eps) + beta, m_B and v_B of the batch (Eq. 4.1)
        return nn.BatchNorm2d(channels)
    raise UserError(f"--norm {norm}: right would be group or batch for this network")
