"""Run `cloudedge classify` with the model of the tests, and read what it wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from conftest import TINY

from cloudedge.row_formats import read_rows

CLASSIFY = [sys.executable, "-m", "cloudedge", "classify", "--model", TINY, "--threads", "1"]


def run(
    *arguments: str | Path, before: Callable[[], None] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, after `before` in its process, and see that it prints no traceback."""
    done = subprocess.run(
        [*CLASSIFY, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        preexec_fn=before,
    )
    assert "Traceback" not in done.stderr
    return done


def names(path: Path) -> list[str]:
    """Return the names of the photos in a file of rows."""
    return [os.path.basename(row["path"]) for row in read_rows(str(path))]
