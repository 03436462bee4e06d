"""`cloudedge classify` over folders of captures: choosing, resuming after any end, sharing the work, steady memory.

The sizes are small unless CLOUDEDGE_FULL_TESTS is set.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cloudedge.archive.photo_list import collected
from cloudedge.classifier import CloudClassifier
from cloudedge.errors import CloudEdgeError
from cloudedge.row_key import KEY

TINY = str(Path(__file__).parents[1] / "fixtures" / "tiny.onnx")
CLASSIFY = [sys.executable, "-m", "cloudedge", "classify", "--model", TINY, "--threads", "1"]
FULL = bool(os.environ.get("CLOUDEDGE_FULL_TESTS"))

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals, limits and permissions")


def classify(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLASSIFY, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=600, **options
    )


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def paths(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [row["path"] for row in rows(done)]


@pytest.fixture
def month(tmp_path: Path, draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]) -> Path:
    """Two cameras, four days, three captures a day, and one that is cut short."""
    for camera in ("b", "a"):
        for day in range(1, 5):
            folder = tmp_path / "cam" / camera / f"2024/06/{day:02}"
            folder.mkdir(parents=True)
            for hour in (8, 12, 16):
                data = encode(draw_sky(48, 32, seed=100 * day + hour), "JPEG")
                (folder / f"{hour:02}-00-00.jpg").write_bytes(data)
    cut = tmp_path / "cam/a/2024/06/02/12-00-00.jpg"
    cut.write_bytes(cut.read_bytes()[:400])
    return tmp_path / "cam"


def archive(folder: Path, number: int, encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray]) -> Path:
    """Many photos, a hundred a folder; every fiftieth cannot be read."""
    pictures = [encode(draw_sky(48, 32, seed=seed), "JPEG") for seed in range(20)]
    for i in range(number):
        path = folder / f"{i // 100:03}" / f"{i % 100:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no photo" if i % 50 == 49 else pictures[i % len(pictures)])
    return folder


def test_by_time_across_folders(month: Path) -> None:
    (month / "b" / "no-time.jpg").write_bytes((month / "b/2024/06/01/08-00-00.jpg").read_bytes())
    os.utime(month / "b" / "no-time.jpg", (0, 0))
    found = paths(classify(month, "--sort", "time", "--format", "jsonl"))
    days = [f"2024/06/{day:02}/{hour:02}-00-00.jpg" for day in range(1, 5) for hour in (8, 12, 16)]
    expected = [month / camera / day for day in days for camera in ("a", "b")] + [month / "b" / "no-time.jpg"]
    assert found == [str(path) for path in expected]


@pytest.mark.slow
def test_the_end_of_a_run_by_time_says_how_many_were_placed_by_their_file(month: Path) -> None:
    (month / "latest.jpg").write_bytes((month / "b/2024/06/01/08-00-00.jpg").read_bytes())
    placed = "1 photo placed by the file's time of change"
    for options in (("--sort", "time"), ("--since", "2024-06-02"), ("--until", "2024-06-02")):
        assert placed in classify(month, *options).stderr.splitlines()
    assert placed not in classify(month).stderr


@pytest.mark.slow
def test_since_until_glob_and_depth_choose(month: Path) -> None:
    between = classify(month, "--since", "2024-06-02", "--until", "2024-06-03T12:00", "--format", "jsonl")
    assert {row["captured_at"] for row in rows(between)} == {
        *(f"2024-06-02T{hour}:00:00" for hour in ("08", "12", "16")),
        "2024-06-03T08:00:00",
    }
    assert len(rows(between)) == 8
    assert between.stderr.splitlines()[0] == "8 photos, 1 failed, 16 taken at another time"
    noon = classify(month / "b", "--glob", "12-*.jpg", "--format", "jsonl")
    assert {Path(path).name for path in paths(noon)} == {"12-00-00.jpg"}
    assert len(rows(noon)) == 4
    assert noon.stderr.splitlines()[0] == "4 photos, 0 failed, 8 other files skipped"
    (month / "no-time.jpg").touch()
    os.utime(month / "no-time.jpg", (0, 0))
    late = classify(month, "--since", "2025-01-01")
    assert (late.returncode, late.stdout) == (1, "")
    assert late.stderr == "No photo found, 25 taken at another time (1 without a time).\n"
    (month / "no-time.jpg").unlink()
    assert classify(month, "--no-recursive").returncode == 1
    assert len(rows(classify(month / "b/2024/06/01", "--no-recursive", "--format", "jsonl"))) == 3


def test_hidden_files_are_counted_as_passed_over(month: Path) -> None:
    (month / ".DS_Store").touch()
    (month / "notes.txt").touch()
    done = classify(month, "-o", month / "rows.csv")
    assert done.stderr.splitlines()[0] == "24 photos, 1 failed, 2 other files skipped"


@pytest.mark.slow
def test_the_end_of_a_folder_says_what_it_shows_what_failed_and_where_the_rows_are(month: Path) -> None:
    target = month / "rows.jsonl"
    first, skies, *rest = classify(month, "-o", target).stderr.splitlines()
    assert first == "24 photos, 1 failed"
    written = [json.loads(line) for line in target.read_text().splitlines()]
    counts = Counter(row["genus"] or row["reason"] for row in written if row["status"] == "ok")
    assert dict(entry.rsplit(" ", 1) for entry in skies.split(", ")) == {sky: str(n) for sky, n in counts.items()}
    (error,) = (row["error"] for row in written if row["error"])
    assert rest == [f"failed: {month}/a/2024/06/02/12-00-00.jpg: {error}", f"rows in {target}"]
    for path in (month / "b").rglob("*.jpg"):
        path.write_bytes(b"")
    lines = classify(month, "-o", target).stderr.splitlines()
    assert sum(line.startswith(f"failed: {month}") for line in lines) == 10
    assert "failed: 3 more" in lines
    assert classify(month, "-o", target, "--quiet").stderr == ""


@pytest.mark.slow
def test_shards_joined_are_the_whole(month: Path) -> None:
    whole = rows(classify(month, "--format", "jsonl"))
    shards = [rows(classify(month, "--shard", f"{number}/3", "--format", "jsonl")) for number in (1, 2, 3)]
    assert all(shards)
    each = [classify(month / "b/2024/06/01/08-00-00.jpg", "--shard", f"{number}/2") for number in (1, 2)]
    assert [done.returncode for done in each] == [0, 0]  # an empty shard is no failure
    assert sorted(done.stderr for done in each) == ["", "0 photos, 0 failed\n"]
    assert sorted(chain(*shards), key=lambda row: row["path"]) == whole


@pytest.mark.parametrize("box", [(0, 0, 1, 0.6), (0.25, 0.1, 0.75, 1), (0.9, 0.9, 1, 1)])
def test_a_crop_is_the_part_of_the_upright_photo(
    tmp_path: Path, draw_sky: Callable[..., np.ndarray], box: tuple[float, float, float, float]
) -> None:
    pixels = draw_sky(100, 60)
    exif = Image.Exif()
    exif[0x0112] = 8  # turned when it was taken
    Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_270).save(tmp_path / "a.png", exif=exif.tobytes())
    left, top, right, bottom = (round(edge * size) for edge, size in zip(box, (100, 60, 100, 60), strict=True))
    expected = CloudClassifier(TINY, threads=1).classify(np.ascontiguousarray(pixels[top:bottom, left:right]))
    (row,) = rows(classify(tmp_path / "a.png", "--crop", ",".join(map(str, box)), "--format", "jsonl"))
    assert row["path"] == str(tmp_path / "a.png")
    assert row["top"] == expected.to_dict()["top"]


@pytest.mark.slow
def test_a_crop_of_a_large_photo_is_decoded_finely_enough(tmp_path: Path, draw_sky: Callable[..., np.ndarray]) -> None:
    Image.fromarray(draw_sky(1600, 1200)).save(tmp_path / "a.jpg", quality=95)
    pixels = np.asarray(Image.open(tmp_path / "a.jpg"))[:, 720:880]
    expected = CloudClassifier(TINY, threads=1).classify(np.ascontiguousarray(pixels))
    found = CloudClassifier(TINY, threads=1, crop=(0.45, 0, 0.55, 1)).classify(tmp_path / "a.jpg")
    assert found.probability == pytest.approx(expected.probability, abs=0.03)


def test_min_confidence_is_the_line_between_certain_and_not(month: Path) -> None:
    plain = [row for row in rows(classify(month, "--format", "jsonl")) if row["status"] == "ok"]
    middle = sorted(row["probability"] for row in plain)[len(plain) // 2]
    done = classify(month, "--min-confidence", str(middle), "--format", "jsonl")
    for row in rows(done):
        if row["status"] == "ok":
            assert row["certain"] == (row["probability"] >= middle)
            assert row["reason"] == (None if row["certain"] else "low_confidence")
    assert {row["certain"] for row in rows(done)} == {True, False, None}


@pytest.mark.slow
def test_the_name_of_the_output_says_the_format(month: Path) -> None:
    for name in ("rows.jsonl", "rows.csv", "rows.json", "rows.txt", "rows.CSV"):
        classify(month, "-o", month / name)
    lines = (month / "rows.jsonl").read_text().splitlines()
    assert len(lines) == 24 == len(json.loads((month / "rows.json").read_text()))
    assert len(list(csv.DictReader(io.StringIO((month / "rows.csv").read_text())))) == 24
    assert (month / "rows.csv").read_text() == (month / "rows.CSV").read_text()
    assert "06/01/08-00-00.jpg: " in (month / "rows.txt").read_text().splitlines()[0]


@pytest.mark.parametrize(
    "options",
    [
        ("--resume",),
        ("--resume", "-o", "-"),
        ("--resume", "-o", "rows.txt"),
        ("--resume", "-o", "rows.json"),
        ("--resume", "-o", "rows.jsonl", "-"),
        ("--resume", "-o", "a.jpg"),
        ("--resume", "-o", "."),
        ("--resume", "-o", "no-such/rows.csv"),
        ("-o", "a.jpg"),
        ("--shard", "0/2"),
        ("--shard", "3/2"),
        ("--shard", "2"),
        ("--crop", "0,0,1"),
        ("--crop", "0,0.5,1,0.5"),
        ("--crop", "0,0,1,1.1"),
        ("--crop", "0,0,nan,1"),
        ("--since", "yesterday"),
        ("--since", "2024-06-02", "--until", "2024-06-01"),
        ("-o", "my.onnx"),
        ("--min-confidence", "2"),
        ("--min-confidence", "nan"),
        ("--glob", "."),
        ("--exclude", "."),
        ("--exclude", "a.jpg", "--exclude", ""),
    ],
)
def test_wrong_usage_exits_2_and_leaves_no_trace(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a photo, as it were")
    done = classify("a.jpg", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["a.jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == b"a photo, as it were"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_what_failed_is(month: Path, name: str) -> None:
    target = month.parent / name
    first = classify(month, "-o", target, "--resume")
    assert (first.returncode, first.stderr.splitlines()[0]) == (1, "24 photos, 1 failed")
    before = (target).read_bytes()
    again = classify(month, "-o", target, "--resume")
    assert (again.returncode, again.stderr.splitlines()[0]) == (0, "1 photo, 1 failed as before, 23 done before")
    assert (target).read_bytes() == before
    bad = month / "a/2024/06/02/12-00-00.jpg"
    bad.write_bytes((month / "b/2024/06/02/12-00-00.jpg").read_bytes())
    mended = classify(month, "-o", target, "--resume")
    assert (mended.returncode, mended.stderr.splitlines()[0]) == (0, "1 photo, 0 failed, 23 done before")
    nothing_left = classify(month, "-o", target, "--resume")
    assert nothing_left.returncode == 0
    assert nothing_left.stderr == f"0 photos, 0 failed, 24 done before\nrows in {target}\n"
    text = (target).read_text()
    assert len(text.splitlines()) == 24 + name.endswith("csv")
    assert "error" not in text.replace('"error": null', "").replace("status,error", "")


@pytest.mark.slow
def test_an_old_failure_does_not_fail_each_later_run_but_a_new_one_does(month: Path) -> None:
    target = month.parent / "rows.jsonl"
    assert classify(month, "-o", target, "--resume").returncode == 1
    assert classify(month, "-o", target, "--resume", "-q").returncode == 0
    (month / "a" / "new.jpg").write_bytes(b"no photo")
    new = classify(month, "-o", target, "--resume")
    assert (new.returncode, new.stderr.splitlines()[0]) == (1, "2 photos, 2 failed (1 as before), 23 done before")
    assert classify(month, "-o", target, "--resume", "-q").returncode == 0


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.slow
def test_a_photo_is_one_photo_however_its_path_is_spelt(month: Path, name: str) -> None:
    target = month.parent / name
    classify("./cam", "-o", target, "--resume", "-q", cwd=month.parent)
    before = target.read_bytes()
    for spelling in ("cam", "./cam", str(month), "../" + month.parent.name + "/cam", "./cam/"):
        done = classify(spelling, "-o", target, "--resume", cwd=month.parent)
        assert (done.returncode, done.stderr.splitlines()[0]) == (0, "1 photo, 1 failed as before, 23 done before")
        assert target.read_bytes() == before


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.slow
def test_photos_with_other_times_of_change_are_the_same_photos(month: Path, name: str) -> None:
    target = month.parent / name
    classify(month, "-o", target, "--resume", "-q")
    answers = [line.rpartition("-")[0].rpartition("-")[0] for line in target.read_text().splitlines()]  # less the state
    photos = sorted(month.rglob("*.jpg"))
    for photo in photos:
        os.utime(photo, ns=(1, 1))
    photos[-1].write_bytes(photos[0].read_bytes())
    done = classify(month, "-o", target, "--resume")
    assert done.stderr.splitlines()[0] == "2 photos, 1 failed, 22 done before"
    text = target.read_text()
    assert len(text.splitlines()) == 25 + name.endswith("csv")  # the changed photo has a second row
    assert {line.rpartition("-")[0].rpartition("-")[0] for line in text.splitlines()} >= set(answers)
    again = classify(month, "-o", target, "--resume")  # knows the new times without reading a photo
    assert again.stderr.splitlines()[0] == "1 photo, 1 failed as before, 23 done before"
    assert target.read_text() == text


def test_rows_of_a_resumed_run_are_those_of_a_plain_one_and_a_key(month: Path) -> None:
    plain = rows(classify(month, "--format", "jsonl"))
    classify(month, "-o", month / "rows.jsonl", "--resume")
    resumed = [json.loads(line) for line in (month / "rows.jsonl").read_text().splitlines()]
    assert all(KEY.fullmatch(row.pop("key")) for row in resumed)
    assert resumed == plain


@pytest.mark.slow
def test_without_resume_a_journal_is_not_replaced(month: Path) -> None:
    for name in ("rows.jsonl", "rows.csv"):
        target = month / name
        classify(month, "-o", target, "--resume", "-q")
        before = target.read_bytes()
        done = classify(month / "b", "-o", target)
        assert (done.returncode, done.stdout) == (2, "")
        assert "holds rows of --resume or watch, which would be lost; add --resume" in done.stderr
        assert target.read_bytes() == before
        classify(month, "-o", month / f"plain-{name}", "-q")
        assert classify(month / "b", "-o", month / f"plain-{name}").returncode == 0  # rows without keys are replaced


def test_rows_of_another_model_stay_and_are_told_of(
    month: Path, make_model: Callable[..., Path], metadata: dict[str, Any]
) -> None:
    target = month / "rows.jsonl"
    classify(month / "b", "-o", target, "--resume")
    other = make_model({**metadata, "name": "other"})
    done = classify(month / "b", "-o", target, "--resume", "--model", other)
    assert f"{target}: 12 rows of another model stay, and their photos are classified again.\n" in done.stderr
    models = [json.loads(line)["model"] for line in target.read_text().splitlines()]
    assert models == ["tiny 0.0.1"] * 12 + ["other 0.0.1"] * 12


def test_a_photo_that_is_named_twice_is_done_once(month: Path) -> None:
    photo, target = month / "b/2024/06/01/08-00-00.jpg", month / "rows.jsonl"
    assert classify(photo, month / "b", "-o", target, "--resume", "-q").returncode == 0
    assert len(target.read_text().splitlines()) == 12


@pytest.mark.slow
def test_other_options_are_another_answer(month: Path) -> None:
    target = month / "rows.jsonl"
    classify(month / "b", "-o", target, "--resume")
    for options in (("--top-k", "1"), ("--crop", "0,0,1,0.5"), ("--min-confidence", "0.5")):
        done = classify(month / "b", "-o", target, "--resume", *options)
        assert done.stderr.splitlines()[0] == "12 photos, 0 failed"
    assert len(target.read_text().splitlines()) == 48


@posix
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.slow
def test_kills_at_any_moment_change_nothing_in_the_end(
    tmp_path: Path, encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray], name: str
) -> None:
    number, kills = (20_000, 10) if FULL else (400, 4)
    folder = archive(tmp_path / "archive", number, encode, draw_sky)
    whole = tmp_path / f"whole-{name}"
    assert classify(folder, "-o", whole, "--resume", "-q").returncode == 1
    chance = random.Random(4)
    target = tmp_path / name
    for _ in range(kills):
        command = [*CLASSIFY, str(folder), "-o", str(target), "--resume", "-q"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            size = target.stat().st_size if target.exists() else 0
            enough = size + chance.random() * 1.5 * whole.stat().st_size / kills
            while process.poll() is None and (not target.exists() or target.stat().st_size < enough):
                time.sleep(0.001)
            process.kill()
    assert 0 < target.stat().st_size < whole.stat().st_size
    assert classify(folder, "-o", target, "--resume", "-q").returncode == 1
    assert target.read_bytes() == whole.read_bytes()


@posix
@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_photos(
    tmp_path: Path, encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray]
) -> None:
    peaks = []
    for number in (200, 20_000 if FULL else 1000):
        folder = archive(tmp_path / str(number), number, encode, draw_sky)
        target = tmp_path / f"{number}.jsonl"
        with subprocess.Popen([*CLASSIFY, str(folder), "-q", "-o", str(target)]) as process:
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        found = [json.loads(line)["path"] for line in target.read_text().splitlines()]
        assert found == sorted(map(str, folder.glob("*/*.jpg")))
        assert len(found) == number
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < 1.15 * peaks[0], peaks


@posix
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_says_how_to_resume(
    tmp_path: Path, encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray], stop: signal.Signals
) -> None:
    folder, target = archive(tmp_path / "archive", 2000, encode, draw_sky), tmp_path / "rows.jsonl"
    command = [*CLASSIFY, str(folder), "-o", str(target), "--resume"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        while process.poll() is None and (not target.exists() or not target.stat().st_size):
            time.sleep(0.01)
        process.send_signal(stop)
        assert process.wait(timeout=60) == 130
        assert "the same command resumes from here" in (process.stderr.read() if process.stderr else "")
    assert target.read_text().endswith("}\n")


@posix
def test_a_full_disk_is_one_line_and_leaves_whole_rows(month: Path) -> None:
    import resource

    target = month / "rows.jsonl"

    def limit() -> None:  # stands for the full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    done = classify(month, "-o", target, "--resume", "-q", preexec_fn=limit)
    assert (done.returncode, done.stderr) == (1, f"Error: {target}: cannot be written: File too large\n")
    whole_rows = target.read_text().splitlines(keepends=True)
    assert all(json.loads(line) for line in whole_rows)
    assert whole_rows[-1].endswith("\n")
    classify(month, "-o", target, "--resume", "-q")
    assert len(target.read_text().splitlines()) == 24


def test_a_full_disk_of_temporary_files_is_one_line(month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(path: str) -> sqlite3.Connection:
        database = sqlite3_connect(path)
        database.execute("PRAGMA max_page_count = 1")  # stands for the full disk
        return database

    sqlite3_connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(CloudEdgeError, match="does not fit on the disk for temporary files"), collected(["a.jpg"]):
        pass


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_line(month: Path) -> None:
    (month / "b").chmod(0o500)
    for options in ((), ("--resume",)):
        done = classify(month, "-o", month / "b" / "rows.jsonl", *options)
        assert done.returncode == 2
        assert "cannot be written: Permission denied" in done.stderr
    (month / "b").chmod(0o700)


@posix
def test_a_terminal_sees_how_fast_it_goes_and_how_long_it_will_take(month: Path) -> None:
    import pty
    from contextlib import suppress

    controller, terminal = pty.openpty()
    command = [*CLASSIFY, str(month), "-o", str(month / "rows.jsonl"), "--resume", "--sort", "time"]
    shown = b""
    with subprocess.Popen(command, stderr=terminal, env={**os.environ, "TERM": "xterm"}):
        os.close(terminal)
        with suppress(OSError):  # how Linux says that the other end is closed
            while data := os.read(controller, 65536):
                shown += data
    os.close(controller)
    assert b"24/24" in shown
    assert b"photos/s" in shown
