"""The errors that cloudedge raises on purpose: about a photo, a model file, or the library that runs it."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional overrides among them) and surrogate characters, line and paragraph separators: what can
# break a line or a terminal, or hide what a name is. All kinds of spaces stay: they are common in the names of
# screenshots. So do the joiners, of which emoji and the words of some languages are made.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"


class CloudEdgeError(Exception):
    """The base of every error that cloudedge raises on purpose.

    `problem` says in one line what is wrong and what to do, `path` names the file or is None.
    `str()` gives "PATH: problem", always one printable line.
    """

    def __init__(self, problem: str, path: str | None = None) -> None:
        super().__init__(problem, path)  # both in `args`, from which pickle calls __init__ again
        self.problem = printable(problem)
        self.path = path

    def __str__(self) -> str:
        return self.problem if self.path is None else f"{printable(self.path)}: {self.problem}"


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


def printable(text: str) -> str:
    """Escape what must not reach a terminal or a table: control characters, undecodable bytes and the like."""
    if text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _UNPRINTABLE else c for c in text)


def check_size(width: int, height: int, limit: int) -> None:
    """Raise ImageTooLargeError for a photo of more than `limit` pixels."""
    if width * height > limit:
        found, most = width * height / 1e6, limit / 1e6
        digits = next(digits for digits in range(7) if round(found, digits) != round(most, digits))
        problem = f"has {found:.{digits}f} million pixels, more than {most:.{digits}f} million; scale it down"
        raise ImageTooLargeError(problem)


def brief(error: Exception) -> str:
    """Return what an error of another library says, on one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def _escaped(character: str) -> str:
    return character if character in _JOINERS else character.encode("unicode_escape").decode("ascii")
