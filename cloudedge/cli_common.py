"""What the commands share: options, the classifier they open, and where rows go."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from cloudedge import signals
from cloudedge.archive.journal import Journal, JournalError, refuse_to_replace
from cloudedge.archive.photos import claims_to_be_photo
from cloudedge.cli_types import Crop, Finite, Glob
from cloudedge.errors import CloudEdgeError, ImageTooLargeError, ModelError
from cloudedge.files import replacing
from cloudedge.genera import GENERA
from cloudedge.output import to_terminal, to_text
from cloudedge.row import Row
from cloudedge.row_formats import printable, to_csv, to_json, to_jsonl

if TYPE_CHECKING:  # these load numpy and onnxruntime, and --help has no use for either
    from cloudedge.classifier import CloudClassifier
    from cloudedge.photo.crop import Box

STDIN = STDOUT = "-"
LARGEST_INPUT = 512 << 20  # bytes, above those of any photo from a camera
NOT_ALL_CLASSIFIED, MODEL_UNUSABLE, INTERRUPTED = 1, 3, 130

EXIT_CODES = """Exit codes: 0 every photo was classified; 1 some were not; 2 wrong usage; 3 the model or onnxruntime
cannot be used; 130 interrupted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The options that change an answer."""

    top_k: int
    crop: Box | None
    min_confidence: float | None


threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads to decode and to compute with.  [default: all usable cores]",
)


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose the model."""
    return click.option(
        "--model",
        default="resnet34",
        show_default=True,
        metavar="NAME|PATH",
        help="A packaged model, or an .onnx file.",
    )(threads_option(command))


crop_option = click.option(
    "--crop",
    type=Crop(),
    metavar="LEFT,TOP,RIGHT,BOTTOM",
    help="Look only at this part of each photo; fractions, 0,0,1,0.8 leaves out the lowest fifth.",
)


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that change an answer."""
    for option in (
        click.option(
            "--min-confidence",
            type=Finite(0, 1),
            metavar="P",
            help="Below this probability an answer is not certain.  [default: what the model says]",
        ),
        crop_option,
        click.option(
            "--top-k",
            type=click.IntRange(1, len(GENERA)),
            default=3,
            show_default=True,
            help="How many genera a row names.",
        ),
    ):
        command = option(command)
    return command


glob_option = click.option(
    "--glob", type=Glob(), metavar="PATTERN", help="In folders, only photos whose name fits, '*-noon.jpg'."
)


def open_classifier(model: str, threads: int | None, answer: Answer, max_pixels: int | None = None) -> CloudClassifier:
    """Open the model; ModelError where that fails.

    A signal waits until it is open: raised amid two threads that import, it would leave one the other's lock for ever.
    What is loaded stays to the end, so no garbage is looked for in it, neither now nor then.
    """
    gc.disable()
    try:
        (classifier,) = signals.held(_open(*arguments) for arguments in [(model, threads, answer, max_pixels)])
    finally:
        gc.freeze()
        gc.enable()
    return classifier


def _open(model: str, threads: int | None, answer: Answer, max_pixels: int | None) -> CloudClassifier:
    """While onnxruntime opens the file, which it does without Python's lock, the other libraries are loaded."""
    try:
        from cloudedge.model import Model

        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(Model, model, threads)
            from cloudedge.classifier import CloudClassifier
            from cloudedge.photo.crop import WHOLE
            from cloudedge.photo.formats import MAX_JPEG_PIXELS
    except ImportError as error:
        raise broken(error) from error
    crop, limit = answer.crop or WHOLE, max_pixels or MAX_JPEG_PIXELS
    return CloudClassifier(opening.result(), None, answer.top_k, crop, limit, answer.min_confidence)


def broken(error: ImportError) -> ModelError:
    """Say that a package of the runtime does not load."""
    return ModelError(f"a library that cloudedge needs cannot be loaded ({error}); reinstall cloudedge")


def settings_of(classifier: CloudClassifier, answer: Answer) -> str:
    """Return a text that differs where the model or an option would change an answer."""
    model, spec = classifier.model, classifier.model.spec
    released = {"name": spec.name, "version": spec.version, "sha256": model.sha256}
    return json.dumps({**released, **asdict(answer)}, sort_keys=True)


def open_journal(
    target: str,
    format_: str,
    classifier: CloudClassifier,
    answer: Answer,
    replay: Callable[[dict[str, Any]], object] = lambda row: None,
) -> Journal:
    """Open the file that is both output and journal; click's error says why it cannot be."""
    refuse_photo(target)
    kind: Any = format_
    try:
        opened = Journal(target, kind, answer.top_k, settings_of(classifier, answer), replay)
    except CloudEdgeError as error:
        raise click.BadParameter(f"{error}.", param_hint="--output") from error
    except OSError as error:
        raise unwritable(target, error) from error
    spec = classifier.model.spec
    others = sum(number for model, number in opened.models.items() if model != f"{spec.name} {spec.version}")
    if others:
        rows = f"{count(others, 'row')} of another model"
        again = "stays, and its photo is" if others == 1 else "stay, and their photos are"
        click.echo(f"{printable(target)}: {rows} {again} classified again.", err=True)
    return opened


def open_output(target: str | None, stack: ExitStack) -> TextIO:
    """Open the file that is replaced at the end, or standard output."""
    if target is None or target in (STDOUT, "/dev/stdout"):  # the last, opened anew, would cost what `>>` has kept
        if sys.stdout is None:  # `>&-`, as opposed to a pipe whose reader has gone
            raise click.UsageError("standard output is closed; give -o FILE.")
        return sys.stdout
    refuse_photo(target)
    try:
        refuse_to_replace(target)
    except JournalError as error:
        raise click.BadParameter(f"{error}.", param_hint="--output") from error
    try:
        return stack.enter_context(replacing(target))
    except OSError as error:
        raise unwritable(target, error) from error


def refuse_photo(target: str) -> None:
    """A slip such as `-o a.jpg` must cost neither a photo nor a model."""
    if claims_to_be_photo(target) or target.endswith(".onnx"):
        problem = f"{printable(target)} has the name of a photo or of a model; choose another."
        raise click.BadParameter(problem, param_hint="--output")


def unwritable(target: str, error: OSError) -> click.BadParameter:
    """Say that an output cannot be written."""
    parent = os.path.dirname(target) or os.curdir
    why = error.strerror if os.path.isdir(parent) else "its folder does not exist"
    problem = f"{printable(target)} cannot be written: {why}."
    return click.BadParameter(problem, param_hint="--output")


class _Endless(io.BytesIO):
    """What standard input turns out to be where it brings more than any photo: an error row of its own."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ImageTooLargeError(f"brings more than {LARGEST_INPUT >> 20} MB, or than fits into memory; is it a photo?")


def standard_input() -> bytes | BinaryIO:
    """Read all of it; nothing where it is closed or cannot be read, what cannot be read where it is no photo's size."""
    try:
        data = sys.stdin.buffer.read(LARGEST_INPUT + 1) if sys.stdin else b""
    except OSError:
        return b""
    except MemoryError:
        data = None
    return _Endless() if data is None or len(data) > LARGEST_INPUT else data


def format_of(target: str | None, format_: str | None, otherwise: str = "text") -> str:
    """Return the format asked for, else the one that the name of the output ends with."""
    extension = os.path.splitext(target or "")[1].lower().removeprefix(".")
    return format_ or (extension if extension in ("json", "jsonl", "csv") else otherwise)


def writer(format_: str, top_k: int, terminal: bool) -> Callable[[Iterable[Row]], Iterator[str]]:
    """Return the generator that writes a format."""
    writers: dict[str, Callable[[Iterable[Row]], Iterator[str]]] = {
        "text": to_terminal if terminal else to_text,
        "json": to_json,
        "jsonl": to_jsonl,
        "csv": partial(to_csv, top_k=top_k),
    }
    return writers[format_]


def colour() -> bool | None:
    """Return False where colours are not wanted, None where click is to see whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def count(number: int, noun: str) -> str:
    """Say how many there are."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
