"""The folder that `cloudedge page` writes, and the plainest server there is for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import MODEL, ROOT

RUNTIME = ROOT / "cloudedge" / "page" / "runtime" / "ort.js"
AXE = ROOT / "npm" / "node_modules" / "axe-core" / "axe.min.js"


def write_site(folder: Path, *arguments: str) -> Path:
    """Run `cloudedge page`."""
    if not RUNTIME.exists():
        pytest.skip("onnxruntime for browsers is not here; run: make page-runtime")
    command = [sys.executable, "-m", "cloudedge", "page", "-o", str(folder), *(arguments or MODEL)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@contextmanager
def static_server(folder: Path, port: int = 0) -> Iterator[str]:
    """Run Python's own server, which sends no headers of its own."""
    command = [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"port (\d+)", process.stdout.readline())
            assert found
            yield f"http://127.0.0.1:{found[1]}/"
        finally:
            process.terminate()
