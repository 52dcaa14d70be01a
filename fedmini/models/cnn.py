"""A small convolutional network: three convolutions, a coarse grid of their features, one layer.

With few parameters it trains where data are few or noise is loud: noise for differential privacy
falls on every parameter (see `python -m fedmini.privacy explain`), and this has a few thousand.

Left out: residual connections, pretrained weights.
"""

from torch import Tensor, nn

from fedmini.errors import UserError
from fedmini.models.norm import norm_layer

GRID = 4  # the features are averaged on a grid of 4 x 4


class CNN(nn.Module):
    """(B, in_channels, H, W) float32 to logits (B, outputs), for any H and W.

    width: channels of the first convolution; the other two have twice as many. Each halves the
    image. Raises UserError for an unknown norm, and for a width below 1.
    """

    def __init__(self, in_channels: int, outputs: int, norm: str = "group", width: int = 8) -> None:
        super().__init__()
        if width < 1:
            raise UserError(f"--width {width}: a CNN needs at least 1 channel")
        layers: list[nn.Module] = []
        for inputs, channels, kernel in (
            (in_channels, width, 5), (width, 2 * width, 3), (2 * width, 2 * width, 3),
        ):  # fmt: skip
            convolution = nn.Conv2d(inputs, channels, kernel, 2, kernel // 2, bias=False)
            layers += [convolution, norm_layer(norm, channels), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(GRID), nn.Flatten())
        self.head = nn.Linear(2 * width * GRID**2, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs)."""
        return self.head(self.features(images))
