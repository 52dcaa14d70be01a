"""From stored pixels to what a network sees: (x - mean) / std of each channel, on the batch.

The mean and standard deviation are those of the training split, in stored units, so that images can
stay as small as they were stored (uint8, float16) until the moment they are used.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Normalise:
    """Callable on images (B, C, H, W) of any dtype; gives float32 on the same device."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: str = "cpu") -> None:
        self.mean = torch.as_tensor(mean, dtype=torch.float32).view(-1, 1, 1).to(device)
        self.scale = 1 / torch.as_tensor(std, dtype=torch.float32).view(-1, 1, 1).to(device)

    def __call__(self, images: Tensor) -> Tensor:
        return (images.float() - self.mean) * self.scale
