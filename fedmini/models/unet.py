"""The U-Net (Ronneberger, Fischer, Brox 2015) in two dimensions.

Kept of the paper: two 3x3 convolutions a level, max-pooling on the way down, 2x2 transposed
convolutions on the way up, skip connections by concatenation. Changed: convolutions are padded, so
that the output is as large as the input, and a norm layer follows each.

Left out: three dimensions, dropout, deep supervision.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fedmini.errors import UserError
from fedmini.models.norm import norm_layer


class UNet(nn.Module):
    """(B, in_channels, H, W) float32 to logits (B, classes, H, W); H, W multiples of 2**depth.

    width: channels at full resolution, doubled at each of the `depth` levels below it.
    Raises UserError for an unknown norm, and for a width or depth below 1.
    """

    def __init__(
        self, in_channels: int, classes: int, width: int = 16, depth: int = 3, norm: str = "group"
    ) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise UserError(f"--width {width} --depth {depth}: a U-Net needs at least 1 of each")
        widths = [width * 2**level for level in range(depth + 1)]
        steps = list(zip(widths[:-1], widths[1:], strict=True))  # (finer, coarser) level by level
        self.down = nn.ModuleList([block(in_channels, width, norm)])
        self.down.extend(block(fine, coarse, norm) for fine, coarse in steps)
        self.rise = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, 2) for fine, coarse in steps)
        self.up = nn.ModuleList(block(2 * fine, fine, norm) for fine, _ in steps)
        self.head = nn.Conv2d(width, classes, 1)

    def check_size(self, height: int, width: int) -> None:
        """Raise UserError unless images of height x width can be halved at every level."""
        depth = len(self.rise)
        if height % 2**depth or width % 2**depth:
            halved = f"images of {height}x{width} cannot be halved {depth} times"
            raise UserError(f"--depth {depth}: {halved}; right would be multiples of {2**depth}")

    def forward(self, images: Tensor) -> Tensor:
        """Logits; UserError if the sides are not multiples of 2**depth."""
        self.check_size(*images.shape[-2:])
        skips = []
        # channels last in memory: half as fast again on a CPU, and the weights stay as they are;
        # not `memory_format`, which torch.func.vmap does not know
        features = self.down[0](images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2))
        for level in self.down[1:]:
            skips.append(features)
            features = level(F.max_pool2d(features, 2))
        for level in reversed(range(len(skips))):
            risen = self.rise[level](features)
            features = self.up[level](torch.cat([skips[level], risen], dim=1))
        return self.head(features)


def block(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    """Twice: 3x3 convolution, norm, ReLU. A norm has a shift, so the convolution needs no bias."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=1, bias=norm == "none"))
        if norm != "none":
            layers.append(norm_layer(norm, outputs))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
