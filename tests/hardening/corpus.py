"""Bad input, made by a script: files that a program beside a camera meets sooner or later, or is given on purpose.

    python tests/hardening/corpus.py FOLDER     (to look at them)

Every file has a photo's extension, so that a search of the folder finds it, and lies in a sub-folder of its kind.
"""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

FORMATS = {
    "jpg": ("JPEG", {"quality": 80}),
    "progressive.jpg": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 60}),
    "lossless.webp": ("WEBP", {"lossless": True}),
    "tif": ("TIFF", {}),
    "deflate.tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "mpo": ("MPO", {"save_all": True}),
}
SEED = 20240501


def photo(width: int = 120, height: int = 80) -> Image.Image:
    """Draw heaps on a gradient, with noise, so that no part of a file is without meaning."""
    y, x = np.mgrid[0:height, 0:width]
    sky = np.stack([90 + 60 * y / height, 130 + 50 * y / height, 220 - 60 * x / width], axis=-1)
    cover = np.clip(1.5 - np.hypot(x - width / 2, y - height / 2) / (height / 3), 0, 1)[..., None]
    noise = np.random.default_rng(SEED).normal(0, 8, (height, width, 3))
    return Image.fromarray(np.clip(sky * (1 - cover) + 240 * cover + noise, 0, 255).astype(np.uint8))


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or photo()).save(buffer, kind, **options)
    return buffer.getvalue()


def sound() -> dict[str, bytes]:
    """Return a sound file of each format, by its extension."""
    return {extension: encoded(kind, **options) for extension, (kind, options) in FORMATS.items()}


def truncated() -> Iterator[tuple[str, bytes]]:
    for extension, data in sound().items():
        lengths = {1, 2, 3, 4, 8, 12, 16, 20, 24, 32, 64, 100, 200, 400, 800, len(data) - 2, len(data) - 1}
        lengths |= {len(data) * part // 16 for part in range(1, 16)}
        for length in sorted(length for length in lengths if 0 < length < len(data)):
            yield f"{length:06}.{extension}", data[:length]


def flipped() -> Iterator[tuple[str, bytes]]:
    """Flip bits: half of the copies in the first 200 bytes, where the headers are."""
    chance = random.Random(SEED)
    for extension, data in sound().items():
        for number in range(40):
            damaged = bytearray(data)
            end = min(200, len(data)) if number % 2 else len(data)
            for _ in range(1 + number % 5):
                damaged[chance.randrange(end)] ^= 1 << chance.randrange(8)
            yield f"{number:02}.{extension}", bytes(damaged)


def holes() -> Iterator[tuple[str, bytes]]:
    """What a power cut leaves of a file: blocks of zeros, or of another file."""
    for extension, data in sound().items():
        middle = len(data) // 2
        yield f"zeros.{extension}", data[:middle] + bytes(len(data) - middle)
        yield f"nothing-but-zeros.{extension}", bytes(len(data))
        yield f"hole.{extension}", data[:middle] + bytes(512) + data[middle + 512 :]
        yield f"twice.{extension}", data[:middle] + data
        yield f"empty.{extension}", b""


def misnamed() -> Iterator[tuple[str, bytes]]:
    files = sound()
    for extension, data in files.items():
        for other in files:
            if other != extension:
                yield f"{extension.replace('.', '-')}.{other}", data


def dimensions() -> Iterator[tuple[str, bytes]]:
    """Headers that promise more than there is, and sizes at the edge."""
    for width, height in ((65535, 65535), (2**31 - 1, 2**31 - 1), (1, 100_000_000), (0, 0), (0, 9), (2**32 - 1, 1)):
        size = f"{width}x{height}"
        yield f"{size}.png", png_header(width, height) + png_chunk(b"IDAT", zlib.compress(b"\0")) + png_chunk(b"IEND")
        header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, *signed(width, height), 1, 24, *[0] * 6)
        yield f"{size}.bmp", header
        yield f"{size}.tif", tiff({256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 278: height, 279: 10})
    jpeg, frame = sound()["jpg"], sound()["jpg"].index(b"\xff\xc0")
    for width, height in ((65535, 65535), (65500, 1), (1, 65500), (0, 0), (0, 80)):
        changed = jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]
        yield f"{width}x{height}.jpg", changed
    yield "65535x65535.gif", b"GIF89a" + struct.pack("<HH", 65535, 65535) + sound()["gif"][10:]
    for width, height in ((1, 100_000), (100_000, 1), (1, 1), (2, 1), (16383, 1), (1, 5)):
        for extension, kind in (("png", "PNG"), ("tif", "TIFF"), ("bmp", "BMP"), ("jpg", "JPEG"), ("webp", "WEBP")):
            with suppress(ValueError, OSError):  # beyond what the format can hold
                yield f"really-{width}x{height}.{extension}", encoded(kind, Image.new("RGB", (width, height), "grey"))


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that unpack to far more than their size."""
    for side in (9000, 20_000, 60_000):
        row = zlib.compressobj(9)
        data = b"".join(row.compress(bytes(1 + side // 8)) for _ in range(side)) + row.flush()
        yield f"{side}.png", png_header(side, side, depth=1, colour=0) + png_chunk(b"IDAT", data) + png_chunk(b"IEND")
    yield "9000.webp", encoded("WEBP", Image.new("RGB", (9000, 9000)), lossless=True, method=0)
    yield "9400-clear.webp", encoded("WEBP", Image.new("RGBA", (9400, 9400)), lossless=True, method=0)
    for side in (9000, 30_000):
        yield f"{side}.tif", encoded("TIFF", Image.new("1", (side, side)), compression="group4")
        yield f"{side}.gif", encoded("GIF", Image.new("P", (side, side)))
    yield "14000.jpg", encoded("JPEG", Image.new("L", (14_000, 14_000)))
    yield "9000-progressive.jpg", encoded("JPEG", Image.new("RGB", (9000, 9000)), progressive=True)
    text = zlib.compress(bytes(200_000_000), 9)
    yield "text.png", png_with(png_chunk(b"zTXt", b"Comment\0\0" + text))
    yield "profile.png", png_with(png_chunk(b"iCCP", b"icc\0\0" + text))


def loops() -> Iterator[tuple[str, bytes]]:
    """Directories of a TIFF, or of EXIF data, that point at each other, at nothing, or are endless."""
    image = sound()["tif"]
    (first,) = struct.unpack("<I", image[4:8])
    (entries,) = struct.unpack("<H", image[first : first + 2])
    following = first + 2 + 12 * entries
    for name, target in (("itself", first), ("start", 0), ("middle", first + 2), ("beyond", 2**32 - 1)):
        yield f"next-is-{name}.tif", image[:following] + struct.pack("<I", target) + image[following + 4 :]
        yield f"first-is-{name}.tif", image[:4] + struct.pack("<I", target) + image[8:]
    yield "many-entries.tif", b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 1000)
    deep = b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HI", 0, 8 + 6 * (n + 1)) for n in range(200_000))
    yield "two-hundred-thousand.tif", deep
    for tag in (34665, 34853, 40965, 330):  # EXIF, GPS, interoperability, sub-directories
        loop = tiff({tag: 8})
        yield f"exif-{tag}.jpg", jpeg_with(0xE1, b"Exif\0\0" + loop)
        yield f"exif-{tag}.png", png_with(png_chunk(b"eXIf", loop))
        yield f"exif-{tag}.tif", tiff({256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 8, 278: 4, 279: 16, tag: 8})


def metadata() -> Iterator[tuple[str, bytes]]:
    """EXIF data and colour profiles that are huge, broken, or say odd things."""
    chance = random.Random(SEED)
    for number in range(30):
        exif = Image.Exif()
        exif[0x0112] = chance.choice([0, 9, 255, 65535])
        exif[0x9003] = chance.choice(["2024:13:45 99:99:99", "0000:00:00 00:00:00", "x" * 10_000, "\0", "2024:05:01"])
        data = bytearray(exif.tobytes())
        for _ in range(number % 4):
            data[chance.randrange(6, len(data))] = chance.randrange(256)
        yield f"exif-{number:02}.jpg", encoded("JPEG", exif=bytes(data))
        yield f"exif-{number:02}.webp", encoded("WEBP", exif=bytes(data))
        yield f"exif-{number:02}.png", encoded("PNG", exif=bytes(data))
    noise = chance.randbytes(65_000)
    for length in (0, 1, 7, 100, 65_000):
        yield f"exif-noise-{length}.jpg", jpeg_with(0xE1, b"Exif\0\0" + noise[:length])
        yield f"exif-noise-{length}-tiff.jpg", jpeg_with(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + noise[:length])
        yield f"profile-{length}.jpg", jpeg_with(0xE2, b"ICC_PROFILE\0\x01\x01" + noise[:length])
        yield f"mpf-{length}.jpg", jpeg_with(0xE2, b"MPF\0" + noise[:length])
        yield f"photoshop-{length}.jpg", jpeg_with(0xED, b"Photoshop 3.0\0" + noise[:length])
        yield f"adobe-{length}.jpg", jpeg_with(0xEE, b"Adobe" + noise[:length])
    yield "big-profile.png", encoded("PNG", icc_profile=chance.randbytes(5_000_000))
    yield "big-profile.webp", encoded("WEBP", icc_profile=chance.randbytes(5_000_000))
    yield "ten-thousand-comments.png", png_with(png_chunk(b"tEXt", b"Comment\0" + bytes(2000)) * 10_000)


def animations() -> Iterator[tuple[str, bytes]]:
    frames = [photo(32, 32).rotate(angle) for angle in range(8)]
    for extension, kind in (("gif", "GIF"), ("png", "PNG"), ("webp", "WEBP"), ("tif", "TIFF"), ("mpo", "MPO")):
        data = encoded(kind, frames[0], save_all=True, append_images=frames[1:])
        yield f"eight.{extension}", data
        yield f"eight-cut.{extension}", data[: len(data) // 2]
    start = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"
    frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    yield "a-million.gif", start + frame * 1_000_000 + b";"
    yield "a-million-without-an-end.gif", start + frame * 1_000_000
    yield "endless-comment.gif", start + b"\x21\xfe" + b"\xff" + b"x" * 255 + (b"\xff" + b"y" * 255) * 40_000


def repetitions() -> Iterator[tuple[str, bytes]]:
    """Next to nothing, over and over: what costs little once, and a canvas or tiles that nothing is drawn on."""
    pictures = struct.pack(">II", 2, 0)
    control = struct.pack(">IIIIIHHBB", 0, 26_000, 26_000, 0, 0, 1, 1, 1, 0)
    chunks = {b"acTL": pictures, b"fcTL": control, b"IDAT": zlib.compress(b"\0"), b"IEND": b""}
    header = png_header(26_000, 26_000, depth=8, colour=6)
    yield "canvas.png", header + b"".join(png_chunk(kind, data) for kind, data in chunks.items())
    profile = png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(1_000_000), 9))
    yield "profiles.png", png_with(profile * 2000)
    gif, frame = sound()["gif"][:13], b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
    yield "comments.gif", gif + b"\x21\xfe\1x\0" * 400_000 + frame
    yield "comment-of-blocks.gif", gif + b"\x21\xfe" + b"\1x" * 1_000_000 + b"\0" + frame
    yield "scans.jpg", progressive(7000, 7000, 400)
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(65_000)
    photo, tiny = sound()["jpg"], jpeg_segment(0xE1, b"Exif\0\0x")
    yield "exif.jpg", photo[:2] + jpeg_segment(0xE1, exif) * 8 + tiny * 45_000 + photo[2:]
    yield (
        "tiles.tif",
        tiff({256: 1, 257: 26_704, 258: 8, 259: 8, 262: 1, 277: 1, 322: 26_704, 323: 26_704, 324: 8, 325: 99}),
    )


def modes() -> Iterator[tuple[str, bytes]]:
    """Photos that are sound, but not eight bits of red, green and blue."""
    image = photo()
    for mode, extension, kind in (
        ("CMYK", "jpg", "JPEG"), ("CMYK", "tif", "TIFF"), ("YCbCr", "jpg", "JPEG"), ("YCbCr", "tif", "TIFF"),
        ("L", "jpg", "JPEG"), ("L", "png", "PNG"), ("1", "png", "PNG"), ("1", "bmp", "BMP"), ("1", "tif", "TIFF"),
        ("P", "png", "PNG"), ("P", "bmp", "BMP"), ("P", "tif", "TIFF"), ("P", "gif", "GIF"), ("LA", "png", "PNG"),
        ("LA", "tif", "TIFF"), ("RGBA", "png", "PNG"), ("RGBA", "webp", "WEBP"), ("RGBA", "tif", "TIFF"),
        ("RGBA", "gif", "GIF"), ("I", "tif", "TIFF"), ("F", "tif", "TIFF"), ("I;16", "png", "PNG"),
        ("I;16", "tif", "TIFF"), ("LAB", "tif", "TIFF"),
    ):  # fmt: skip
        if mode == "I;16":
            converted = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
        else:
            converted = Image.merge("LAB", image.split()) if mode == "LAB" else image.convert(mode)
        yield f"{mode.replace(';', '-')}-{kind}.{extension}", encoded(kind, converted)
    for value, name in ((np.nan, "nan"), (np.inf, "inf"), (-1e38, "negative"), (3e38, "huge")):
        yield f"F-{name}.tif", encoded("TIFF", Image.fromarray(np.full((8, 8), value, np.float32)))


def polyglots() -> Iterator[tuple[str, bytes]]:
    jpeg, gif = sound()["jpg"], sound()["gif"]
    yield "archive.jpg", jpeg + b"PK\x05\x06" + bytes(18)
    yield "script.jpg", jpeg_with(0xFE, b"<script>alert(1)</script><?php system('id') ?>")
    yield "script.gif", b"GIF89a=1;/*" + gif[11:] + b"*/alert(1)"
    yield "page.jpg", b"<!doctype html><html><script>alert(1)</script></html>"
    yield "svg.png", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    yield "document.jpg", b"%PDF-1.7\n" + jpeg
    yield "postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n"
    yield "behind-a-line.jpg", b"\n" + jpeg
    yield "executable.png", b"\x7fELF" + bytes(200)
    yield "video.webp", b"RIFF\xff\xff\xff\x7fAVI LIST" + bytes(200)
    yield "audio.webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)
    yield "pickle.jpg", b"\x80\x04\x95cos\nsystem\n(S'id'\ntR."
    for brand in (b"heic", b"mif1", b"avif"):
        yield f"nothing-but-a-{brand.decode()}-header.heic", struct.pack(">I", 24) + b"ftyp" + brand + bytes(12)
        yield f"endless-{brand.decode()}.heic", struct.pack(">I", 24) + b"ftyp" + brand + bytes(12) + b"\xff" * 5000


CONTENTS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "truncated": truncated,
    "flipped bits": flipped,
    "holes and zeros": holes,
    "wrong extensions": misnamed,
    "absurd dimensions": dimensions,
    "decompression bombs": bombs,
    "looping directories": loops,
    "EXIF and profiles": metadata,
    "animations": animations,
    "repetitions": repetitions,
    "odd modes": modes,
    "polyglots": polyglots,
}


def names(folder: Path) -> Iterator[Path]:
    """Sound photos with names that break lines, terminals, encodings and command lines."""
    good = sound()["jpg"]
    for name in (
        b"line\nend.jpg", b"return\r.jpg", b"tab\t.jpg", b"not-utf8-\xff\xfe.jpg", b"-rf.jpg", b"--help.jpg",
        b" leading.jpg", b"quote'\".jpg", b"$(id).jpg", b"%s%n{0}.jpg", b"\x1b[31mred.jpg", b"a" * 251 + b".jpg",
        "right-to-left\u202egpj.jpg".encode(), "\u2028.jpg".encode(), "☁ nuée 雲.jpg".encode(), b"*?[.jpg", b"\\.jpg",
        b"CON.jpg", b"x;id.jpg", b"=1+1.jpg", b"\x01\x7f.jpg",
    ):  # fmt: skip
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        path.write_bytes(good)
        yield path


def special(folder: Path) -> Iterator[Path]:
    """What is no ordinary file, and links that lead to one, nowhere, or in circles."""
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "fifo.jpg")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(folder / "socket.jpg"))
    for name, target in (
        ("null", "/dev/null"), ("zero", "/dev/zero"), ("full", "/dev/full"), ("terminal", "/dev/tty"),
        ("random", "/dev/urandom"), ("memory", "/proc/self/mem"), ("environment", "/proc/self/environ"),
        ("stdin", "/dev/stdin"), ("dangling", "no-such.jpg"), ("itself", "itself.jpg"), ("circle", ".."),
        ("long", "x" * 4000),
    ):  # fmt: skip
        (folder / f"{name}.jpg").symlink_to(target)
    for name in ("", "jpg", "tif", "lzw.tif", "webp"):
        with (folder / f"terabyte-{name}.jpg").open("wb") as stream:
            stream.write(sound().get(name, b""))
            with suppress(OSError):  # some file systems end earlier
                stream.truncate(2**40)
    (folder / "secret.jpg").write_bytes(sound()["jpg"])
    (folder / "secret.jpg").chmod(0)
    yield from folder.iterdir()


def make(folder: Path) -> dict[str, list[Path]]:
    """Write the corpus into a folder; return its files by kind."""
    found: dict[str, list[Path]] = {}
    for kind, contents in CONTENTS.items():
        place = folder / kind.replace(" ", "-")
        place.mkdir(parents=True)
        for name, data in contents():
            (place / name).write_bytes(data)
        found[kind] = sorted(place.iterdir())
    for kind, fill in (("names", names), ("no ordinary files", special)):
        place = folder / kind.replace(" ", "-")
        place.mkdir()
        found[kind] = sorted(fill(place))
    return found


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png_with(chunks: bytes) -> bytes:
    data = sound()["png"]
    return data[:33] + chunks + data[33:]  # behind the header


def jpeg_with(marker: int, data: bytes) -> bytes:
    jpeg = sound()["jpg"]
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + jpeg[2:]


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def progressive(width: int, height: int, scans: int) -> bytes:
    """A grey JPEG of scans that bring nothing: each costs a walk over all its blocks."""
    parts = [
        (0xDB, b"\0" + b"\1" * 64),
        (0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
        (0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0"),
        (0xC4, b"\x10" + bytes([1, 1] + [0] * 14) + b"\xe0\0"),
        (0xDA, b"\1\1\0\0\0\0"),
        *[(0xDA, b"\1\1\0\1\x3f\0")] * (scans - 1),
    ]
    return b"\xff\xd8" + b"".join(jpeg_segment(marker, data) for marker, data in parts) + b"\xff\xd9"


def tiff(tags: dict[int, int]) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def field(number: int, data: bytes) -> bytes:
    """Encode a field of a protocol buffer that holds bytes; its length must be below 16,384."""
    return struct.pack("BBB", number << 3 | 2, len(data) & 127 | 128, len(data) >> 7) + data


def signed(*numbers: int) -> list[int]:
    return [number if number < 2**31 else number - 2**32 for number in numbers]


if __name__ == "__main__":
    for kind, paths in make(Path(sys.argv[1])).items():
        print(f"{len(paths):5} {kind}")
