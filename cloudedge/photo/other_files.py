"""What a file is that is not a photo, and what to do about it: cameras, proxies and full disks leave such files."""

from __future__ import annotations

import re
from importlib.util import find_spec

from PIL import features

CAMERA_RAW = "is a camera raw file; use the JPEG that the camera saved with it, or export it as JPEG"

_WEB_PAGE = "is a web page, not a photo; the camera's address may be wrong, or it may ask for a password"
_STREAM = "is a piece of a video stream, not a photo; fetch a single picture (often called a snapshot) instead"
_ANSWER = "begins with the headers of an HTTP answer; save only what follows them (curl without -i)"
_VIDEO = "is a video, not a photo; save a frame of it as a photo"
_ZEROS = "holds zeros instead of a photo, as after a power cut or on a full disk; copy or download it again"

_KINDS = (  # the beginning of a file, and what it is
    (re.compile(rb"\0+\Z"), _ZEROS),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|\?xml[^>]*>\s*<(!doctype html|html))", re.I),
        _WEB_PAGE,
    ),
    (re.compile(rb"\s*--[^\r\n]+\r?\n((--|[\w-]+:)[^\r\n]*\r?\n)*content-", re.I), _STREAM),
    (re.compile(rb"HTTP/\d"), _ANSWER),
    (re.compile(rb"....ftyp(isom|iso\d|mp4\d|avc1|qt  |M4V |3gp\d)|RIFF....AVI |\x1aE\xdf\xa3", re.S), _VIDEO),
    (re.compile(rb"....ftypcrx |II\*\0....CR|FUJIFILMCCD-RAW|FOVb|II(RO|RS|U\0)|MMOR", re.S), CAMERA_RAW),
)


def problem(head: bytes) -> str:
    """Return what is wrong with a file that begins with `head` and is not in a format that can be read."""
    for beginning, text in _KINDS:
        if beginning.match(head):
            return text
    formats = ["JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", *["HEIC"] * can_read_heic(), *["AVIF"] * can_read_avif()]
    return f"is not a photo in a known format; convert it to {', '.join(formats[:-1])} or {formats[-1]}"


def can_read_heic() -> bool:
    """Return whether the extra `heic` is installed."""
    return find_spec("pi_heif") is not None


def can_read_avif() -> bool:
    """Return whether this Pillow reads AVIF: most builds do from version 11.3 on."""
    return "avif" in features.modules and bool(features.check("avif"))
