"""The command line, a thin face over the library: its entry point, and the two small commands `info` and `genera`."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from typing import Any, NoReturn

import click

from cloudedge import __version__, signals
from cloudedge.cli_common import EXIT_CODES, INTERRUPTED, MODEL_UNUSABLE, NOT_ALL_CLASSIFIED, broken, model_options
from cloudedge.errors import CloudEdgeError, ModelError
from cloudedge.genera import GENERA
from cloudedge.row_formats import printable


def main() -> NoReturn:
    """Run the command line and exit."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # this process is ours; onnxruntime asks when it is imported
    _fill_closed_streams()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of a damaged photo Pillow warns too, and its row says so already
    signals.install()  # a stopped service tidies up as Ctrl-C does
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode still gets its rows
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except Exception as error:
        _end_with(error)


def _fill_closed_streams() -> None:
    """Let no file that is opened become stream 0, 1 or 2, to which libraries print: `cloudedge classify 2>&-`."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _end_with(error: Exception) -> NoReturn:
    """Exit with a line that says what went wrong; what is no user's doing is raised again."""
    if signals.came():  # libraries make other exceptions of it
        sys.exit(INTERRUPTED)
    if isinstance(error, ModelError):
        click.echo(f"Error: {error}", err=True)
        sys.exit(MODEL_UNUSABLE)
    if isinstance(error, CloudEdgeError):
        click.echo(f"Error: {error}", err=True)
        sys.exit(NOT_ALL_CLASSIFIED)
    if isinstance(error, OSError):  # photos give rows instead, so it is the output: a full disk, say
        click.echo(f"Error: the output cannot be written: {error.strerror or error}", err=True)
        with suppress(OSError, ValueError, AttributeError):  # at exit Python would try once more, and end with 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOT_ALL_CLASSIFIED)
    raise error


# each in its own module, which only its own run need load
_ELSEWHERE = ("bench", "classify", "explain", "report", "serve", "watch")


class _Commands(click.Group):
    """The commands, those of _ELSEWHERE loaded when they are asked for."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and os.path.exists(args[0]):
            name = printable(args[0])
            raise click.UsageError(f"{name} is no command. To name its cloud: cloudedge classify {name}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE and cmd_name not in self.commands:
            self.add_command(getattr(import_module(f"cloudedge.cli_{cmd_name}"), cmd_name))
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="cloudedge", message="%(prog)s %(version)s")
def cli() -> None:
    """Name the cloud genus in photos of the sky."""


@cli.command(short_help="Show versions and the model.")
@model_options
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def info(model: str, threads: int | None, format_: str) -> None:
    """Show versions, providers, threads, and what the model says of itself."""
    facts = _facts(model, threads)
    click.echo(json.dumps(facts, indent=2, allow_nan=False) if format_ == "json" else "\n".join(_lines(facts)))


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


def _facts(model: str, threads: int | None) -> dict[str, Any]:
    import platform

    try:
        import numpy
        import onnxruntime
        import PIL

        from cloudedge.model import Model
    except ImportError as error:
        raise broken(error) from error
    opened = Model(model, threads)
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
            "sha256": opened.sha256,
            "checksum": "ok" if opened.pinned else "not pinned",
            **asdict(opened.spec),
        },
    }


def _lines(facts: dict[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in facts.items():
        key = printable(key)
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            items = value if isinstance(value, (list, tuple)) else [value]
            text = ", ".join("-" if item is None else str(item) for item in items)
            yield f"{indent}{key}: {printable(text)}"
