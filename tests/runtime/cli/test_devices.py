"""`cloudedge classify` on a month of captures as devices lay them out: which files are captures, and their times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ...support.archives import DEVICES

TINY = str(Path(__file__).parents[1] / "fixtures" / "tiny.onnx")
CLASSIFY = [sys.executable, "-m", "cloudedge", "classify", "--model", TINY, "--threads", "1", "--format", "jsonl"]


def classify(*arguments: object) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[str]]:
    done = subprocess.run([*CLASSIFY, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=600)
    return [json.loads(line) for line in done.stdout.splitlines()], done


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.slow
def test_a_month_of_a_device(tmp_path: Path, device: str) -> None:
    archive = DEVICES[device](tmp_path)
    rows, done = classify(tmp_path, *(word for pattern in archive.exclude for word in ("--exclude", pattern)))
    assert done.returncode == 0
    found = {os.path.relpath(row["path"], tmp_path).replace(os.sep, "/"): row for row in rows}
    assert len(rows) == len(found)
    assert found.keys() == archive.captures.keys()
    times = {path: row["captured_at"] if row.get("time_source") != "file" else None for path, row in found.items()}
    assert times == archive.captures
    assert {row["status"] for row in rows} == {"ok"}
    assert f"{len(rows)} photos, 0 failed" in done.stderr
    assert (f" {archive.skipped} other file" in done.stderr) == bool(archive.skipped)
    assert (f" {archive.passed_over} file" in done.stderr) == bool(archive.passed_over)
    assert sum("passed over" in line for line in done.stderr.splitlines()) == bool(archive.passed_over)
    assert all(pattern in done.stderr for pattern in archive.exclude)


def test_what_is_given_by_its_own_path_is_taken(tmp_path: Path) -> None:
    DEVICES["all_sky"](tmp_path)
    night = tmp_path / "images" / "20241101"
    thumbnails, _ = classify(night / "thumbnails", night / "thumbnail-20241101.jpg", "--exclude", "*thumbnail*")
    assert len(thumbnails) == 4
    keogram, done = classify(night / "keogram", "--exclude", "keogram")
    assert [Path(row["path"]).name for row in keogram] == ["keogram-20241101.jpg"]
    assert done.stderr == ""


def test_quiet_says_nothing_of_what_is_passed_over(tmp_path: Path) -> None:
    DEVICES["phone"](tmp_path)
    assert classify(tmp_path, "--quiet", "--exclude", "DCIM")[1].stderr == ""


def test_a_folder_of_leftovers_alone_holds_no_photo(tmp_path: Path) -> None:
    (tmp_path / "$Recycle.Bin").mkdir()
    (tmp_path / "$Recycle.Bin" / "a.jpg").touch()
    rows, done = classify(tmp_path)
    assert (rows, done.returncode) == ([], 1)
    assert done.stderr == "No photo found, 1 file or folder passed over ($RECYCLE.BIN).\n"


def test_times_of_neighbours_sort_and_choose_too(tmp_path: Path) -> None:
    DEVICES["rpicam"](tmp_path)
    rows, _ = classify(tmp_path / "clock", "--sort", "time", "--since", "2024-11-02", "--until", "2024-11-02T01:00")
    assert [row["captured_at"] for row in rows] == ["2024-11-02T00:05:00"]
