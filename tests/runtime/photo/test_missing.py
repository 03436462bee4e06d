"""A photo of which much never arrived is an error; one that every viewer shows whole is read."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cloudedge.errors import ImageError
from cloudedge.photo.read import read

END = b"\xff\xd9"
SIZES = pytest.mark.parametrize("size", [None, 50])
KINDS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": 0},
        {"restart_marker_rows": 1},
        {"restart_marker_blocks": 3},
        {"optimize": True},
        {"quality": 98},
    ],
    ids=str,
)
MODES = pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])


@pytest.fixture(name="jpeg")
def _jpeg(draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]) -> Callable[..., bytes]:
    def jpeg(mode: str = "RGB", **options: object) -> bytes:
        noise = np.random.default_rng(0).integers(0, 12, (241, 323, 1), np.uint8)
        return encode(Image.fromarray(draw_sky(323, 241) + noise).convert(mode), "JPEG", **options)

    return jpeg


def cut(data: bytes, share: float) -> bytes:
    """Keep a share of the data behind the header."""
    start = data.index(b"\xff\xda")
    return data[: start + int(share * (len(data) - start))]


def missing(data: bytes, size: int | None = None) -> int:
    """Return how many percent of the photo are said to be missing."""
    with pytest.raises(ImageError, match=r"damaged or cut short \(\d+% of it never arrived\)") as caught:
        read(data, size)
    return int(caught.value.problem.partition("(")[2].partition("%")[0])


@SIZES
@KINDS
@MODES
@pytest.mark.parametrize("end", [b"", END, END + b"a trailer" * 9], ids=["no end", "end", "trailer"])
def test_half_a_jpeg_is_an_error_whether_its_end_is_marked_or_not(end, mode, options, size, jpeg):
    assert 20 < missing(cut(jpeg(mode, **options), 0.5) + end, size) < 80


@SIZES
@KINDS
@MODES
def test_a_jpeg_without_its_end_is_read(mode, options, size, jpeg):
    data = jpeg(mode, **options)
    whole = read(data, size).pixels
    assert np.array_equal(read(data.removesuffix(END), size).pixels, whole)
    assert read(cut(data, 0.99), size).pixels.shape == whole.shape


@SIZES
def test_a_progressive_jpeg_without_its_end_is_read_and_half_of_one_is_an_error(size, jpeg):
    data = jpeg(progressive=True)
    assert np.array_equal(read(data.removesuffix(END), size).pixels, read(data, size).pixels)
    assert missing(cut(data, 0.5), size) == 100  # of some of its scans
    assert missing(cut(data, 0.05) + END, size) == 100


@SIZES
@MODES
def test_a_progressive_jpeg_that_lacks_a_scan_is_an_error_though_its_end_is_marked(mode, size, jpeg):
    data = jpeg(mode, progressive=True)
    scans = [scan.start() for scan in re.finditer(b"\xff\xda", data)]
    assert len(scans) > 5
    for scan in scans[1:]:
        for end in (scan, scan + 2, scan + 5, scan + 9):  # before the header of a scan, and in it
            with pytest.raises(ImageError, match="damaged or cut short"):
                read(data[:end] + END, size)
    for scan in scans:  # how many components it has
        changed = bytearray(data)
        changed[scan + 4] = 255
        with pytest.raises(ImageError, match="damaged or cut short"):
            read(bytes(changed), size)


def test_a_jpeg_of_nothing_but_a_header_is_an_error(jpeg):
    for end in (b"", END):
        with pytest.raises(ImageError, match="damaged or cut short"):
            read(cut(jpeg(), 0) + jpeg()[jpeg().index(b"\xff\xda") :][:14] + end)


def test_an_interval_that_ends_early_is_seen_at_its_marker_too(jpeg):
    data = jpeg(restart_marker_rows=1)
    for number in range(8):
        before = data.index(bytes([0xFF, 0xD0 + number]), data.index(b"\xff\xda"))
        for end in (before, before + 2):
            assert missing(data[:end] + END) > 30


@SIZES
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_grey_that_did_arrive_is_no_fault(options, mode, size, jpeg, encode):
    """A camera without a signal sends all of a grey picture, and some put a grey bar below theirs."""
    picture = Image.open(io.BytesIO(jpeg())).convert("RGB")
    picture.paste((128, 128, 128), (0, 144, 323, 241))
    for grey in (picture, Image.new("RGB", (323, 241), (128, 128, 128))):
        data = encode(grey.convert(mode), "JPEG", **options)
        for whole in (data, data.removesuffix(END)):
            assert (read(whole, size).pixels[-1] == 128).all()


def test_of_an_mpo_only_the_first_picture_must_have_arrived(jpeg, encode):
    pictures = [Image.open(io.BytesIO(jpeg())), Image.new("RGB", (323, 241), (128, 128, 128))]
    data = encode(pictures[0], "MPO", save_all=True, append_images=pictures[1:])
    assert read(data).size == (323, 241)
    assert read(data[:-700]).size == (323, 241)


def png(width: int, height: int, share: float, mode: tuple[int, int], interlaced: bool, size: int) -> bytes:
    """A PNG of bright pixels whose stream is in order, but ends after a share of them; `mode` is depth and colour.

    `size` is that of the chunks in bytes.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    depth, colour = mode
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(width, height)]
    if interlaced:
        steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        passes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in steps]
    lines = b"".join((b"\0" + b"\xff" * ((w * bits + 7) // 8)) * h for w, h in passes if w)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""
    stream = zlib.compress(lines[: int(share * len(lines))])
    pieces = [chunk(b"IDAT", stream[at : at + size]) for at in range(0, len(stream), size)]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + b"".join(pieces) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(1, 100_000), (100, 75), (33, 2), (301, 200)])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("mode", [(8, 2), (8, 0), (1, 0), (4, 3), (8, 3), (16, 0), (16, 2), (8, 4), (8, 6), (16, 6)])
def test_a_png_whose_stream_ends_early_is_an_error(mode, interlaced, width, height):
    for size in (20, 1 << 16):
        for share in (0.01, 0.5):
            with pytest.raises(ImageError, match=r"damaged or cut short \(.*\); copy or download it again"):
                read(png(width, height, share, mode, interlaced, size))
        assert read(png(width, height, 1, mode, interlaced, size)).pixels.any()


def test_the_error_says_how_much_of_a_png_is_missing():
    assert missing(png(1, 100_000, 0.01, (8, 2), False, 1 << 16)) == 99
    assert missing(png(1, 100_000, 0.4, (8, 6), True, 1 << 16)) == 60


def test_a_png_that_ends_in_black_is_read(draw_sky, encode):
    night = draw_sky(300, 200)
    night[120:] = 0
    for pixels in (night, np.zeros_like(night)):
        for options in ({}, {"compress_level": 0}):
            data = encode(pixels, "PNG", **options)
            assert np.array_equal(read(data).pixels, pixels)
            assert np.array_equal(read(data[:-12]).pixels, pixels)  # without its last chunk
