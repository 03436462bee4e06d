from __future__ import annotations

import errno
import io
import os
import re
import socket
import stat
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from cloudedge.errors import ImageError, ImageTooLargeError
from cloudedge.installation import command_to_add
from cloudedge.photo.bounded_file import MAX_GIF_HEADER
from cloudedge.photo.formats import open_image
from cloudedge.photo.read import read

ORIENTATIONS = {  # what undoes each orientation, in numpy's words
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def exif_of(orientation: int | None = None, taken: str | None = None, offset: str | None = None) -> bytes:
    exif = Image.Exif()
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    times = {ExifTags.Base.DateTimeOriginal: taken, ExifTags.Base.OffsetTimeOriginal: offset}
    if taken or offset:
        exif[ExifTags.IFD.Exif] = {int(tag): value for tag, value in times.items() if value}
    return exif.tobytes()


def problem(source: object, size: int | None = 224) -> str:
    with pytest.raises(ImageError) as caught:
        read(source, size)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.problem


def png(width: int, height: int, colour_type: int, depth: int, rows: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# Formats and sources


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_give_the_pixels_as_they_are(kind, sky, encode):
    assert np.array_equal(read(encode(sky, kind)).pixels, sky)


@pytest.mark.parametrize(
    ("kind", "options", "off"),
    [("JPEG", {"quality": 95}, 4), ("WEBP", {"lossless": True}, 0), ("WEBP", {"quality": 95}, 8), ("GIF", {}, 40)]
    + [("TIFF", {"compression": name}, 0) for name in ("tiff_lzw", "tiff_deflate", "packbits")],
)
def test_other_formats_give_nearly_those_pixels(kind, options, off, sky, encode):
    pixels = read(encode(sky, kind, **options)).pixels
    assert pixels.shape == sky.shape
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - sky).mean() <= off


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_of_several_frames_the_first_is_taken(kind, encode):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("navy", "white")]
    pixels = read(encode(frames[0], kind, save_all=True, append_images=frames[1:])).pixels
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels.astype(int) - (0, 0, 128)).max() <= 4


def test_every_kind_of_source_gives_the_same(sky, encode, tmp_path):
    data = encode(sky, "PNG")
    path = tmp_path / "sky.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        sources = [str(path), path, data, bytearray(data), io.BytesIO(data), file, Image.fromarray(sky), sky]
        found = [read(source) for source in sources]
    assert all(np.array_equal(photo.pixels, sky) for photo in found)
    assert {(photo.size, photo.captured_at) for photo in found} == {((96, 64), None)}


def test_file_objects_are_read_from_where_they_stand_and_stay_open(sky, encode):
    file = io.BytesIO(b"header" + encode(sky, "PNG"))
    file.seek(6)
    assert np.array_equal(read(file).pixels, sky)
    assert not file.closed


def test_a_pipe_that_cannot_seek_is_read(sky, encode):
    reader, writer = os.pipe()
    with open(writer, "wb") as file:
        file.write(encode(sky, "JPEG"))
    with open(reader, "rb") as file:
        assert read(file).pixels.shape == sky.shape


def test_a_pil_image_is_not_modified(sky, encode):
    source = Image.open(io.BytesIO(encode(sky, "JPEG", exif=exif_of(6))))
    before = (source.size, source.mode, source.info["exif"])
    assert read(source, 8).pixels.shape == (96, 64, 3)
    assert (source.size, source.mode, source.info["exif"]) == before


@pytest.mark.parametrize("name", ["雲 ☁ nuée.png", "%s {0} $HOME.png", "-v.png", "n" * 251 + ".png"])
def test_unusual_names_are_read(name, sky, encode, tmp_path):
    path = tmp_path / name
    path.write_bytes(encode(sky, "PNG"))
    assert read(path).pixels.shape == sky.shape


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other limits and decode names differently")
def test_long_paths_and_undecodable_names_are_read(sky, encode, tmp_path):
    folder = tmp_path
    while len(str(folder)) < 3500:
        folder = folder / ("d" * 200)
    folder.mkdir(parents=True)
    for name in (b"sky.png", b"\xff\xfe.png"):
        path = os.fsencode(folder) + b"/" + name
        Path(os.fsdecode(path)).write_bytes(encode(sky, "PNG"))
        assert read(os.fsdecode(path)).pixels.shape == sky.shape


# Colours


def test_grey_and_palette_modes_become_rgb(sky, encode):
    picture = Image.fromarray(sky)
    for mode in ("1", "L", "P", "YCbCr", "CMYK", "HSV", "LAB", "RGBX"):
        converted = picture.convert(mode) if mode != "LAB" else _to_lab(picture)
        pixels = read(converted).pixels
        assert pixels.shape == sky.shape, mode
        allowed = {"1": 130, "L": 60, "P": 25}.get(mode, 4)
        assert np.abs(pixels.astype(int) - sky).mean() < allowed, mode


def _to_lab(picture: Image.Image) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")


def test_cmyk_jpeg_is_not_inverted(sky, encode):
    pixels = read(encode(Image.fromarray(sky).convert("CMYK"), "JPEG", quality=95)).pixels
    assert np.abs(pixels.astype(int) - sky).mean() < 8


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA", "La", "RGBa"])
def test_transparent_pixels_are_white(mode):
    picture = (
        Image.new("LA", (8, 8), (90, 0)) if mode in ("LA", "PA", "La") else Image.new("RGBA", (8, 8), (90, 90, 90, 0))
    )
    if mode == "PA":
        picture = Image.new("PA", (8, 8), (0, 0))
    elif mode != picture.mode:
        picture = picture.convert(mode)
    assert (read(picture).pixels == 255).all()


def test_half_transparent_pixels_are_mixed_with_white(encode):
    pixels = read(encode(Image.new("RGBA", (8, 8), (0, 100, 200, 128)), "PNG")).pixels
    assert np.abs(pixels.astype(int) - (127, 177, 227)).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_the_transparent_colour_of_a_palette_is_white(kind, encode):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.putpixel((0, 0), 0)
    pixels = read(encode(picture, kind, transparency=1)).pixels
    assert (pixels[0, 0] == 0).all()
    assert (pixels[4, 4] == 255).all()


def test_the_transparent_colour_of_an_rgb_png_is_white(encode):
    assert (read(encode(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", transparency=(1, 2, 3))).pixels == 255).all()


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(mode):
    values = np.array([[0, 257 * 10, 257 * 200 + 129, 65535]], np.uint16)  # the third is nearer to 201 than to 200
    kind = ">u2" if mode == "I;16B" else "<u2"
    picture = Image.frombytes(mode, (4, 1), values.astype(kind).tobytes())
    assert read(picture).pixels[0, :, 0].tolist() == [0, 10, 201, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("values", "grey"),
    [
        ([0, 10 * 257, 200 * 257, 16384], [0, 10, 200, 64]),
        ([0, 1606, 8256, 16383], [0, 25, 129, 255]),  # 14 bits, as of most cameras with lenses
        ([0, 1606, 2064, 4095], [0, 100, 129, 255]),  # 12 bits, as of most cameras for the sky
        ([0, 1440, 3840, 3000], [0, 90, 239, 187]),
        ([0, 128, 129, 255], [0, 8, 8, 16]),
    ],
)
def test_sixteen_bit_grey_files_are_scaled_by_the_bits_that_their_camera_has(values, grey, kind, encode):
    found = read(encode(Image.fromarray(np.array([values], np.uint16)), kind)).pixels[0, :, 0].tolist()
    assert found == grey


@pytest.mark.parametrize("colour_type", [2, 6])
def test_sixteen_bit_colour_png_keeps_its_colours(colour_type):
    values = np.array([[[0, 32768, 65535, 65535], [2570, 51400, 5140, 65535]]], ">u2")[
        ..., : 3 if colour_type == 2 else 4
    ]
    data = png(2, 1, colour_type, 16, b"\0" + values.tobytes())
    assert read(data).pixels[0].tolist() == [[0, 128, 255], [10, 200, 20]]


@pytest.mark.parametrize(("order", "is_big"), [("<", False), (">", False), ("<", True)])
def test_sixteen_bit_colour_tiff_keeps_its_colours(order, is_big):
    values = np.array([[[0, 32768, 65535], [2570, 51400, 5140]]], f"{order}u2").tobytes()
    assert read(tiff(values, order, is_big)).pixels[0].tolist() == [[0, 128, 255], [10, 200, 20]]


def tiff(values: bytes, order: str, is_big: bool) -> bytes:
    """A TIFF or BigTIFF of 2 x 1 pixels with 16 bits for each colour."""

    def pack(form: str, *numbers: int) -> bytes:
        return struct.pack(order + form, *numbers)

    bits, (start, room) = pack("3H", 16, 16, 16), (16, 8) if is_big else (8, 4)
    tags = [(256, 3, 1, pack("H", 2)), (257, 3, 1, pack("H", 1)), (258, 3, 3, bits if is_big else pack("I", start))]
    tags += [(259, 3, 1, pack("H", 1)), (262, 3, 1, pack("H", 2)), (273, 4, 1, pack("I", start + len(bits)))]
    tags += [(277, 3, 1, pack("H", 3)), (278, 3, 1, pack("H", 1)), (279, 4, 1, pack("I", len(values)))]
    directory = start + len(bits + values)
    head = pack("3HQ", 43, 8, 0, directory) if is_big else pack("HI", 42, directory)
    count = pack("Q" if is_big else "H", len(tags))
    entries = [pack("HHQ" if is_big else "HHI", *tag) + data.ljust(room, b"\0") for *tag, data in tags]
    return {"<": b"II", ">": b"MM"}[order] + head + bits + values + count + b"".join(entries) + bytes(room)


@pytest.mark.parametrize(
    ("mode", "values", "grey"),
    [
        ("F", [0.0, 0.5, 1.0], [0, 128, 255]),
        ("F", [0.0, 100.0, 255.0], [0, 100, 255]),
        ("F", [float("nan"), -5.0, 200.0], [0, 0, 200]),
        ("F", [0.0, 257 * 200 + 129, 65535.0], [0, 201, 255]),
        ("F", [0.0, 5e8, 1e9], [0, 128, 255]),
        ("I", [0, 1, 1], [0, 1, 1]),
        ("I", [0, 100, 255], [0, 100, 255]),
        ("I", [0, 257 * 200 + 129, 65535], [0, 201, 255]),
        ("I", [-7, 257, 65535], [0, 1, 255]),
        ("I", [0, 1606, 4095], [0, 100, 255]),
        ("F", [0.0, 1606.0, 4095.0], [0, 100, 255]),
    ],
)
def test_integer_and_float_grey_is_scaled_by_its_range(mode, values, grey):
    picture = Image.fromarray(np.array([values], np.float32 if mode == "F" else np.int32))
    assert picture.mode == mode
    assert read(picture).pixels[0, :, 0].tolist() == grey


# Orientation and time


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 98}),
    ],
)
def test_photos_are_turned_upright(kind, options, orientation, sky, encode):
    photo = read(encode(sky, kind, exif=exif_of(orientation), **options))
    pixels, upright = photo.pixels, ORIENTATIONS[orientation](sky)
    assert pixels.shape == upright.shape
    assert photo.size == upright.shape[1::-1]
    assert np.abs(pixels.astype(int) - upright).mean() < (3 if kind == "JPEG" else 0.01)


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_reduced_jpeg_is_turned_upright_too(orientation, draw_sky, encode):
    sky = draw_sky(640, 480)
    pixels = read(encode(sky, "JPEG", exif=exif_of(orientation)), 32).pixels
    upright = ORIENTATIONS[orientation](sky)
    assert pixels.shape[0] * upright.shape[1] == pixels.shape[1] * upright.shape[0]
    step = len(upright) // len(pixels)
    assert np.abs(pixels.astype(int) - upright[step // 2 :: step, step // 2 :: step]).mean() < 6


@pytest.mark.parametrize("size", [16, 50, 100, 224])
def test_jpeg_is_decoded_at_no_less_than_half_as_large_again(size, draw_sky, encode):
    data = encode(draw_sky(801, 603), "JPEG")
    whole, photo = read(data).pixels, read(data, size)
    reduced = photo.pixels
    assert whole.shape == (603, 801, 3)
    assert photo.size == (801, 603)
    assert min(reduced.shape[:2]) >= min(1.5 * size, 603)
    assert (reduced.shape == whole.shape) == (1.5 * size > 603 // 2)


@pytest.mark.parametrize(("size", "factor"), [(50, 8), (201, 2), (202, 1)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_other_files_are_averaged_down_to_no_less_than_half_as_large_again(kind, size, factor, draw_sky, encode):
    sky = draw_sky(801, 603)
    data = encode(sky, kind, exif=exif_of(6))
    photo = read(data, size)
    assert min(photo.pixels.shape[:2]) >= 1.5 * size
    assert photo.size == (603, 801)
    assert read(data).size == photo.size
    averaged = np.asarray(Image.fromarray(ORIENTATIONS[6](sky)).reduce(factor))
    assert photo.pixels.shape == averaged.shape
    assert np.abs(photo.pixels.astype(int) - averaged).mean() < 2


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("2024:06:01 12:30:45", None, "2024-06-01T12:30:45"),
        ("2024:06:01 12:30:45", "+02:00", "2024-06-01T12:30:45+02:00"),
        ("2024:06:01 12:30:45", "nonsense", "2024-06-01T12:30:45"),
        ("2024:06:01 12:30:45\0", None, "2024-06-01T12:30:45"),
        ("2024:06:01 12:30:45 ", "+02:00\0", "2024-06-01T12:30:45+02:00"),
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("yesterday", "+02:00", None),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_time_of_capture_comes_from_exif(kind, taken, offset, expected, sky, encode):
    assert read(encode(sky, kind, exif=exif_of(1, taken, offset))).captured_at == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("cut", [7, 12, 20, 30, 60])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, about the same
def test_broken_exif_is_never_an_error(cut, kind, sky, encode):
    exif = exif_of(6, "2024:06:01 12:30:45")
    for broken in (exif[:cut], exif[:cut] + b"\xff" * (len(exif) - cut), b"Exif\0\0no header"):
        photo = read(encode(sky, kind, exif=broken))
        assert photo.pixels.size == sky.size
        assert photo.captured_at in (None, "2024-06-01T12:30:45")


# What cannot be read


def test_without_pi_heif_the_error_says_what_to_install(fixtures, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert problem(fixtures / "photo.heic").endswith(f"run: {command_to_add('heic')}")


def test_a_disk_that_fails_is_not_blamed_on_the_photo(monkeypatch):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr("cloudedge.photo.read.open_file", lambda path: Failing())
    with pytest.raises(ImageError) as caught:
        read("photo.jpg")
    assert str(caught.value) == "photo.jpg: cannot be read (the disk is gone); check the disk"


@pytest.mark.parametrize("size", [None, 224])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_truncated_files_are_damaged(kind, size, sky, encode, capfd):
    data = encode(sky, kind)
    assert "damaged or cut short" in problem(data[: len(data) * 2 // 3], size)
    assert "damaged or cut short" in problem(data[:20], size)
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_truncated_compressed_tiff_is_damaged_and_nothing_is_printed(sky, encode, tmp_path, capfd):
    path = tmp_path / "sky.tif"
    data = encode(sky, "TIFF", compression="tiff_lzw")
    path.write_bytes(data[: len(data) - 600])
    assert "damaged" in problem(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", None])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_tiff_that_is_cut_short_while_it_is_read_is_damaged(compression, sky, encode, tmp_path, capfd):
    """With its descriptor libtiff would map it, and who reads a mapped file that is cut short is killed."""
    path = tmp_path / "sky.tif"
    path.write_bytes(encode(sky, "TIFF", compression=compression))
    with path.open("rb") as stream:
        picture = open_image(stream)
        assert not hasattr(picture.fp, "fileno")
        os.truncate(path, 100)
        with pytest.raises(OSError, match=r"decoder|truncated|^-2$"):
            picture.load()


@pytest.mark.parametrize(("kind", "options"), [("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})])
def test_what_a_decoder_reads_as_a_whole_is_bounded(kind, options, sky, encode, tmp_path, monkeypatch):
    path = tmp_path / "sky"
    data = encode(sky, kind, **options)
    path.write_bytes(data)
    monkeypatch.setattr("cloudedge.photo.bounded_file.MAX_BYTES", len(data))
    assert np.array_equal(read(path).pixels, sky)
    monkeypatch.setattr("cloudedge.photo.bounded_file.MAX_BYTES", len(data) // 2)
    with pytest.raises(ImageTooLargeError, match="MB; scale it down"):
        read(path)


def test_an_empty_file_says_so(tmp_path):
    (tmp_path / "sky.jpg").touch()
    assert "is empty" in problem(tmp_path / "sky.jpg")
    assert "is empty" in problem(b"")
    assert "has no pixels" in problem(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize(
    "data",
    [
        b"This is no photo.\n" * 9,
        b"<svg/>",
        b"%PDF-1.7\n",
        b"\xff",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"Is it a WEBP?",
        b"this is heic",
    ],
)
def test_what_is_no_photo_says_so(data, tmp_path):
    (tmp_path / "sky.jpg").write_bytes(data)
    assert "not a photo in a known format" in problem(tmp_path / "sky.jpg")


def test_a_big_endian_bigtiff_is_to_be_converted_and_not_called_damaged():
    assert "known format; convert it" in problem(tiff(bytes(12), ">", is_big=True))


def test_what_is_no_photo_is_told_by_its_first_bytes_however_long_it_is():
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size >= 0
            return b"." * size

    with pytest.raises(ImageError, match="not a photo in a known format"):
        open_image(Endless())


@pytest.mark.slow
def test_a_gif_may_have_large_pictures_but_no_comment_without_an_end(encode):
    noise = np.random.default_rng(0).integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    large = encode(noise, "GIF", comment=b"as long as comments are" * 1000)
    assert len(large) > MAX_GIF_HEADER
    assert read(large).size == (1600, 1600)
    start = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"
    endless = start + b"\x21\xfe" + (b"\xff" + b"y" * 255) * (MAX_GIF_HEADER // 256 + 1)
    assert problem(endless) == "has more than 256 KB before its first picture; save it again"


def tiff_of(tags: dict[int, tuple[int, ...]]) -> bytes:
    """A little-endian TIFF of these tags, all LONG; its values lie behind the directory."""
    entries, values, behind = b"", b"", 8 + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        at = struct.pack("<I", numbers[0] if len(numbers) == 1 else behind + len(values))
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + at
        values += struct.pack(f"<{len(numbers)}I", *numbers) if len(numbers) > 1 else b""
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + values


GREY = {258: (8,), 259: (8,), 262: (1,), 277: (1,)}  # Deflate


def test_tiles_larger_than_any_photo_are_not_decoded():
    tiles = {256: (1,), 257: (26_704,), 322: (26_704,), 323: (26_704,), 324: (8,), 325: (99,)}
    assert "has 713 million pixels" in problem(tiff_of({**GREY, **tiles}))


def test_strips_that_name_the_same_bytes_are_not_decoded_one_by_one():
    strips = {256: (1,), 257: (1000,), 278: (1,), 273: (8,) * 1000, 279: (5000,) * 1000}
    assert "it names more bytes than it has" in problem(tiff_of({**GREY, **strips}))


def test_an_animation_has_no_canvas_before_its_size_is_checked():
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0),
        b"acTL": struct.pack(">II", 2, 0),
        b"fcTL": struct.pack(">IIIIIHHBB", 0, 60_000, 60_000, 0, 0, 1, 1, 1, 0),
        b"IDAT": zlib.compress(b"\0"),
        b"IEND": b"",
    }
    data = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
    assert "has 3600 million pixels" in problem(b"\x89PNG\r\n\x1a\n" + data)


def test_the_first_picture_of_an_animation_is_read(encode):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "GIF", "WEBP"):
        found = read(encode(frames[0], kind, save_all=True, append_images=frames[1:], disposal=1)).pixels
        assert found.shape == (30, 40, 3)
        assert (found[..., 0] > 240).all()


def test_what_takes_too_long_to_decode_is_given_up(sky, encode, monkeypatch):
    data = encode(sky, "JPEG")
    monkeypatch.setattr("cloudedge.photo.bounded_file.MAX_SECONDS", 0.0)
    assert problem(data) == "takes more than 0 seconds to decode; save it again"


def test_formats_that_pillow_alone_knows_are_not_tried(sky, encode):
    assert "known format" in problem(encode(sky, "PPM"))
    assert "known format" in problem(encode(sky, "TGA"))


def test_a_folder_a_missing_file_and_impossible_paths_say_so(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    assert "is a folder" in problem(tmp_path / "folder.jpg")
    assert "does not exist" in problem(tmp_path / "missing.jpg")
    assert f"cannot be opened ({os.strerror(errno.ENAMETOOLONG)})" in problem("x" * 5000)
    assert re.match(r"cannot be opened \(.*embedded null.*\)", problem("nul\0.jpg"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(sky, encode, tmp_path):
    path = tmp_path / "sky.png"
    path.write_bytes(encode(sky, "PNG"))
    path.chmod(0)
    assert "permissions" in problem(path)


def test_a_refused_file_says_so(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    assert "permissions" in problem(tmp_path / "sky.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.jpg")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket.jpg")
    try:
        for name in ("pipe.jpg", "socket.jpg", "/dev/zero"):
            assert not stat.S_ISREG(os.stat(name).st_mode)
            assert "pipe or a device" in problem(name)
    finally:
        listener.close()


def test_the_error_names_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError) as caught:
        read(Path("missing.jpg"))
    assert caught.value.path == "missing.jpg"
    Path("damaged.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError, match="damaged") as caught:
        read("./damaged.jpg")
    assert caught.value.path == "./damaged.jpg"
    with pytest.raises(ImageError) as caught:
        read(b"")
    assert caught.value.path is None


class Failing(io.BytesIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, *_: object) -> bytes:
        raise self.error


def test_what_a_decoder_says_of_the_damage_is_told_in_one_line():
    assert problem(Failing(OSError("disk\n  gone"))).startswith("is damaged or cut short (disk gone)")
    assert problem(Failing(EOFError())).startswith("is damaged or cut short (EOFError)")


def test_a_photo_that_does_not_fit_into_memory_says_so(monkeypatch):
    monkeypatch.setattr("cloudedge.photo.read.open_file", lambda _: Failing(MemoryError()))
    with pytest.raises(ImageTooLargeError, match="does not fit into memory") as caught:
        read("sky.jpg")
    assert caught.value.path == "sky.jpg"
    assert caught.value.__cause__.__traceback__ is None  # it would hold on to what has filled the memory


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((8, 8, 5), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8), np.float32),
        np.zeros((8,), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(array):
    assert "give uint8 (height, width, 3)" in problem(array)


@pytest.mark.parametrize("source", [None, 7, ["a.jpg"], io.StringIO("text")])
def test_what_is_no_source_is_refused(source):
    assert "open it in mode 'rb'" in problem(source) or f"{type(source).__name__} is not a photo" in problem(source)


@pytest.mark.filterwarnings("error")
def test_a_decompression_bomb_is_refused_by_its_header():
    assert "has 400 million pixels, more than 89 million; scale it down" in problem(png(20_000, 20_000, 0, 8))
    assert "scale it down" in problem(png(9_500, 9_500, 0, 8))  # Pillow itself would only warn


@pytest.mark.filterwarnings("error")
def test_a_large_jpeg_is_read_because_it_is_decoded_at_a_fraction(encode):
    data = encode(Image.new("L", (10_000, 9_500), 128), "JPEG")
    assert read(data, 100).pixels.shape == (1188, 1250, 3)
    start = data.index(b"\xff\xc0") + 5  # the frame header: height, then width
    huge = data[:start] + struct.pack(">HH", 60_000, 60_000) + data[start + 4 :]
    assert "has 3600 million pixels, more than 200 million; scale it down" in problem(huge)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_declares_more_pixels_than_the_caller_allows_is_not_decoded(kind, sky, encode):
    data = encode(sky, kind)
    assert read(data, max_pixels=96 * 64).size == (96, 64)
    with pytest.raises(ImageTooLargeError):
        read(data[: len(data) // 2], max_pixels=96 * 64 - 1)
