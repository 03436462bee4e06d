"""`cloudedge phases` as people call it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudedge.row_formats import to_csv, to_jsonl

from ...support.archives import DEVICES
from ...support.skies import row, rows_of

SKIES = ["Stratus"] * 12 + ["Cumulus", "Cumulus", "Cirrus", *["Cumulus"] * 9] + ["dark"] * 6
TEXT = """\
2024-06-01
  00:00-01:50  Stratus, 12 captures, 100% certain
  02:00-03:50  Cumulus, 12 captures, 92% certain
  04:00-04:50  Too dark, 6 captures
"""


def phases(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloudedge", "phases", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600, check=False, **options)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(to_jsonl(rows_of(SKIES, minutes=10))))
    return path


def test_the_phases_of_a_day_are_text(results: Path) -> None:
    done = phases(results)
    assert (done.returncode, done.stdout, done.stderr) == (0, TEXT, "")


def test_rows_may_come_in_any_order_be_repeated_and_come_from_a_pipe(results: Path, tmp_path: Path) -> None:
    lines = results.read_text().splitlines(keepends=True)
    first = [line.replace('"Stratus"', '"Cirrus"') for line in lines[:3]]  # by a model that was replaced
    mixed = "".join([*first, *lines[::-1], *lines[5:9]])
    assert phases("-", input=mixed).stdout == TEXT
    (tmp_path / "rows.csv").write_text("".join(to_csv(map(json.loads, lines[::-1]), 3)))
    assert phases(tmp_path / "rows.csv").stdout == TEXT


def test_a_database_has_the_same_phases(results: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cloudedge", "convert", str(results), str(tmp_path / "rows.db")]
    subprocess.run(command, check=True)
    assert phases(tmp_path / "rows.db").stdout == TEXT


def test_programs_get_json_lines_json_and_csv(results: Path, tmp_path: Path) -> None:
    found = [json.loads(line) for line in phases(results, "--format", "jsonl").stdout.splitlines()]
    assert [(phase["sky"], phase["captures"], phase["certain"], phase["camera"]) for phase in found] == [
        ("Stratus", 12, 12, None),
        ("Cumulus", 12, 11, None),
        ("dark", 6, 0, None),
    ]
    assert (found[0]["start"], found[0]["end"]) == ("2024-06-01T00:00:00+00:00", "2024-06-01T01:50:00+00:00")
    target = tmp_path / "phases.json"
    assert phases(results, "-o", target).stdout == ""
    assert json.loads(target.read_text()) == found
    header, *lines = csv.reader(io.StringIO(phases(results, "--format", "csv").stdout))
    assert header == list(found[0])
    assert [line[0] for line in lines] == ["Stratus", "Cumulus", "dark"]


def test_times_are_shown_in_another_zone_if_they_have_an_offset(results: Path) -> None:
    done = phases(results, "--timezone", "America/New_York")
    assert done.stdout.splitlines()[:2] == ["2024-05-31", "  20:00-21:50  Stratus, 12 captures, 100% certain"]
    naive = results.read_text().replace("+00:00", "")
    done = phases("-", "--timezone", "America/New_York", input=naive)
    assert (done.stdout, done.stderr) == (TEXT, "--timezone changed nothing: no time has an offset.\n")


def test_a_phase_that_ends_on_another_day_says_so() -> None:
    rows = "".join(to_jsonl(rows_of(["dark"] * 4, start="2024-06-01T22:30:00")))
    assert phases("-", input=rows).stdout == "2024-06-01\n  22:30-2024-06-02 01:30  Too dark, 4 captures\n"


def test_each_camera_has_its_own_phases() -> None:
    north, south = (
        list(rows_of([sky] * 5, folder=f"cams/{name}/2024-06-01/"))
        for sky, name in (("Cirrus", "north"), ("Cumulus", "south"))
    )
    rows = [row for pair in zip(north, south, strict=True) for row in pair]
    text = "".join(to_jsonl(rows))
    assert phases("-", input=text).stdout == (
        "north, 2024-06-01\n  00:00-04:00  Cirrus, 5 captures, 100% certain\n"
        "south, 2024-06-01\n  00:00-04:00  Cumulus, 5 captures, 100% certain\n"
    )
    (one,) = phases("-", "--camera", "south", "--format", "jsonl", input="".join(to_jsonl(south))).stdout.splitlines()
    assert json.loads(one)["camera"] == "south"


def test_cameras_that_only_the_names_of_files_tell_apart_are_not_merged_in_silence() -> None:
    pairs = zip(
        *(rows_of([sky] * 5, folder=f"all/{name}_") for sky, name in (("Cirrus", "n"), ("Cumulus", "s"))), strict=True
    )
    text = "".join(to_jsonl(row for pair in pairs for row in pair))
    done = phases("-", input=text)
    assert "take turns; if these are two cameras, tell them apart with --camera." in done.stderr
    done = phases("-", "--camera", "all/(.)_", input=text)
    assert [line.partition(",")[0] for line in done.stdout.splitlines()[::2]] == ["n", "s"]
    assert done.stderr == ""
    done = phases("-", "--camera", "(s)_", input=text)
    assert done.stderr == "5 captures not matched by --camera, for example all/n_0.jpg.\n"


def test_captures_without_a_time_are_counted(results: Path) -> None:
    done = phases("-", input=results.read_text() + "".join(to_jsonl([row("Cirrus", None, "b.jpg")])))
    assert (done.stdout, done.stderr) == (TEXT, "1 capture without a time left out, for example b.jpg.\n")


def test_nothing_with_a_time_is_no_phase() -> None:
    done = phases("-", input="".join(to_jsonl(rows_of(["error"]))))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "No row has a time, so there are no phases.\n")


def test_wrong_usage_exits_2_in_one_line(results: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("no row\n")
    for arguments in (
        (tmp_path / "other",),
        (results, "--camera", "("),
        (results, "-o", results),
        (results, "--timezone", "Nowhere"),
        (tmp_path / "no-such",),
    ):
        done = phases(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr
    assert results.read_text().count("\n") == len(SKIES)


CAMERAS = {
    "synology": {None},
    "all_sky": {None},
    "motion": {None},
    "frigate": {None},
    "rpicam": {"datetime", "timestamp", "clock"},
    "phone": {"DCIM/Camera", "Pictures/Screenshots"},
}


@pytest.mark.parametrize("device", DEVICES)
def test_the_layouts_of_devices_keep_one_camera_one(tmp_path: Path, device: str) -> None:
    archive = DEVICES[device](tmp_path)
    dated = [(path, time) for path, time in archive.captures.items() if time]
    sky = next(rows_of(["Cumulus"]))
    rows = [{**sky, "path": os.path.join(tmp_path, path), "captured_at": time} for path, time in dated]
    found = [
        json.loads(line) for line in phases("-", "--format", "jsonl", input="".join(to_jsonl(rows))).stdout.splitlines()
    ]
    assert {phase["camera"] for phase in found} == CAMERAS[device]
    assert sum(phase["captures"] for phase in found) == len(rows)
