"""Decode HEIC photos, each in a process of its own.

libheif ends its process on some spoilt files, with a segmentation fault that Python cannot prevent, and what has no end
can be ended in another process alone. So the parent sends the file to a child, which answers with a line of JSON and
the pixels. If the child fails, that is an error of this photo alone.

A photo of 12 million pixels takes 0.89 s of computing so, and 0.74 s in the process itself (medians of 10, x86-64), a
tiny one 0.08 s, nearly all of it for Python and the libraries to start; the child takes 92 and 28 MiB. It is not kept
for the next photo: one that a spoilt photo has led astray should answer for no other.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudedge.errors import ImageError, ImageTooLargeError, UnknownFormatError, check_size
from cloudedge.installation import command_to_add

if TYPE_CHECKING:
    from PIL import Image

SECONDS = 120  # that a photo may take; one of 49 million pixels takes 3.4 here, and many times that on a small device


def _missing() -> UnknownFormatError:
    return UnknownFormatError(f"is a HEIC photo; to read those, run: {command_to_add('heic')}")


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """Return a HEIC photo upright, with its EXIF data in `info`; one with more than `max_pixels` is not decoded.

    Raises ImageError, MemoryError, or ValueError with what is wrong with a damaged one.
    """
    answer, pixels = _ask(data, max_pixels)
    from PIL import Image

    image = Image.frombytes(answer["mode"], answer["size"], pixels, "raw", answer["mode"], answer["stride"])
    image.info["exif"] = bytes.fromhex(answer["exif"])
    return image


def exif(data: bytes) -> bytes:
    """Return the EXIF data of a HEIC photo without decoding a pixel; raises what `decode` does."""
    return bytes.fromhex(_ask(data, 0)[0]["exif"])


def _ask(data: bytes, max_pixels: int) -> tuple[dict[str, Any], memoryview]:
    if find_spec("pi_heif") is None:
        raise _missing()
    output = _ask_child(data, max_pixels)
    end = output.find(b"\n")
    answer = json.loads(output[: end + 1])
    if "error" in answer:
        raise _failure(answer["error"], answer["detail"])
    return answer, memoryview(output)[end + 1 :]


def _ask_child(data: bytes, max_pixels: int) -> bytes:
    """Return the child's answer; the child is gone when this function ends, however it ends.

    The child finds its modules where this process does, and nowhere else: neither in the current folder, which may be
    one of strangers' photos (-I), nor by the files of site-packages that take long to run (-S). It has a session of its
    own, so that Ctrl-C is the parent's alone.
    """
    if not sys.executable or getattr(sys, "frozen", False):  # a frozen program would start itself again
        raise _no_child("a program that Python is built into has none")
    path = [*map(str, sys.path), str(Path(__file__).parents[2])]
    code = f"import sys; sys.path[:] = {path!a}; from cloudedge.photo.heif import main; main()"
    command = [sys.executable, "-I", "-S", "-c", code, str(max_pixels), str(SECONDS)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, start_new_session=True)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"decoding it took more than {SECONDS} seconds") from error
    except OSError as error:
        raise _no_child(str(error.strerror)) from error
    if done.returncode == -9:  # only the kernel does that, when memory runs out
        raise MemoryError
    if done.returncode < 0:
        raise ValueError(f"the decoder was killed by signal {-done.returncode}")
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise _no_child(f"it ended with exit code {done.returncode}: {last}")
    return done.stdout


def _no_child(why: str) -> ImageError:
    return ImageError(f"is a HEIC photo, and no Python could be started to decode it ({why}); convert it to JPEG")


def _failure(kind: str, detail: str) -> Exception:
    if kind in ("ImportError", "ModuleNotFoundError"):
        return _missing()
    if kind == "ImageTooLargeError":
        return ImageTooLargeError(detail)
    return MemoryError() if kind == "MemoryError" else ValueError(detail)


def main() -> None:
    """Be the child: decode the photo on standard input; with a limit of 0 pixels return only its EXIF data."""
    max_pixels, seconds = map(int, sys.argv[1:])
    if sys.platform != "win32":
        signal.alarm(seconds + 5)  # a decoder that hangs outlives a parent that is killed; this ends it
    try:
        photo, exif = _read(sys.stdin.buffer.read(), max_pixels)
        answer, pixels = {"exif": exif.hex()}, b""
        if max_pixels:
            pixels = photo.data  # decodes, which may change the size; the memory is gone with the photo
            answer |= {"mode": photo.mode, "size": photo.size, "stride": photo.stride}
    except Exception as error:
        answer, pixels = {"error": type(error).__name__, "detail": str(error) or type(error).__name__}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(pixels)


def _read(data: bytes, max_pixels: int) -> tuple[Any, bytes]:
    """Return a photo to be decoded, and its EXIF data, which say that it is upright."""
    import pi_heif

    photo = pi_heif.open_heif(data)
    width, height = photo.size
    if max_pixels:
        check_size(width, height, max_pixels)
    pi_heif.set_orientation(photo.info)  # the format has its own rotation, which the decoder applies
    return photo, photo.info.get("exif") or b""
