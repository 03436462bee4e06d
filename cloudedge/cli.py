"""The command line: `cloudedge classify`, `cloudedge info` and `cloudedge genera`, a thin face over the library."""

from __future__ import annotations

import io
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from cloudedge import __version__, folder, output
from cloudedge.errors import ModelError
from cloudedge.genera import GENERA

if TYPE_CHECKING:  # these load numpy and onnxruntime, and --help has no use for either
    from cloudedge.classifier import Classification, CloudClassifier
    from cloudedge.image import Source

STDIN = STDOUT = "-"
NOT_ALL_CLASSIFIED, MODEL_UNUSABLE, INTERRUPTED = 1, 3, 130

EXIT_CODES = """Exit codes: 0 every photo was classified; 1 some were not; 2 wrong usage; 3 the model or onnxruntime
cannot be used; 130 interrupted."""

model_option = click.option(
    "--model", default="resnet34", show_default=True, metavar="NAME|PATH", help="A packaged model, or an .onnx file."
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Threads to compute with.  [default: all usable cores]"
)


@dataclass
class Tally:
    """What became of the files of one run."""

    photos: int = 0
    failed: int = 0
    passed_over: int = 0
    unreadable_folders: int = 0

    def rows(self, results: Iterable[Classification]) -> Iterator[output.Row]:
        """Turn results into rows, and count them."""
        for result in results:
            row = result.to_dict()
            row["path"] = STDIN if row["path"] is None else row["path"]
            self.photos += 1
            self.failed += row["status"] == "error"
            yield row

    def pass_over(self, path: str) -> None:
        self.passed_over += 1

    def report_folder(self, error: OSError) -> None:
        self.unreadable_folders += 1
        click.echo(f"Error: {output.printable(str(error.filename))}: cannot be read: {error.strerror}", err=True)

    def __str__(self) -> str:
        others = f", {_count(self.passed_over, 'other file')} passed over" if self.passed_over else ""
        return f"{_count(self.photos, 'photo')}, {self.failed} failed{others}"


def main() -> NoReturn:
    """Run the command line and exit: the entry point of the `cloudedge` script."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped service tidies up as Ctrl-C does
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode still gets its rows
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except ModelError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(MODEL_UNUSABLE)
    except OSError as error:  # photos give rows instead, so it is the output: a full disk, say
        click.echo(f"Error: the output cannot be written: {error.strerror or error}", err=True)
        sys.exit(NOT_ALL_CLASSIFIED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="cloudedge", message="%(prog)s %(version)s")
def cli() -> None:
    """Name the cloud genus in photos of the sky."""


@cli.command(epilog=EXIT_CODES, short_help="Print a row for each photo.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "jsonl", "csv"]), default="text", show_default=True
)
@click.option("-o", "--output", "target", metavar="FILE", help="Write to FILE; it is replaced when all is done.")
@click.option(
    "--top-k", type=click.IntRange(1, len(GENERA)), default=3, show_default=True, help="How many genera a row names."
)
@model_option
@threads_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar, no closing summary.")
def classify(
    paths: tuple[str, ...], format_: str, target: str | None, top_k: int, model: str, threads: int | None, quiet: bool
) -> None:
    """Print a row for each photo: its cloud genus, how sure that is, level, base and rain.

    PATH is a photo, a folder of photos (read with its sub-folders; links to folders are not followed), or - for one
    photo on standard input. A photo that cannot be read is a row with status "error" and does not end the run.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("standard input (-) can be read only once.")
    classifier = _open_classifier(model, threads, top_k)
    tally = Tally()
    try:
        with ExitStack() as stack:
            stream = _open_output(target, stack)
            photos: Iterable[str] = folder.find_photos(paths, tally.pass_over, tally.report_folder)
            if not quiet and sys.stderr.isatty() and not stream.isatty():
                photos = _with_progress(photos, stack)
            rows = tally.rows(classifier.classify_many(_sources(photos)))
            for piece in _writer(format_, top_k, stream.isatty())(rows):
                click.echo(piece, file=stream, nl=False, color=_colour())
    except KeyboardInterrupt:
        kept = f"; {output.printable(target)} is as it was before" if target not in (None, STDOUT) else ""
        click.echo(f"Interrupted after {_count(tally.photos, 'photo')}{kept}.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    _close(tally, quiet)


@cli.command(short_help="Show versions and the model; check its checksum.")
@model_option
@threads_option
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def info(model: str, threads: int | None, format_: str) -> None:
    """Show versions, providers, threads, and what the model says of itself; check a packaged model's checksum."""
    facts = _facts(model, threads)
    click.echo(json.dumps(facts, indent=2, allow_nan=False) if format_ == "json" else "\n".join(_lines(facts)))
    if facts["model"]["checksum"] == "mismatch":
        raise ModelError("is not the file that was released; reinstall cloudedge", facts["model"]["path"])


@cli.command()
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def genera(format_: str) -> None:
    """Show the ten cloud genera."""
    table = [asdict(genus) for genus in GENERA]
    if format_ == "json":
        click.echo(json.dumps(table, indent=2))
        return
    table.insert(0, {key: key.capitalize() if key != "abbreviation" else "" for key in table[0]})
    widths = {key: max(len(genus[key]) for genus in table) for key in table[0]}
    for genus in table:
        click.echo("  ".join(genus[key].ljust(width) for key, width in widths.items()).rstrip())


def _open_classifier(model: str, threads: int | None, top_k: int) -> CloudClassifier:
    try:
        from cloudedge.classifier import CloudClassifier
    except ImportError as error:
        raise _broken(error) from error
    return CloudClassifier(model, threads=threads, top_k=top_k)


def _broken(error: ImportError) -> ModelError:
    return ModelError(f"a library that cloudedge needs cannot be loaded ({error}); reinstall cloudedge")


def _open_output(target: str | None, stack: ExitStack) -> TextIO:
    if target is None or target == STDOUT:
        return sys.stdout
    try:
        return stack.enter_context(output.replacing(target))
    except OSError as error:
        problem = f"{output.printable(target)} cannot be written: {error.strerror}."
        raise click.BadParameter(problem, param_hint="--output") from error


def _writer(format_: str, top_k: int, terminal: bool) -> Callable[[Iterable[output.Row]], Iterator[str]]:
    writers: dict[str, Callable[[Iterable[output.Row]], Iterator[str]]] = {
        "text": output.to_terminal if terminal else output.to_text,
        "json": output.to_json,
        "jsonl": output.to_jsonl,
        "csv": partial(output.to_csv, top_k=top_k),
    }
    return writers[format_]


def _with_progress(paths: Iterable[str], stack: ExitStack) -> Iterable[str]:
    photos = list(paths)  # a bar needs to know how many there will be
    if len(photos) < 2:
        return photos
    return stack.enter_context(click.progressbar(photos, show_pos=True, file=sys.stderr))


def _sources(paths: Iterable[str]) -> Iterator[Source]:
    for path in paths:
        if path != STDIN:
            yield path
        else:
            yield sys.stdin.buffer.read() if sys.stdin else b""


def _close(tally: Tally, quiet: bool) -> None:
    """Say what became of the run, and leave with the exit code that says the same."""
    if tally.photos == 0:
        click.echo(f"No photo found, {_count(tally.passed_over, 'other file')} passed over.", err=True)
    elif not quiet and (tally.photos > 1 or tally.passed_over):
        click.echo(str(tally), err=True)
    if tally.photos == 0 or tally.failed or tally.unreadable_folders:
        raise click.exceptions.Exit(NOT_ALL_CLASSIFIED)


def _facts(model: str, threads: int | None) -> dict[str, Any]:
    try:
        import numpy
        import onnxruntime
        import PIL

        from cloudedge.model import Model, pinned_sha256, sha256
    except ImportError as error:
        raise _broken(error) from error
    opened = Model(model, threads)
    digest = sha256(opened.path)
    pinned = pinned_sha256(model)  # only a packaged model is asked for by its bare name
    return {
        "cloudedge": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "onnxruntime": onnxruntime.__version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
        "providers": onnxruntime.get_available_providers(),
        "threads": opened.threads,
        "model": {
            "path": str(opened.path),
            "sha256": digest,
            "checksum": "not pinned" if pinned is None else "ok" if digest == pinned else "mismatch",
            **asdict(opened.spec),
        },
    }


def _lines(facts: dict[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in facts.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            yield f"{indent}{key}: {output.printable(text)}"


def _colour() -> bool | None:
    """Return False where colours are not wanted, None where click is to see whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
