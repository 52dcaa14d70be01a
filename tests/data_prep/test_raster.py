"""Images of every kind that Pillow writes, and what is no image at all."""

from __future__ import annotations

import io
import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.raster import LARGEST, read, resize
from fedmini.errors import UserError
from fedmini.rng import numpy_stream


def saved(path: Path, image: Image.Image, kind: str = "PNG", **options) -> Path:
    image.save(path, kind, **options)
    return path


def smooth() -> Image.Image:
    """A gray ramp, of which JPEG keeps nearly all."""
    return Image.fromarray(np.add.outer(np.arange(32), 3 * np.arange(48)).astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_every_jpeg(tmp_path, mode, progressive):
    path = saved(tmp_path / "a.jpg", smooth().convert(mode), "JPEG", progressive=progressive)
    assert np.abs(read(path).astype(int) - np.asarray(smooth())).max() <= 4


def test_the_content_decides_not_the_ending(tmp_path):
    assert read(saved(tmp_path / "a.jpg", smooth(), "PNG")).shape == (32, 48)
    assert read(saved(tmp_path / "a.png", smooth(), "JPEG")).shape == (32, 48)


@pytest.mark.parametrize("transparency", [0, bytes(range(256))])
def test_a_palette_with_transparency(tmp_path, transparency):
    """Indices run against brightness."""
    image = Image.fromarray(np.asarray(smooth()))
    image = image.convert("P")
    image.putpalette([255 - each // 3 for each in range(768)])
    path = saved(tmp_path / "a.png", image, transparency=transparency)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (read(path) == 255 - np.asarray(smooth())).all()


def huge(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims so many pixels."""
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    chunks = [
        len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
        for kind, content in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def bytes_of(image: Image.Image, kind: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


BROKEN = {
    "is no PNG or JPEG image": bytes_of(smooth(), "GIF"),
    "is no PNG or JPEG": b"",
    "has 2 frames; right would be a single image": bytes_of(
        smooth(), "PNG", save_all=True, append_images=[smooth().point(lambda value: 255 - value)]
    ),
    "breaks off, or is damaged": bytes_of(smooth(), "PNG")[:-20],
    "cannot be read: image file is truncated": bytes_of(smooth(), "JPEG")[:-60],
    "claims 100000 x 100000 pixels; at most 67,108,864 are read": huge(100_000, 100_000),
    "claims 2000000000 x 2000000000 pixels": huge(2 * 10**9, 2 * 10**9),
    "cannot be read: image file is truncated ": huge(100, 100),
    "cannot be read: ": huge(0, 5),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_what_is_refused(tmp_path, reason):
    path = tmp_path / "scan.png"
    path.write_bytes(BROKEN[reason])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError, match=f"^scan.png: {re.escape(reason)}[^\n]*$"):
            read(path)


def test_the_limit_of_pixels(tmp_path):
    side = int(LARGEST**0.5)
    assert side * side == LARGEST
    path = saved(tmp_path / "largest.png", Image.new("1", (side, side)))
    assert read(path).shape == (side, side)
    with pytest.raises(UserError, match="claims 8193 x 8192 pixels"):
        read(saved(tmp_path / "more.png", Image.new("1", (side + 1, side))))


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(UserError, match="^scan.png: cannot be read: No such file or directory$"):
        read(tmp_path / "scan.png")
    with pytest.raises(UserError, match=f"^{tmp_path.name}: cannot be read: Is a directory$"):
        read(tmp_path)


def test_the_same_size_is_the_same_image():
    gray = numpy_stream("same").integers(0, 256, (9, 9), np.uint8)
    assert (resize(gray, 9) == gray).all()


def test_a_cut_out_part_is_resized_like_a_copy():
    gray = numpy_stream("part").integers(0, 256, (40, 50), np.uint8)
    assert (resize(gray[3:33, 5:45], 10) == resize(gray[3:33, 5:45].copy(), 10)).all()
