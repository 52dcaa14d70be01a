"""Gray images promise: black stays black whatever the file's mode, and no damage becomes pixels."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from fedmini.errors import UserError
from fedmini.rng import numpy_stream
from tests.contracts.framework import law, real

real("read_image", "data_prep.raster:read")
real("resize_image", "data_prep.raster:resize")

SEEDS = st.integers(0, 2**70)
SIDES = st.integers(1, 12)


def png(image: Image.Image) -> bytes:
    """The bytes of an image as PNG."""
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def found(impl, content: bytes) -> np.ndarray:
    """What `impl` reads from a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.png"
        path.write_bytes(content)
        return impl(path)


@law("read_image", height=SIDES, width=SIDES, seed=SEEDS)
def law_sixteen_bits_become_eight(impl, height, width, seed):
    """Rounded to the nearest of 256 equal steps from black to white."""
    draw = numpy_stream(seed)
    pixels = draw.integers(0, draw.choice([300, 4096, 65536]), (height, width), np.uint16)
    gray = found(impl, png(Image.fromarray(pixels)))
    assert gray.dtype == np.uint8 and gray.shape == pixels.shape
    assert (gray == np.rint(pixels / 65535 * 255)).all(), "not the same share of white"


@law("read_image", mode=st.sampled_from(["L", "LA", "P", "RGB", "RGBA", "1"]), seed=SEEDS)
def law_gray_is_gray_in_every_mode(impl, mode, seed):
    draw = numpy_stream(seed)
    pixels = draw.integers(0, 256, (5, 7), np.uint8)
    if mode == "1":
        pixels = np.where(pixels > 100, 255, 0).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = Image.fromarray(255 - pixels)
        image.putpalette([255 - each // 3 for each in range(768)])
    elif mode != "L":
        image = image.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(draw.integers(0, 256, (5, 7), np.uint8)))
    gray = found(impl, png(image))
    assert gray.dtype == np.uint8 and gray.shape == pixels.shape
    assert (gray == pixels).all(), f"gray changed in mode {mode}"


@law("read_image", seed=SEEDS)
def law_colours_become_their_luma(impl, seed):
    pixels = numpy_stream(seed).integers(0, 256, (5, 7, 3), np.uint8)
    gray = found(impl, png(Image.fromarray(pixels)))
    assert np.allclose(gray, pixels @ [0.299, 0.587, 0.114], rtol=0, atol=1)


@law("read_image", place=st.floats(0, 0.999), cut=st.booleans(), packed=st.integers(0, 9))
def law_a_damaged_png_is_refused(impl, place, cut, packed):
    """One byte changed anywhere, or the end missing; `packed` is the level of zlib."""
    pixels = numpy_stream("damage").integers(0, 256, (24, 24), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(pixels).save(whole, "PNG", compress_level=packed)
    content = bytearray(whole.getvalue())
    start = int(place * len(content))
    if cut:
        del content[start:]
    else:
        content[start] ^= 1
    try:
        found(impl, bytes(content))
    except UserError as error:
        assert str(error).startswith("scan.png: "), "which file is it?"
        return
    raise AssertionError("damage became pixels")


@law("resize_image", size=st.integers(1, 6), down=SIDES, across=SIDES, seed=SEEDS)
def law_a_new_pixel_is_the_mean_of_its_area(impl, size, down, across, seed):
    shape = (size * down, size * across)
    pixels = numpy_stream(seed).integers(0, 256, shape, np.uint8)
    means = pixels.reshape(size, down, size, across).mean(axis=(1, 3))
    small = impl(pixels, size)
    assert small.dtype == np.uint8 and small.shape == (size, size)
    assert np.abs(small - means).max() <= 1, "an area is not shown by its mean"


@law("resize_image", height=SIDES, width=SIDES, size=SIDES, seed=SEEDS)
def law_resizing_invents_no_brightness(impl, height, width, size, seed):
    pixels = numpy_stream(seed).choice(np.array([60, 200], np.uint8), (height, width))
    resized = impl(pixels, size)
    assert resized.shape == (size, size)
    assert pixels.min() <= resized.min() and resized.max() <= pixels.max()
