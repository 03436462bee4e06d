"""`cloudedge genera`: the ten cloud genera."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict

import click

from cloudedge.cli.text import wrapped
from cloudedge.genera import GENERA


@click.command("genera")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(format_: str) -> None:
    """Show the ten cloud genera."""
    table = [asdict(genus) for genus in GENERA]
    if format_ == "json":
        click.echo(json.dumps(table, indent=2))
        return
    table.insert(0, {key: key.capitalize() if key != "abbreviation" else "" for key in table[0]})
    widths = {key: max(len(genus[key]) for genus in table) for key in table[0]}
    lines = ["  ".join(genus[key].ljust(width) for key, width in widths.items()).rstrip() for genus in table]
    if sys.stdout.isatty() and max(map(len, lines)) > shutil.get_terminal_size().columns:
        lines = []
        for genus in table[1:]:
            lines += [f"{genus['name']} ({genus['abbreviation']}): {genus['level']} level, base {genus['base']}"]
            lines += wrapped(f"{genus['look']}. {genus['rain']}.", "  ")
    click.echo("\n".join(lines))
