"""`watch --metrics`: a file for the textfile collector of Prometheus' node_exporter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cloudedge.cli.outputs import unwritable
from cloudedge.errors import printable
from cloudedge.files import replacing_text

metrics_option = click.option(
    "--metrics", metavar="FILE", help="Write counts and the latest sky to FILE (.prom), for Prometheus' node_exporter."
)


class MetricsFile:
    """Replaces the file at the start, and with each row."""

    def __init__(self, path: str, source: str, say: Callable[[str], object]) -> None:
        """Write the first counts; raise click's error if that fails."""
        from cloudedge.metrics import PhotoCounts, Sky

        if not path.endswith(".prom"):
            problem = f"{printable(path)} must end in .prom, or node_exporter does not read it."
            raise click.BadParameter(problem, param_hint="--metrics")
        labels = {"source": printable(source)}  # the files of two cameras must differ in their labels
        self._path, self._say = path, say
        self._counts, self._sky = PhotoCounts("capture", labels), Sky(labels)
        self._is_writable = True
        try:
            self._write()
        except OSError as error:
            raise unwritable(path, error, "--metrics") from error

    def listen(self, row: dict[str, Any], has_changed: bool) -> None:
        """Count a row; where the file cannot be written, say so once and continue."""
        self._counts.add(row)
        self._sky.add(row)
        try:
            self._write()
            self._is_writable = True
        except OSError as error:
            if self._is_writable:
                self._say(f"{printable(self._path)} cannot be written: {error.strerror}")
            self._is_writable = False

    def _write(self) -> None:
        from cloudedge.metrics import render

        with replacing_text(self._path) as stream:
            stream.write(render([*self._counts.families(), *self._sky.families()]))
