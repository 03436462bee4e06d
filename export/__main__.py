"""The commands of the export stage: `python -m export COMMAND`."""

from __future__ import annotations

import click

from export.commands.clean import clean
from export.commands.cross_validate import cross_validate_command
from export.commands.data import data_commands
from export.commands.evaluate import evaluate
from export.commands.options import Commands
from export.commands.release import onnx_command, quantize_command, release_command
from export.commands.train import lr_find, train
from export.release.onnx_model import GateError


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Train, evaluate, export and quantize the models of cloudedge."""


for command in (
    clean,
    cross_validate_command,
    data_commands,
    evaluate,
    lr_find,
    onnx_command,
    quantize_command,
    release_command,
    train,
):
    main.add_command(command)


if __name__ == "__main__":
    try:
        main(prog_name="python -m export")
    except GateError as error:
        raise SystemExit(f"refused: {error}") from error
