"""Residual networks of 18, 34 and 50 layers (He, Zhang, Ren, Sun 2015, Table 1).

Kept of the paper: the blocks, the four stages, projections where a block changes the shape.
Changed: group norm by default; the bottleneck strides in its 3x3 convolution instead of its first
1x1 ("v1.5"); a small stem for small images. Parameters have torchvision's names: with batch norm,
width 64 and the large stem its published weights fit (see pretrained.py).

Left out: 101 and 152 layers; zero as the first scale of a block's last norm (Goyal et al. 2017).
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fedmini.errors import UserError
from fedmini.models.norm import norm_layer

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # blocks, by layers in all
STEMS = {"large": (7, 2), "small": (3, 2)}  # kernel and stride of the first convolution
WIDEST = 4096  # channels of the last stage


class ResNet(nn.Module):
    """(B, in_channels, H, W) float32 to logits (B, outputs), for any H and W.

    width: channels of the first stage, 64 in the paper; they double at each of the other three.
    stem: "large" is a 7x7 convolution of stride 2 and max-pooling, which leave a quarter of each
    side; "small" is a 3x3 convolution of stride 2, which leaves half.
    Raises UserError for an unknown norm or stem, and for a width that is too small or large.
    """

    def __init__(
        self, layers: int, in_channels: int, outputs: int,
        norm: str = "group", width: int = 64, stem: str = "large",
    ) -> None:  # fmt: skip
        super().__init__()
        if stem not in STEMS:
            raise UserError(f"--stem {stem}: right would be large or small")
        self.stem = stem
        block = Bottleneck if layers == 50 else Basic
        widest = WIDEST // (8 * block.expansion)
        if not 1 <= width <= widest:
            raise UserError(f"--width {width}: right for {layers} layers would be 1 to {widest}")
        self.conv1 = convolution(in_channels, width, *STEMS[stem])
        self.bn1 = norm_layer(norm, width)
        inputs = width
        for stage, blocks in enumerate(STAGES[layers]):
            chain = nn.Sequential()
            for number in range(blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                chain.append(block(inputs, width * 2**stage, stride, norm))
                inputs = width * 2**stage * block.expansion
            self.add_module(f"layer{stage + 1}", chain)
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs)."""
        features = self.conv1(images)
        # channels last in memory: a tenth faster on a CPU, and the weights stay as they are;
        # not `memory_format`, which torch.func.vmap does not know
        features = features.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        features = F.relu(self.bn1(features))
        if self.stem == "large":
            features = F.max_pool2d(features, 3, stride=2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = stage(features)
        return self.fc(features.mean(dim=(2, 3)))


class Basic(nn.Module):
    """Two 3x3 convolutions, and what goes past them."""

    expansion = 1  # output channels for each of `channels`

    def __init__(self, inputs: int, channels: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, channels, 3, stride)
        self.bn1 = norm_layer(norm, channels)
        self.conv2 = convolution(channels, channels, 3)
        self.bn2 = norm_layer(norm, channels)
        self.downsample = Shortcut(inputs, channels, stride, norm)

    def forward(self, features: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        # y = F(x) + W_s x, where W_s is the identity unless the shape changes
        return F.relu(residual + self.downsample(features))


class Bottleneck(nn.Module):
    """1x1 down to `channels`, 3x3, 1x1 up to four times as many, and what goes past them."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int, norm: str) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1 = convolution(inputs, channels, 1)
        self.bn1 = norm_layer(norm, channels)
        self.conv2 = convolution(channels, channels, 3, stride)
        self.bn2 = norm_layer(norm, channels)
        self.conv3 = convolution(channels, outputs, 1)
        self.bn3 = norm_layer(norm, outputs)
        self.downsample = Shortcut(inputs, outputs, stride, norm)

    def forward(self, features: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(features)))
        residual = F.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return F.relu(residual + self.downsample(features))


class Shortcut(nn.Sequential):
    """W_s: empty, the identity, or a projection of every `stride`-th pixel where shapes change.

    Pixels are chosen before the 1x1 convolution: with a stride of its own, channels last and fewer
    than 16 channels, it writes out of bounds in oneDNN 3.12.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.stride = stride
        if stride > 1 or inputs != outputs:
            self.extend([convolution(inputs, outputs, 1), norm_layer(norm, outputs)])

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features[:, :, :: self.stride, :: self.stride])


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Padded to keep the size at stride 1; without bias, since a norm with a shift follows."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


resnet18 = partial(ResNet, 18)
resnet34 = partial(ResNet, 34)
resnet50 = partial(ResNet, 50)
