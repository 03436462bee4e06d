"""The example for Ray Data gives the rows of the command line.

Ray is large: in `make test` it is in the environment of the export stage, whose suite runs this file too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = str(Path(__file__).parent / "fixtures" / "tiny.onnx")
EXAMPLES = ROOT / "examples"

# The first worker that gets a batch dies of it, as one that the kernel ends for want of memory.
A_WORKER_DIES = """
import os
from pathlib import Path
import ray_archive

class Dying(ray_archive.Classify):
    def __call__(self, batch):
        try:
            Path({mark!r}).touch(exist_ok=False)
        except FileExistsError:
            return super().__call__(batch)
        os._exit(1)

ray_archive.Classify = Dying
ray_archive.main()
"""

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is in the environment of `make test-export`")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **environment}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, encoding="utf-8", timeout=300, env=environment
    )


def test_the_example_gives_the_same_rows(photos: list[Path]) -> None:
    (photos[0].parent / "cut.jpg").write_bytes(photos[0].read_bytes()[:400])
    folder = str(photos[0].parent)
    ray = run(str(EXAMPLES / "ray_archive.py"), folder, "--model", TINY)
    expected = run("-m", "cloudedge", "classify", "--model", TINY, "--format", "jsonl", "--quiet", folder)
    assert ray.returncode == 0, ray.stderr
    assert rows_of(ray) == rows_of(expected)


def test_a_worker_that_dies_costs_no_row_and_adds_no_line(photos: list[Path], tmp_path: Path) -> None:
    folder, mark = str(photos[0].parent), tmp_path / "died"
    ray = run("-c", A_WORKER_DIES.format(mark=str(mark)), folder, "--model", TINY, PYTHONPATH=str(EXAMPLES))
    assert ray.returncode == 0, ray.stderr
    assert mark.exists()
    assert [Path(row["path"]).name for row in rows_of(ray)] == sorted(photo.name for photo in photos)


def rows_of(process: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in process.stdout.splitlines()]
