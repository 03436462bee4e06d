"""The errors that cloudedge raises on purpose: about a photo, a model file, or the library that runs it."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional overrides among them) and surrogate characters, line and paragraph separators: what can
# break a line or a terminal. All kinds of spaces stay: they are common in the names of screenshots.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class CloudEdgeError(Exception):
    """The base of every error that cloudedge raises on purpose.

    `problem` says in one line what is wrong and what to do, `path` names the file (None if there is none).
    `str()` gives "PATH: problem", always one printable line.
    """

    def __init__(self, problem: str, path: str | None = None) -> None:
        super().__init__(problem, path)  # both in `args`, from which pickle calls __init__ again
        self.problem = _printable(problem)
        self.path = path

    def __str__(self) -> str:
        return self.problem if self.path is None else f"{_printable(self.path)}: {self.problem}"


class ImageError(CloudEdgeError):
    """A photo cannot be read."""


class UnknownFormatError(ImageError):
    """A file is not a photo, or its format cannot be read here."""


class ImageTooLargeError(ImageError):
    """A photo has too many pixels to be decoded."""


class ModelError(CloudEdgeError):
    """A model file, or onnxruntime itself, cannot be used."""


class BusyError(CloudEdgeError):
    """Another cloudedge is writing the file."""


def check_size(width: int, height: int, limit: int) -> None:
    """Raise ImageTooLargeError for a photo of more than `limit` pixels."""
    if width * height > limit:
        megapixels = width * height / 1e6
        problem = f"has {megapixels:.0f} million pixels, more than {limit / 1e6:.0f} million; scale it down"
        raise ImageTooLargeError(problem)


def brief(error: Exception) -> str:
    """Return what an error of another library says, on one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def _printable(text: str) -> str:
    return "".join(
        c.encode("unicode_escape").decode("ascii") if unicodedata.category(c) in _UNPRINTABLE else c for c in text
    )
