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
from typing import Any

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


def run(*command: str, to: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **environment}
    command = (sys.executable, *command)
    return subprocess.run(command, stdout=to, stderr=subprocess.PIPE, encoding="utf-8", timeout=300, env=environment)


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_example_gives_the_same_rows(photos: list[Path]) -> None:
    (photos[0].parent / "cut.jpg").write_bytes(photos[0].read_bytes()[:400])
    folder = str(photos[0].parent)
    ray = run(str(EXAMPLES / "ray_archive.py"), folder, "--model", TINY)
    expected = run("-m", "cloudedge", "classify", "--model", TINY, "--format", "jsonl", "--quiet", folder)
    assert ray.returncode == 0, ray.stderr
    assert rows(ray) == rows(expected)


def test_a_worker_that_dies_costs_no_row_and_adds_no_line(photos: list[Path], tmp_path: Path) -> None:
    folder, mark = str(photos[0].parent), tmp_path / "died"
    ray = run("-c", A_WORKER_DIES.format(mark=str(mark)), folder, "--model", TINY, PYTHONPATH=str(EXAMPLES))
    assert ray.returncode == 0, ray.stderr
    assert mark.exists()
    assert [Path(row["path"]).name for row in rows(ray)] == sorted(photo.name for photo in photos)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a device that is always full")
def test_rows_for_which_there_is_no_room_are_no_success(photos: list[Path]) -> None:
    with open("/dev/full", "w") as full:
        command = (str(EXAMPLES / "ray_archive.py"), str(photos[0].parent), "--model", TINY)
        ray = run(*command, to=full.fileno(), PYTHONUNBUFFERED="")
    assert ray.returncode != 0
    assert "No space left on device" in ray.stderr
