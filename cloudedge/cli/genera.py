"""`cloudedge genera`: the ten cloud genera."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

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
    for genus in table:
        click.echo("  ".join(genus[key].ljust(width) for key, width in widths.items()).rstrip())
