"""What is not a photo is named for what it is, and what cannot be read here is not advised."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import ExifTags, Image, TiffImagePlugin, features

from cloudedge.errors import ImageError, UnknownFormatError
from cloudedge.photo.read import read

CAN_READ_AVIF = "avif" in features.modules and features.check("avif")
CAMERA_RAW = "is a camera raw file; use the JPEG that the camera saved with it, or export it as JPEG"


def problem(source: bytes | Path) -> str:
    with pytest.raises(UnknownFormatError) as caught:
        read(source, 224)
    return caught.value.problem


@pytest.mark.parametrize("size", [1, 16, 99, 20_000])
def test_a_file_of_zeros_is_named(size):
    assert problem(bytes(size)).startswith("holds zeros instead of a photo")


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html><head><title>401 Unauthorized</title></head></html>",
        b"<html>",
        b"\xef\xbb\xbf\r\n  <HTML lang='de'>",
        b'<?xml version="1.0"?>\n<!DOCTYPE html>',
    ],
)
def test_a_web_page_is_named(page):
    assert problem(page).startswith("is a web page, not a photo")


@pytest.mark.parametrize("before", [b"", b"\r\n", b"--old\r\n"])
@pytest.mark.parametrize(
    "headers", [b"Content-Type: image/jpeg\r\n", b"X-Time: 1\r\nContent-Length: 9\r\n", b"content-type:x\n"]
)
def test_a_piece_of_a_stream_is_named(headers, before, sky, encode):
    piece = before + b"--myboundary\r\n" + headers + b"\r\n" + encode(sky, "JPEG")
    assert problem(piece).startswith("is a piece of a video stream, not a photo; fetch a single picture")


def test_the_headers_of_an_answer_are_named(sky, encode):
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + encode(sky, "JPEG")
    assert problem(answer).startswith("begins with the headers of an HTTP answer")


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypisom", b"\0\0\0\x14ftypqt  ", b"RIFF\xff\xff\0\0AVI LIST", b"\x1aE\xdf\xa3"]
)
def test_a_video_is_named(head):
    assert problem(head + b"\x01" * 99) == "is a video, not a photo; save a frame of it as a photo"


@pytest.mark.parametrize(
    "text", [b"-- a comment\nselect 1;\n", b"<svg/>", b"0" * 99, b"\0" * 20 + b"\x01", b"HTTP is a protocol"]
)
def test_other_files_are_not_named_wrongly(text):
    assert problem(text).startswith("is not a photo in a known format; convert it to JPEG, PNG")


# Camera raw


def raw(encode, sky, tags: dict[int, object], **options: object) -> bytes:
    """A TIFF whose first picture is a sound thumbnail, as most camera raw files are."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    return bytes(encode(sky, "TIFF", tiffinfo=directory, **options))


LZW = pytest.param(
    "tiff_lzw",
    marks=pytest.mark.skipif(PIL.__version__ < "11", reason="Pillow 10 crashes when it writes such a tag with libtiff"),
)


@pytest.mark.parametrize("compression", [None, LZW])
@pytest.mark.parametrize("name", ["sky.dng", "sky.tif", "sky.jpg"])
def test_a_dng_is_named_and_not_judged_by_its_thumbnail(name, compression, sky, encode, tmp_path):
    path = tmp_path / name
    path.write_bytes(raw(encode, sky, {50706: b"\1\4\0\0"}, compression=compression))
    assert problem(path) == CAMERA_RAW


def patched(data: bytes, tag: int, value: int) -> bytes:
    """Change the value of a SHORT in the first directory of a little-endian TIFF."""
    start = struct.unpack_from("<I", data, 4)[0]
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if struct.unpack_from("<H", data, at)[0] == tag:
            return data[: at + 8] + struct.pack("<I", value) + data[at + 12 :]
    raise AssertionError


@pytest.mark.parametrize(("tag", "value"), [(262, 32803), (262, 34892), (259, 34713), (259, 32767), (259, 65535)])
def test_values_of_a_sensor_are_camera_raw_and_not_damaged(tag, value, sky, encode):
    assert problem(patched(encode(sky, "TIFF"), tag, value)) == CAMERA_RAW


def test_a_thumbnail_before_another_picture_is_camera_raw(sky, encode):
    data = raw(encode, sky, {254: 1, 330: 8})
    assert problem(data) == CAMERA_RAW
    assert read(raw(encode, sky, {254: 0, 330: 8})).size == (96, 64)  # a picture with smaller copies
    assert read(raw(encode, sky, {254: 1})).size == (96, 64)


@pytest.mark.parametrize(
    "head",
    [
        b"II*\0\x10\0\0\0CR\x02\0",
        b"\0\0\0\x18ftypcrx ",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FOVb",
    ],
    ids=["Canon CR2", "Canon CR3", "Fujifilm", "Olympus", "Panasonic", "Sigma"],
)
def test_the_camera_raw_of_makers_is_named(head):
    assert problem(head + bytes(300)) == CAMERA_RAW


# AVIF and HEIC


@pytest.mark.skipif(not CAN_READ_AVIF, reason="this Pillow does not read AVIF")
@pytest.mark.parametrize("brands", [None, b"mif1"])
def test_avif_is_read_upright_with_the_time_of_its_capture(brands, draw_sky, encode):
    sky, exif = draw_sky(300, 200), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.IFD.Exif] = {int(ExifTags.Base.DateTimeOriginal): "2024:06:01 12:30:45"}
    data = encode(sky, "AVIF", quality=95, exif=exif.tobytes())
    if brands:
        data = data[:8] + brands + data[12:]
    photo = read(data)
    assert (photo.size, photo.captured_at) == ((200, 300), "2024-06-01T12:30:45")
    assert np.abs(photo.pixels.astype(int) - np.rot90(sky, -1)).mean() < 6


@pytest.mark.skipif(not CAN_READ_AVIF, reason="this Pillow does not read AVIF")
def test_a_damaged_avif_is_an_error(sky, encode):
    data = encode(sky, "AVIF")
    for damaged in (data[:40], data[: len(data) // 2]):
        with pytest.raises(ImageError, match="damaged or cut short"):
            read(damaged)


AVIF = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + bytes(99)


def test_where_pillow_cannot_read_avif_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("PIL.features.check", lambda feature: False)
    assert problem(AVIF) == "is an AVIF photo; to read those, run: pip install 'pillow>=11.3'"
    monkeypatch.delitem(features.modules, "avif", raising=False)
    assert problem(AVIF) == "is an AVIF photo; to read those, run: pip install 'pillow>=11.3'"


@pytest.mark.parametrize(("heic", "avif"), [(False, False), (False, True), (True, False), (True, True)])
def test_only_formats_that_can_be_read_are_advised(heic, avif, monkeypatch):
    monkeypatch.setattr("cloudedge.photo.other_files.can_read_heic", lambda: heic)
    monkeypatch.setattr("cloudedge.photo.other_files.can_read_avif", lambda: avif)
    advice = problem(b"text")
    assert ("HEIC" in advice, "AVIF" in advice) == (heic, avif)
    assert advice.count(" or ") == 1


def test_heic_is_not_advised_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert "HEIC" not in problem(b"text")
