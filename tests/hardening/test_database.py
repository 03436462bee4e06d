"""The archive as a database: whatever ends a run, no row is lost, and the next run takes it up."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import CLASSIFY, run
from conftest import HANGS_AFTER

from cloudedge.archive.database import Database
from cloudedge.archive.stored_rows import StoredRows

if sys.platform == "win32":
    pytest.skip("POSIX signals and locks", allow_module_level=True)

KILLS = 10
FEW_ROWS = 200_000  # bytes of the log
IN_NAMESPACE = ["unshare", "--map-root-user", "--mount"]


def can_mount() -> bool:
    command = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


mounts = pytest.mark.skipif(not can_mount(), reason="needs unshare(1), and leave to mount")


def names(target: Path) -> list[str]:
    return [os.path.basename(row["path"]) for row in StoredRows(str(target)).rows()]


def in_namespace(script: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script of `sh` in which $0 is the folder and "$@" the arguments; what it mounts is gone at its end."""
    command = [*IN_NAMESPACE, "sh", "-c", script, str(folder), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600)


def test_ten_kills_at_random_moments_lose_nothing(photos: Path) -> None:
    for number in range(40, 1000):
        shutil.copy(photos / f"{number % 40:02}.jpg", photos / f"{number}.jpg")
    target, log, chance = photos.parent / "sky.db", photos.parent / "sky.db-wal", random.Random()
    numbers = []
    for _ in range(KILLS):
        with subprocess.Popen([*CLASSIFY, str(photos), "-o", str(target)], stderr=subprocess.DEVNULL) as process:
            end = time.monotonic() + HANGS_AFTER
            while not (log.exists() and log.stat().st_size > FEW_ROWS) and process.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
        numbers.append(len(names(target)))  # the last to close it empties the log
        connection = sqlite3.connect(target)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    print(f"rows after each kill: {numbers}")
    assert numbers == sorted(numbers)
    assert 0 < numbers[0] < 1000
    assert run(photos, "-o", target).returncode == 0
    assert sorted(names(target)) == sorted(os.listdir(photos))
    assert not log.exists()


def test_a_second_writer_is_told_who_is_the_first(photos: Path) -> None:
    target = photos.parent / "sky.db"
    with Database(str(target), 3, "settings"):
        done = run(photos, "-o", target)
    assert done.returncode == 4
    who = f" (process {os.getpid()})" if os.path.exists("/proc/locks") else ""
    assert done.stderr == f"Error: {target}: is being written by another cloudedge{who}; wait until that ends\n"


@mounts
def test_a_full_disk_is_one_line_and_loses_nothing(photos: Path) -> None:
    disk, kept = photos.parent / "disk", photos.parent / "kept.db"
    disk.mkdir()
    script = """
        mount -t tmpfs -o size=400k tmpfs "$0"; kept=$1; shift
        "$@"; echo $?
        mount -o remount,size=20m "$0"
        cp "$0"/sky.db* "$(dirname "$kept")"
        "$@"; echo $?
        cp "$0/sky.db" "$kept"
    """
    done = in_namespace(script, disk, kept, *CLASSIFY, photos, "-q", "-o", disk / "sky.db")
    assert done.stderr == f"Error: {disk}/sky.db: cannot be written: No space left on device\n"
    assert done.stdout.split() == ["1", "0"]
    written = names(kept.with_name("sky.db"))
    print(f"{len(written)} of 40 rows when the disk was full")
    assert 0 < len(written) < 40
    assert names(kept)[: len(written)] == written
    assert sorted(names(kept)) == sorted(os.listdir(photos))


@mounts
def test_a_disk_that_is_full_at_the_start_is_one_line(photos: Path) -> None:
    disk = photos.parent / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=16k tmpfs "$0"; "$@"; echo $?'
    done = in_namespace(script, disk, *CLASSIFY, photos, "-q", "-o", disk / "sky.db")
    assert done.stdout.split() == ["2"]
    assert done.stderr.splitlines()[-1].endswith("sky.db cannot be written: No space left on device.")


@mounts
def test_a_read_only_disk_can_be_read_but_not_written(photos: Path) -> None:
    folder, page = photos.parent / "folder", photos.parent / "sky.html"
    folder.mkdir()
    target = folder / "sky.db"
    assert run(photos, "-o", target).returncode == 0
    script = 'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; "$@"; echo $?'
    report = [sys.executable, "-m", "cloudedge", "report", target, "-o", page]
    done = in_namespace(script, folder, *report)
    assert done.stdout.split() == ["0"]
    assert "40 captures" in done.stderr
    done = in_namespace(script, folder, *CLASSIFY, photos, "-o", target)
    assert done.stdout.split() == ["2"]
    assert done.stderr.splitlines()[-1].endswith(f"{target} cannot be written: Read-only file system.")
    assert os.listdir(folder) == ["sky.db"]
