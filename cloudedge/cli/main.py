"""The entry point of the command line, and the group of its commands."""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from cloudedge import __version__, signals
from cloudedge.cli.exit_codes import EXIT_CODES, INTERRUPTED, MODEL_UNUSABLE, NOT_ALL_CLASSIFIED, OUTPUT_IN_USE
from cloudedge.errors import BusyError, CloudEdgeError, ModelError, printable


def main() -> NoReturn:
    """Run the command line and exit."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # this process is ours; onnxruntime asks when it is imported
    _fill_closed_streams()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Pillow warns about damaged photos, whose rows say so already
    signals.install()  # a stopped service tidies up as after Ctrl-C
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode still gets its rows
    try:
        sys.exit(cli.main(standalone_mode=False))
    except Exception as error:
        _end_with(error)


def _fill_closed_streams() -> None:
    """Keep files that are opened later from becoming stream 0, 1 or 2, to which libraries print: `classify 2>&-`."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _end_with(error: Exception) -> NoReturn:
    """Exit with a line that says what went wrong; an error that is not the user's is raised again."""
    if isinstance(error, click.Abort) or signals.arrived():  # libraries turn an interruption into other exceptions
        sys.exit(_code_of_interruption())
    if isinstance(error, click.ClickException):
        error.show()
        sys.exit(error.exit_code)
    if not isinstance(error, CloudEdgeError | OSError):
        raise error
    codes: dict[type[Exception], int] = {ModelError: MODEL_UNUSABLE, BusyError: OUTPUT_IN_USE}
    click.echo(f"Error: {error if isinstance(error, CloudEdgeError) else _of_system(error)}", err=True)
    _drop_unwritten_rows()
    sys.exit(codes.get(type(error), NOT_ALL_CLASSIFIED))


def _code_of_interruption() -> int:
    """Return the exit code after a signal: a service that is told to end while it loads ends as it does later."""
    is_told_to_end = signals.arrived() not in (None, signal.SIGINT)
    return 0 if is_told_to_end and sys.argv[1:2] in (["serve"], ["watch"]) else INTERRUPTED


def _of_system(error: OSError) -> str:
    """Return what the system could not do, and with which file, where it says so."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return printable(": ".join([*names, error.strerror or str(error)]))


def _drop_unwritten_rows() -> None:
    """Drop what standard output does not take: at exit Python would try once more, and end with 120."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# Each is the `command` of the module that the first word of its name names, loaded only when it is asked for.
_COMMANDS = (
    "bench",
    "classify",
    "convert",
    "explain",
    "genera",
    "info",
    "mqtt-forget",
    "page",
    "phases",
    "report",
    "serve",
    "watch",
)


class _Commands(click.Group):
    """The commands, loaded when they are asked for."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and os.path.exists(args[0]):
            name = printable(args[0])
            raise click.UsageError(f"{name} is not a command. To name its cloud: cloudedge classify {name}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"cloudedge.cli.{cmd_name.partition('-')[0]}").command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="cloudedge", message="%(prog)s %(version)s")
def cli() -> None:
    """Name the cloud genus in photos of the sky."""
