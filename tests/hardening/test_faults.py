"""Whatever happens to a run, its output is whole, and what went wrong is said in a line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import CLASSIFY, names, run
from corpus import encoded, png_chunk, png_header

from cloudedge.row_formats import read_rows

if sys.platform == "win32":
    pytest.skip("POSIX limits and signals", allow_module_level=True)

import resource


def limited(what: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(what, (value, value))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_journal_that_may_not_grow_ends_with_a_whole_row_and_is_taken_up_later(photos: Path, name: str) -> None:
    target = photos.parent / name
    done = run(photos, "-o", target, "--resume", before=limited(resource.RLIMIT_FSIZE, 5000))
    assert (done.returncode, done.stderr) == (1, f"Error: {target}: cannot be written: File too large\n")
    assert 0 < target.stat().st_size <= 5000
    assert target.read_bytes().endswith(b"\n")
    assert run(photos, "-o", target, "--resume").returncode == 0
    assert names(target) == sorted(os.listdir(photos))


def test_an_output_that_may_not_grow_is_as_it_was(photos: Path) -> None:
    target = photos.parent / "rows.jsonl"
    target.write_text("of an earlier run")
    done = run(photos, "-o", target, before=limited(resource.RLIMIT_FSIZE, 5000))
    assert (done.returncode, done.stderr) == (1, f"Error: {target}: cannot be written: File too large\n")
    assert target.read_text() == "of an earlier run"
    assert sorted(os.listdir(photos.parent)) == ["photos", "rows.jsonl"]


def test_two_runs_never_mix_their_rows(photos: Path) -> None:
    """A journal has one writer; an output that is replaced has the rows of one run, whole."""
    journal, plain = photos.parent / "journal.jsonl", photos.parent / "plain.jsonl"
    first = subprocess.Popen([*CLASSIFY, str(photos), "-", "-o", str(plain)], stdin=subprocess.PIPE)
    assert run(photos, "-o", plain).returncode == 0
    first.communicate(b"")
    assert len(list(read_rows(str(plain)))) == 41
    with journal.open("ab") as stream:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)
        done = run(photos, "-o", journal, "--resume")
    assert done.returncode == 4
    assert "is being written by another cloudedge" in done.stderr
    assert "Usage:" not in done.stderr
    assert journal.read_bytes() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_one_after_the_other_change_nothing(photos: Path, number: signal.Signals) -> None:
    target = photos.parent / "rows.jsonl"
    command = [*CLASSIFY, str(photos), "-o", str(target), "--resume"]
    for pause in (0.0, 0.01, 0.05):
        before = target.read_bytes() if target.exists() else b""
        with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
            while process.poll() is None and (not target.exists() or target.read_bytes() == before):
                time.sleep(0.005)
            for _ in range(3):
                process.send_signal(number)
                time.sleep(pause)
            stderr = process.communicate(timeout=120)[1]
        assert process.returncode in (0, 130)  # it may have been done before
        assert "Traceback" not in stderr
        assert target.read_bytes().startswith(before)
    assert run(photos, "-o", target, "--resume").returncode == 0
    assert names(target) == sorted(os.listdir(photos))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed_from_the_start(photos: Path, closed: str) -> None:
    target = photos.parent / "rows.jsonl"
    words = " ".join(f"'{word}'" for word in [*CLASSIFY, str(photos), "-o", str(target)])
    done = subprocess.run(f"{words} {closed}", shell=True, capture_output=True, encoding="utf-8", timeout=120)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    assert names(target) == sorted(os.listdir(photos))


@pytest.mark.parametrize("files", [24, 40, 100])
def test_few_open_files_are_enough_or_it_is_said(photos: Path, files: int) -> None:
    target = photos.parent / "rows.jsonl"
    done = run(photos, "-o", target, "--resume", before=limited(resource.RLIMIT_NOFILE, files))
    assert done.returncode in (0, 1, 2, 3)
    assert done.stderr
    if done.returncode in (0, 1) and target.exists():
        assert names(target) == sorted(os.listdir(photos))
    assert run(photos, "-o", target, "--resume").returncode == 0
    assert names(target) == sorted(os.listdir(photos))


def test_what_does_not_fit_into_memory_is_a_row(photos: Path) -> None:
    side = 9400  # 353 MB in Pillow, just below the limit of pixels
    rows = png_chunk(b"IDAT", __import__("zlib").compress(bytes((1 + 3 * side) * side), 1))
    (photos / "10-large.png").write_bytes(png_header(side, side) + rows + png_chunk(b"IEND"))
    done = run("--format", "jsonl", photos, before=limited(resource.RLIMIT_DATA, 320 * 2**20))
    found = {os.path.basename(row["path"]): row["error"] for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert len(found) == 41
    assert [name for name, error in found.items() if error] == ["10-large.png"]
    assert found["10-large.png"] == "does not fit into memory; scale it down"


def test_photos_that_vanish_or_change_while_they_are_read_are_rows(photos: Path) -> None:
    stop, before = threading.Event(), sorted(os.listdir(photos))

    def disturb() -> None:
        while not stop.is_set():
            for number in range(0, 40, 2):
                path = photos / f"{number:02}.jpg"
                path.write_bytes(b"")
                path.write_bytes(encoded("JPEG")[:900])
                path.unlink()
                path.write_bytes(encoded("JPEG"))

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        found = [run("--format", "jsonl", *[photos / name for name in before]) for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    for done in found:
        rows = list(map(json.loads, done.stdout.splitlines()))
        assert [os.path.basename(row["path"]) for row in rows] == before
        assert all(row["status"] == "ok" for row in rows[1::2])


def test_a_folder_that_vanishes_under_a_run_ends_it_with_a_line(photos: Path) -> None:
    command = [*CLASSIFY, "--format", "jsonl", str(photos), "-", str(photos)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(0.5)
        shutil.rmtree(photos)
        out, err = process.communicate(b"", timeout=120)
    assert process.returncode == 1
    assert b"Traceback" not in err
    assert all(json.loads(line)["status"] in ("ok", "error") for line in out.splitlines())


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_times_of_change_of_any_year_and_an_empty_path_are_remembered(photos: Path, name: str) -> None:
    for number, moment in enumerate((-(10**9), 0, 1, 2**31, 2**32, 10**10)):
        os.utime(photos / f"{number:02}.jpg", (moment, moment))
    target = photos.parent / name
    first = run(photos, "", "-o", target, "--resume")
    assert (first.returncode, first.stderr.splitlines()[0]) == (1, "41 photos, 1 failed")
    whole = target.read_bytes()
    again = run(photos, "", "-o", target, "--resume")
    assert (again.returncode, again.stderr.splitlines()[0]) == (0, "1 photo, 1 failed as before, 40 done before")
    assert target.read_bytes() == whole


def test_rows_for_a_closed_stream_are_not_lost_silently(photos: Path) -> None:
    words = " ".join(f"'{word}'" for word in [*CLASSIFY, str(photos)])
    done = subprocess.run(f"{words} >&-", shell=True, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 2
    assert "standard output is closed; give -o FILE." in done.stderr
