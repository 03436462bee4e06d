"""`cloudedge info`: versions, and what the model is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from cloudedge import __version__
from cloudedge.cli.inputs import broken_library
from cloudedge.cli.options import model_options
from cloudedge.cli.text import fit
from cloudedge.errors import printable

# What is shown of the model without --verbose: all of it fits a screen of 24 lines.
_SHORT = ("path", "sha256", "checksum", "name", "version", "temperature", "thresholds", "licence")


@click.command("info", short_help="Show versions and the model.")
@model_options
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="The whole description, as JSON has it.")
def command(model: str, threads: int | None, format_: str, verbose: bool) -> None:
    """Show versions, providers, threads, and the model's description."""
    facts = _facts(model, threads)
    if format_ == "json":
        click.echo(json.dumps(facts, indent=2, allow_nan=False))
        return
    if not verbose:
        facts["model"] = {key: value for key, value in facts["model"].items() if key in _SHORT}
    for line in _lines(facts):
        click.echo(fit(line, sys.stdout))
    if not verbose:
        click.echo("(--verbose adds the input, the recipe, the data and the measurements)")


def _facts(model: str, threads: int | None) -> dict[str, Any]:
    import platform

    try:
        import numpy
        import onnxruntime
        import PIL

        from cloudedge.model import Model
    except ImportError as error:
        raise broken_library(error) from error
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
