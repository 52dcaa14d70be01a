"""Wrong ways to read gray images, and to make them small."""

from __future__ import annotations

from functools import wraps
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageFile

import data_prep.raster
from data_prep.raster import read
from fedmini.errors import UserError
from tests.contracts.framework import mutant


def refusing(work):
    """Whatever Pillow complains about is a UserError."""

    @wraps(work)
    def attempt(path):
        try:
            return work(path)
        except Exception as error:
            raise UserError(f"{path.name}: {error}") from None

    return attempt


@mutant(
    "read_image",
    law="law_sixteen_bits_become_eight",
    harm="16 bits are clipped at 255: nearly every pixel of a hospital's images is white.",
)
def read_clipped(path):
    values = np.asarray(Image.open(path)).astype(np.int64)
    return values.clip(0, 255).astype(np.uint8)


@mutant(
    "read_image",
    law="law_sixteen_bits_become_eight",
    harm="Each image is stretched to its own range: a dense lung looks like an empty one.",
)
def read_stretched(path):
    values = np.asarray(Image.open(path)).astype(np.float64)
    spread = max(values.max() - values.min(), 1)
    return ((values - values.min()) / spread * 255).astype(np.uint8)


@mutant(
    "read_image",
    law="law_gray_is_gray_in_every_mode",
    harm="Transparent pixels are laid on black: what an image of four channels shows is lost.",
)
def read_on_black(path):
    image = Image.open(path).convert("RGBA")
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, image).convert("L"))


@mutant(
    "read_image",
    law="law_gray_is_gray_in_every_mode",
    harm="The indices of a palette are taken for brightness: bone and air change places.",
)
def read_palette_as_gray(path):
    image = Image.open(path)
    return np.asarray(image) if image.mode == "P" else read(path)


@mutant(
    "read_image",
    law="law_colours_become_their_luma",
    harm="Only the red channel is read: a coloured annotation hides the lung below it.",
)
def read_red(path):
    return np.asarray(Image.open(path).convert("RGB"))[..., 0]


@mutant(
    "read_image",
    law="law_a_damaged_png_is_refused",
    harm="Checksums are not looked at: a flipped bit of the download is trained on.",
)
@refusing
def read_in_good_faith(path):
    with patch.object(data_prep.raster, "_check_sums", lambda file: None):
        return read(path)


@mutant(
    "read_image",
    law="law_a_damaged_png_is_refused",
    harm="What is missing of a broken download becomes black: half a lung, all of it opaque.",
)
@refusing
def read_what_is_there(path):
    with patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", True):
        return np.asarray(Image.open(path).convert("L"))


@mutant(
    "resize_image",
    law="law_a_new_pixel_is_the_mean_of_its_area",
    harm="Every tenth pixel is kept: a nodule of nine pixels is there or not, by chance.",
)
def resize_nearest(gray, size):
    return np.asarray(Image.fromarray(gray).resize((size, size), Image.Resampling.NEAREST))


@mutant(
    "resize_image",
    law="law_resizing_invents_no_brightness",
    harm="Sharp filters overshoot: a dark rim around every rib, that a network learns.",
)
def resize_with_rings(gray, size):
    return np.asarray(Image.fromarray(gray).resize((size, size), Image.Resampling.LANCZOS))


@mutant(
    "resize_image",
    law="law_resizing_invents_no_brightness",
    harm="Images that are no square are padded with black: the network learns who has a wide scan.",
)
def resize_padded(gray, size):
    side = max(gray.shape)
    whole = np.zeros((side, side), np.uint8)
    whole[: gray.shape[0], : gray.shape[1]] = gray
    return data_prep.raster.resize(whole, size)
