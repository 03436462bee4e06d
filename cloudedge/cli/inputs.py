"""What the commands work with: the opened model, and the photo on standard input."""

from __future__ import annotations

import gc
import io
import json
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cloudedge import signals
from cloudedge.cli.options import Answer
from cloudedge.errors import ImageError, ImageTooLargeError, ModelError, printable

if TYPE_CHECKING:  # it loads numpy and onnxruntime, which --help does not need
    from cloudedge.classifier import CloudClassifier
    from cloudedge.model import Model

STDIN = "-"
_LONGEST_PASSWORD = 65_535  # bytes; MQTT carries no more
LARGEST_INPUT = 512 << 20  # bytes, more than any photo from a camera has


def open_classifier(
    model: str,
    threads: int | None,
    answer: Answer,
    max_pixels: int | None = None,
    side_by_side: bool = False,
    wait: bool = True,
) -> CloudClassifier:
    """Open the model; raise ModelError if that fails, without `wait` perhaps only when the first photo is classified.

    With `side_by_side` each thread computes a photo of its own. A signal waits for the imports: raised while two
    threads import, it could leave an import lock held forever. What is loaded stays to the end, so the garbage
    collector need not look through it.
    """
    gc.disable()
    try:
        (opening,) = signals.held(_loaded(*arguments) for arguments in [(model, threads, side_by_side, wait)])
    finally:
        gc.freeze()
        gc.enable()
    from cloudedge.classifier import CloudClassifier
    from cloudedge.photo.crop import WHOLE
    from cloudedge.photo.formats import MAX_JPEG_PIXELS

    crop, limit = answer.crop or WHOLE, max_pixels or MAX_JPEG_PIXELS
    return CloudClassifier(opening, None, answer.top_k, crop, limit, answer.min_confidence, answer.place)


def _loaded(model: str, threads: int | None, side_by_side: bool, wait: bool) -> Model:
    """Load the other libraries while onnxruntime opens the model, which it does without Python's lock."""
    try:
        from cloudedge.model import Model

        opening = Model(model, threads, side_by_side, wait=False)
        import cloudedge.classifier  # noqa: F401
    except ImportError as error:
        raise broken_library(error) from error
    if wait:
        opening.ready()
    return opening


def broken_library(error: ImportError) -> ModelError:
    """Return the error for a package of the runtime that does not load."""
    return ModelError(f"a library that cloudedge needs cannot be loaded ({error}); reinstall cloudedge")


def settings_of(classifier: CloudClassifier, answer: Answer) -> str:
    """Return a text that differs where the model or an option would change an answer."""
    model, spec = classifier.model, classifier.model.spec
    released = {"name": spec.name, "version": spec.version, "sha256": model.sha256}
    options: dict[str, Any] = {"top_k": answer.top_k, "crop": answer.crop, "min_confidence": answer.min_confidence}
    if answer.location:  # without one, the text is that of versions that knew none
        options |= {"location": answer.location, "zone": str(answer.zone)}
    return json.dumps({**released, **options}, sort_keys=True)


class Unreadable(io.BytesIO):
    """What cannot become a photo: reading it raises the error for its row."""

    def __init__(self, error: ImageError) -> None:
        super().__init__()
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise self._error


def standard_input() -> bytes | BinaryIO:
    """Return all of standard input; no bytes if it cannot be read, `Unreadable` if it is too large for a photo."""
    try:
        data = sys.stdin.buffer.read(LARGEST_INPUT + 1) if sys.stdin else b""
    except OSError:
        return b""
    except MemoryError:
        data = None
    if data is not None and len(data) <= LARGEST_INPUT:
        return data
    problem = f"is larger than {LARGEST_INPUT >> 20} MB, or than the memory; is it a photo?"
    return Unreadable(ImageTooLargeError(problem))


def password_in(path: str, option: str) -> str:
    """Return the password that a file holds; raise click's error, which names the option, for one that holds none."""
    try:
        with open(path, encoding="utf-8") as stream:
            password = stream.read(_LONGEST_PASSWORD + 1).rstrip("\r\n")
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.BadParameter(f"{printable(path)} cannot be read: {problem}.", param_hint=option) from None
    if not 0 < len(password.encode()) <= _LONGEST_PASSWORD:
        problem = "is empty" if not password else "is too long for a password"
        raise click.BadParameter(f"{printable(path)} {problem}.", param_hint=option)
    return password
