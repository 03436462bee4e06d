"""The watch: each complete capture once, whatever way it comes; what counts as a change; the command on each row."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudedge.archive.hints import from_notifications, from_polling
from cloudedge.archive.ledger import Ledger
from cloudedge.archive.network import network_file_system
from cloudedge.archive.photos import Selection
from cloudedge.archive.row_command import run_command
from cloudedge.archive.watch import Changes, Watch
from cloudedge.classifier import CloudClassifier
from cloudedge.installation import command_to_add
from cloudedge.row_formats import read_rows
from cloudedge.signals import Stop

from ...support.skies import rows_of
from ...support.waiting import wait_for

TINY = str(Path(__file__).parents[1] / "fixtures" / "tiny.onnx")
CLOUDEDGE = [sys.executable, "-m", "cloudedge"]

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


class Clock:
    """A clock that only the test moves forward."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Camera:
    """A watched folder, with a clock of its own: `look` is one look at it, and gives the names and statuses found."""

    def __init__(self, root: Path, photo: bytes, **options: Any) -> None:
        self.root, self.photo, self.clock, self.ledger = root, photo, Clock(), Ledger("")
        root.mkdir(exist_ok=True)
        classifier = CloudClassifier(TINY, threads=1)
        self.watch = Watch(str(root), classifier.classify_many, self.ledger, clock=self.clock, **options)

    def look(self, *hints: str | None, after: float = 0.0) -> list[tuple[str, str]]:
        self.clock.now += after
        paths = None if hints == (None,) else [str(self.root / str(hint)) for hint in hints]
        found = []
        for result, key in self.watch.captures(iter([paths])):
            self.ledger.write(result.to_dict(), key)
            found.append((os.path.relpath(str(result.path), self.root).replace(os.sep, "/"), result.status))
        return found

    def put(self, name: str, data: bytes | None = None) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.photo if data is None else data)


@pytest.fixture
def photo(draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]) -> bytes:
    return encode(draw_sky(), "JPEG")


@pytest.fixture
def camera(tmp_path: Path, photo: bytes) -> Camera:
    return Camera(tmp_path / "cam", photo, settle=2.0, patience=60.0)


def test_a_capture_is_classified_once_when_it_has_stood_still(camera: Camera) -> None:
    camera.put("a.jpg")
    assert camera.look("a.jpg") == []
    assert camera.look(after=1.9) == []
    assert camera.look(after=0.2) == [("a.jpg", "ok")]
    assert camera.look("a.jpg", after=10) == camera.look(None, after=10) == []


def test_a_file_that_grows_is_waited_for(camera: Camera, photo: bytes) -> None:
    for size in range(100, len(photo), 400):
        camera.put("slow.jpg", photo[:size])
        assert camera.look("slow.jpg", after=1.5) == []
    camera.put("slow.jpg")
    assert camera.look(after=2) == []  # it has changed, and nobody has told
    assert camera.look(after=2) == [("slow.jpg", "ok")]


def test_a_file_that_stops_growing_for_a_while_is_no_failure(camera: Camera, photo: bytes) -> None:
    camera.put("slow.jpg", photo[:500])
    assert camera.look("slow.jpg") == []
    for _ in range(5):
        assert camera.look(after=5) == []
    camera.put("slow.jpg")
    camera.look("slow.jpg")
    assert camera.look(after=2) == [("slow.jpg", "ok")]


def test_a_file_that_stays_unreadable_becomes_one_failure(camera: Camera) -> None:
    camera.put("text.jpg", b"no photo")
    camera.look("text.jpg")
    found = [row for _ in range(100) for row in camera.look(None, after=3)]
    assert found == [("text.jpg", "error")]


def test_a_file_that_is_renamed_or_removed_is_dropped_silently(camera: Camera) -> None:
    camera.put("new.jpg")
    camera.put("gone.jpg")
    camera.look("new.jpg", "gone.jpg")
    (camera.root / "new.jpg").rename(camera.root / "12-00.jpg")
    (camera.root / "gone.jpg").unlink()
    camera.look("new.jpg", "12-00.jpg", "gone.jpg", after=1)
    assert [row for _ in range(100) for row in camera.look(None, after=3)] == [("12-00.jpg", "ok")]


def test_a_file_that_changes_while_it_is_read_is_waited_for_anew(camera: Camera, photo: bytes) -> None:
    classify = camera.watch._classify

    def rewrite(paths: Any) -> Any:
        for path in paths:
            camera.watch._classify = classify
            Path(path).write_bytes(photo + b"more")
            yield from classify([path])

    camera.watch._classify = rewrite
    camera.put("a.jpg")
    camera.look("a.jpg")
    assert camera.look(after=2) == []
    assert camera.look(after=2) == [("a.jpg", "ok")]


def test_a_file_that_is_written_anew_is_another_capture(camera: Camera, photo: bytes) -> None:
    for number in range(3):
        camera.put("latest.jpg", photo + b" " * number)
        camera.look("latest.jpg")
        assert camera.look(after=2) == [("latest.jpg", "ok")]


def test_a_folder_made_later_is_looked_through_again_for_what_nobody_has_told(camera: Camera) -> None:
    camera.put("2024/06/a.jpg")
    camera.look("2024")
    camera.put("2024/06/b.jpg")
    assert [*camera.look(after=2), *camera.look(after=2)] == [("2024/06/a.jpg", "ok"), ("2024/06/b.jpg", "ok")]


def test_what_is_hidden_or_no_photo_or_behind_a_link_is_no_capture(camera: Camera, tmp_path: Path) -> None:
    for name in (".a.jpg", ".tmp/a.jpg", "a.txt", "a.jpg.part", "../other/a.jpg"):
        camera.put(name)
    if sys.platform != "win32":
        (camera.root / "link").symlink_to(tmp_path / "other", target_is_directory=True)
    camera.look(".a.jpg", ".tmp", ".tmp/a.jpg", "a.txt", "a.jpg.part", "link", "link/a.jpg", None)
    assert camera.look(None, after=5) == camera.look(None, after=5) == []


def test_a_glob_chooses(tmp_path: Path, photo: bytes) -> None:
    camera = Camera(tmp_path / "cam", photo, settle=0.0, selection=Selection("*_hd.jpg"))
    camera.put("1200_hd.jpg")
    camera.put("1200_lo.jpg")
    assert camera.look("1200_hd.jpg", "1200_lo.jpg") + camera.look(None) == [("1200_hd.jpg", "ok")]


def test_thumbnails_and_what_is_excluded_are_no_captures(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudedge.archive.watch._AT_ONCE", 2)  # they must not take the places of captures
    camera = Camera(tmp_path / "cam", photo, settle=0.0, selection=Selection(exclude=("keogram", "/2024/startrails")))
    left = ["@eaDir/a.jpg/S.jpg", "@eaDir/a.jpg/M.jpg", "2024/thumbnails/b.jpg", "2024/thumbnails/c.jpg"]
    left += ["2024/keogram/k.jpg", "2024/keogram/l.jpg", "2024/startrails/s.jpg", "2024/startrails/t.jpg"]
    for name in [*left, "2024/b.jpg", "startrails/s.jpg"]:
        camera.put(name)
    assert camera.look(*left, "@eaDir", "2024/thumbnails", "2024/keogram", "2024/startrails", after=1) == []
    found = [row for _ in range(3) for row in camera.look(None, after=3)]
    assert sorted(found) == [("2024/b.jpg", "ok"), ("startrails/s.jpg", "ok")]


def test_more_captures_than_are_waited_for_at_a_time_all_get_their_turn(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudedge.archive.watch._AT_ONCE", 3)
    for number in range(8):
        camera.put(f"{number}.jpg")
    camera.look(None)
    found = [row for _ in range(10) for row in camera.look(after=2)]
    assert sorted(found) == [(f"{number}.jpg", "ok") for number in range(8)]


@pytest.mark.parametrize("way", ["written over", "replaced"])
def test_a_file_that_is_rewritten_faster_than_it_settles_gives_a_row_all_the_same(
    camera: Camera, photo: bytes, way: str
) -> None:
    def rewrite(number: int) -> None:
        data = photo + b" " * (7 * number % 10)  # larger and smaller
        camera.put("new.tmp" if way == "replaced" else "latest.jpg", data)
        if way == "replaced":
            os.replace(camera.root / "new.tmp", camera.root / "latest.jpg")

    found = {}
    for second in range(40):
        rewrite(second)
        if rows := camera.look("latest.jpg", after=1):
            found[second] = rows
    assert set(map(tuple, found.values())) == {(("latest.jpg", "ok"),)}
    assert len(found) in (3, 4)
    assert min(found) <= 11  # five times the two seconds in which it would have to settle
    assert camera.look("latest.jpg", after=2) == [("latest.jpg", "ok")]  # and then the last state
    assert camera.look("latest.jpg", after=60) == []


def test_a_file_that_is_replaced_while_it_is_read_counts_once_it_is_overdue(camera: Camera, photo: bytes) -> None:
    classify = camera.watch._classify

    def replaced_meanwhile(paths: Any) -> Any:
        for result in classify(paths):
            camera.put("new.tmp", photo + b" " * int(camera.clock.now % 7))
            os.replace(camera.root / "new.tmp", camera.root / "latest.jpg")
            yield result

    camera.watch._classify = replaced_meanwhile
    camera.put("latest.jpg")
    found = [camera.look("latest.jpg", after=1) for _ in range(13)]
    assert found.count([("latest.jpg", "ok")]) == 1
    assert found[:10] == [[]] * 10


def test_a_file_that_is_rewritten_and_never_decodes_becomes_a_failure(camera: Camera) -> None:
    found = []
    for second in range(100):
        camera.put("latest.jpg", b"no photo" + b" " * (7 * second % 10))
        found += camera.look("latest.jpg", after=1)
    assert found == [("latest.jpg", "error")]


def test_a_file_that_only_grows_is_never_read_too_early(camera: Camera, photo: bytes) -> None:
    for size in range(200, len(photo), 5):
        camera.put("slow.jpg", photo[:size])
        assert camera.look("slow.jpg", after=1) == []
    assert camera.clock.now > 120
    camera.put("slow.jpg")
    camera.look("slow.jpg")
    assert camera.look(after=2) == [("slow.jpg", "ok")]


def test_a_backlog_is_not_forgotten_over_a_hint_at_an_empty_folder(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudedge.archive.watch._AT_ONCE", 3)
    for number in range(8):
        camera.put(f"{number}.jpg")
    (camera.root / "empty").mkdir()
    camera.look(None)
    found = [row for _ in range(10) for row in camera.look("empty", after=2)]
    assert sorted(found) == [(f"{number}.jpg", "ok") for number in range(8)]


@pytest.mark.parametrize("damaged", [1, 3])
def test_damaged_photos_do_not_hold_up_the_next_batch(
    camera: Camera, monkeypatch: pytest.MonkeyPatch, damaged: int
) -> None:
    monkeypatch.setattr("cloudedge.archive.watch._AT_ONCE", 3)
    for number in range(12):
        camera.put(f"{number:02}.jpg", b"no photo" if number < damaged else None)
    camera.look(None)
    found = [row for _ in range(20) for row in camera.look(after=2)]  # less than the minute that the damaged ones get
    assert sorted(found) == [(f"{number:02}.jpg", "ok") for number in range(damaged, 12)]


def test_a_photo_that_is_touched_is_no_new_capture(camera: Camera) -> None:
    camera.put("a.jpg")
    camera.look("a.jpg")
    assert camera.look(after=2) == [("a.jpg", "ok")]
    os.utime(camera.root / "a.jpg", ns=(1, 1))
    assert camera.look("a.jpg") == camera.look(after=2) == camera.look("a.jpg", after=2) == []
    assert camera.watch._waiting == {}


def test_a_folder_that_cannot_be_read_is_told_once(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[OSError] = []
    camera = Camera(tmp_path / "cam", photo, settle=0.0, on_unreadable=told.append)
    camera.put("locked/a.jpg")
    camera.put("open/a.jpg")
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert camera.look(None) + camera.look(None, "locked") == [("open/a.jpg", "ok")]
    assert [error.filename for error in told] == [str(camera.root / "locked")]


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
nas:/all {0}/nas nfs4 rw 0 0
//nas/all {0}/my\\040nas cifs rw 0 0
pi@host:/ {0}/over fuse.sshfs rw 0 0
systemd {0}/auto autofs rw 0 0
nas:/auto {0}/auto nfs rw 0 0
/dev/sdb1 {0}/nas/usb vfat rw 0 0
/dev/fuse {0}/local fuse.gocryptfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("nas", "nfs4"),
        ("nas/2024/06", "nfs4"),
        ("my nas", "cifs"),
        ("over/there", "fuse.sshfs"),
        ("auto", "nfs"),
        ("nas/usb/cam", None),
        ("nasty", None),
        ("local", None),
        ("", "nfs4"),  # the shares are mounted below it
    ],
)
def test_a_network_file_system_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, kind: str | None
) -> None:
    (tmp_path / "mounts").write_text(MOUNTS.format(tmp_path))
    monkeypatch.setattr("cloudedge.archive.network.MOUNTS", str(tmp_path / "mounts"))
    assert network_file_system(str(tmp_path / folder)) == kind
    monkeypatch.setattr("cloudedge.archive.network.MOUNTS", str(tmp_path / "none"))
    assert network_file_system(str(tmp_path / folder)) is None


def test_on_a_network_file_system_it_polls_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nas").mkdir()
    (tmp_path / "mounts").write_text(MOUNTS.format(tmp_path))
    monkeypatch.setattr("cloudedge.archive.network.MOUNTS", str(tmp_path / "mounts"))
    monkeypatch.setattr("cloudedge.archive.hints._POLL_SECONDS", 0.2)
    said: list[str] = []
    hints = from_notifications(str(tmp_path / "nas"), 0.01, Stop(), said.append)
    assert next(hints) is None
    assert said == [
        "is on a network file system (nfs4), which sends no notifications; "
        "looking through it every 30 seconds instead (--poll changes that)"
    ]
    assert next(hints) == []  # not yet again
    wait_for(lambda: next(hints) is None)
    assert len(said) == 1


def test_what_was_there_before_can_be_taken_for_done(camera: Camera) -> None:
    camera.put("old.jpg")
    camera.watch.mark_existing_done()
    camera.put("new.jpg")
    camera.look(None)
    assert camera.look(after=2) == [("new.jpg", "ok")]


def test_a_folder_that_comes_later_brings_nothing_new_with_it(camera: Camera) -> None:
    camera.root.rmdir()
    camera.watch.mark_existing_done()
    assert camera.look() == []
    camera.put("old.jpg")
    camera.look(None)
    camera.put("new.jpg")
    camera.look(None, after=2)
    assert camera.look(after=2) == [("new.jpg", "ok")]


def changes_in(skies: str, minutes: float, changes: Changes, folder: str = "") -> list[int]:
    rows = rows_of(skies.split(), minutes=minutes, folder=folder)
    return [number for number, row in enumerate(rows) if changes.changed(row)]


@pytest.mark.parametrize(
    ("skies", "changed"),
    [
        ("Cumulus Cumulus Cumulus Cumulus", [2]),
        ("Cumulus Cumulus Cumulus Stratus Cumulus Stratus Cumulus Cumulus", [2]),
        ("Cumulus Cumulus Cumulus Stratus Stratus Stratus Stratus Stratus Stratus", [2, 5]),
        ("Cumulus Cumulus Cumulus dark dark dark clear clear clear clear clear", [2, 5, 8]),
        ("Cumulus error Cumulus error error Cumulus", [5]),
        ("error error error", []),
    ],
)
def test_the_sky_has_changed_when_three_captures_an_hour_apart_show_the_same_new_one(
    skies: str, changed: list[int]
) -> None:
    assert changes_in(skies, 60, Changes(3)) == changed


def test_captures_a_minute_apart_take_more_than_three_to_change_the_sky() -> None:
    """The last of them are the first evidence that is not a repetition."""
    skies = " ".join(["Cumulus"] * 30 + ["Stratus"] * 4 + ["Cumulus"] * 30)
    assert changes_in(skies, 1, Changes(3)) == [2]
    skies = " ".join(["Cumulus"] * 30 + ["Stratus"] * 60)
    first, second = changes_in(skies, 1, Changes(3))
    assert (first, second > 35, second < 60) == (2, True, True)


def test_captures_hours_apart_change_the_sky_too() -> None:
    assert changes_in("Cumulus Cumulus Cumulus Stratus Stratus Stratus", 180, Changes(3)) == [2, 5]


def test_a_single_capture_is_enough_where_one_must_agree() -> None:
    assert changes_in("Cumulus Stratus Stratus", 600, Changes(1)) == [0, 1]


def test_each_camera_has_its_own_sky() -> None:
    changes = Changes(2)
    north, south = ([*rows_of([sky] * 4, folder=folder)] for folder, sky in (("north/", "Cumulus"), ("south/", "dark")))
    told = [changes.changed(row) for pair in zip(north, south, strict=True) for row in pair]
    assert told == [False, False, True, True, False, False, False, False]
    assert changes.skies == {"north": "Cumulus", "south": "dark"}
    by_name = Changes(2, "(north|south)_")
    assert changes_in("Cumulus Cumulus", 60, by_name, "all/north_") == [1]
    assert changes_in("Cumulus Cumulus", 60, by_name, "all/south_") == [1]


def test_a_command_gets_the_row_and_no_shell_sees_it(tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    target = tmp_path / "$(row) > *"
    assert run_command([sys.executable, "-c", program, str(target)], {"path": "a\n.jpg"}, 60) is None
    assert json.loads(target.read_text()) == {"path": "a\n.jpg"}


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    assert run_command([sys.executable, "-c", "raise SystemExit(7)"], {}, 60) == "failed with exit code 7"
    assert run_command([str(tmp_path / "no-such")], {}, 60) == "cannot be started: No such file or directory"
    assert (
        run_command([sys.executable, "-c", "import time; time.sleep(60)"], {}, 0.5) == "was stopped after 0.5 seconds"
    )


@posix
@pytest.mark.slow
def test_a_command_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time; time.sleep(1.5); open({str(alive)!r}, 'w')"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert run_command([sys.executable, "-c", program], {}, 0.7)
    time.sleep(2)
    assert not alive.exists()


@pytest.mark.parametrize("way", ["told", "polled"])
def test_a_folder_that_vanishes_and_comes_back_is_watched_again(tmp_path: Path, way: str, photo: bytes) -> None:
    root, stop, said = tmp_path / "cam", Stop(), []
    make = {
        "told": lambda: from_notifications(str(root), 0.1, stop, said.append),
        "polled": lambda: from_polling(str(root), 0.1, 0.1, stop, said.append),
    }
    hints = make[way]()
    assert next(hints) == []
    assert said == ["is not there; waiting for it"]
    root.mkdir()
    wait_for(lambda: next(hints) is None)
    shutil.rmtree(root)
    wait_for(lambda: next(hints) == [] and len(said) == 3)
    root.mkdir()
    wait_for(lambda: next(hints) is None)
    assert said == ["is not there; waiting for it", "is back"] * 2
    stop.set()
    assert list(hints) in ([], [[]])


@contextmanager
def watching(root: Path, *options: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [*CLOUDEDGE, "watch", str(root), "--model", TINY, "--threads", "1", "--settle", "0.6", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def paths_in(journal: Path, root: Path) -> list[str]:
    rows = list(read_rows(str(journal))) if journal.exists() else []
    assert [row["path"] for row in rows if row["status"] == "error"] == []
    return sorted(os.path.relpath(row["path"], root) for row in rows)


@posix
@pytest.mark.parametrize("options", [(), ("--poll", "0.3")], ids=["told", "polled"])
@pytest.mark.slow
def test_captures_that_come_in_awkward_ways_are_each_classified_once(
    tmp_path: Path, photo: bytes, options: tuple[str, ...]
) -> None:
    """The script of the camera: each way once; the burst is of 200 where CLOUDEDGE_FULL_TESTS is set."""
    root, journal = tmp_path / "cam", tmp_path / "rows.jsonl"
    root.mkdir()
    camera = Camera(root, photo)
    camera.put("before.jpg")
    burst = [f"burst-{number:03}.jpg" for number in range(200 if os.environ.get("CLOUDEDGE_FULL_TESTS") else 20)]
    with watching(root, "-o", journal, *options) as process:
        wait_for(lambda: paths_in(journal, root))
        with (root / "slow.jpg").open("wb", buffering=0) as slow:  # slower than it takes to settle
            third = len(photo) // 3 + 1  # or two bytes would come last: a JPEG that lacks only these is read
            for start in range(0, len(photo), third):
                slow.write(photo[start : start + third])
                time.sleep(0.9)
        camera.put("renamed.jpg.tmp")
        (root / "renamed.jpg.tmp").rename(root / "renamed.jpg")
        camera.put("rewritten.jpg", photo[:500])
        camera.put("rewritten.jpg", b"")
        camera.put("rewritten.jpg")
        camera.put("deleted.jpg")
        (root / "deleted.jpg").unlink()
        camera.put("2024/06/later.jpg")
        for name in burst:
            camera.put(name)
        expected = ["before.jpg", "slow.jpg", "renamed.jpg", "rewritten.jpg", "2024/06/later.jpg", *burst]
        wait_for(lambda: len(paths_in(journal, root)) >= len(expected))
        shutil.rmtree(root)
        time.sleep(1)
        camera.put("after.jpg")
        expected.append("after.jpg")
        wait_for(lambda: len(paths_in(journal, root)) >= len(expected))
        time.sleep(1.5)  # for whatever might come twice
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert paths_in(journal, root) == sorted(expected)


@posix
@pytest.mark.slow
def test_what_came_while_it_was_down_comes_first_and_nothing_twice(tmp_path: Path, photo: bytes) -> None:
    root, journal = tmp_path / "cam", tmp_path / "rows.jsonl"
    root.mkdir()
    camera = Camera(root, photo)
    for number in range(3):
        camera.put(f"{number}.jpg")
        with watching(root, "-o", journal, "--poll", "0.2") as process:
            wait_for(lambda number=number: len(paths_in(journal, root)) == number + 1)
            process.send_signal(signal.SIGKILL)
    classify = [*CLOUDEDGE, "classify", "--model", TINY, "--quiet", str(root), "-o", str(journal), "--resume"]
    assert subprocess.run(classify, timeout=60).returncode == 0
    assert paths_in(journal, root) == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.slow
def test_the_command_passes_over_thumbnails_and_what_is_excluded(tmp_path: Path, photo: bytes) -> None:
    root, journal = tmp_path / "cam", tmp_path / "rows.jsonl"
    camera = Camera(root, photo)
    for name in ("a/keogram/k.jpg", "a/x.jpg", "a/x-clean.jpg", "@eaDir/x.jpg/S.jpg", "z.jpg"):
        camera.put(name)
    with watching(root, "-o", journal, "--poll", "0.2", "--exclude", "keogram", "--exclude", "*-clean.*"):
        wait_for(lambda: "z.jpg" in paths_in(journal, root))
        camera.put("a/keogram/l.jpg")
        camera.put("zz.jpg")
        wait_for(lambda: "zz.jpg" in paths_in(journal, root))
    assert paths_in(journal, root) == [os.path.join("a", "x.jpg"), "z.jpg", "zz.jpg"]


@posix
@pytest.mark.slow
def test_changes_alone_are_printed_and_a_command_that_fails_is_not_fatal(tmp_path: Path, photo: bytes) -> None:
    root, journal = tmp_path / "cam", tmp_path / "rows.csv"
    root.mkdir()
    camera = Camera(root, photo)
    for number in range(5):
        camera.put(f"{number}.jpg")
    command = f"{sys.executable} -c 'import sys, json; print(json.load(sys.stdin)[\"path\"]); sys.exit(3)'"
    options = ("-o", journal, "--poll", "0.2", "--changes-only", "--agree", "4", "--exec", command)
    for number, told_of in ((5, ["3.jpg"]), (6, [])):  # after a start the sky is still the one of before
        with watching(root, *options) as process:
            wait_for(lambda number=number: journal.exists() and journal.read_text().count("\n") == number + 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
            messages = process.stderr.read() if process.stderr else ""
        assert [Path(line).name for line in messages.splitlines() if line.endswith(".jpg")] == told_of
        assert messages.count("failed with exit code 3") == len(told_of)
        camera.put("5.jpg")


@pytest.mark.slow
def test_a_second_program_does_not_write_to_the_same_journal(tmp_path: Path, photo: bytes) -> None:
    root, journal = tmp_path / "cam", tmp_path / "rows.jsonl"
    root.mkdir()
    Camera(root, photo).put("a.jpg")
    with watching(root, "-o", journal, "--poll", "0.2") as process:
        wait_for(journal.exists)
        wait_for(lambda: paths_in(journal, root))
        classify = [*CLOUDEDGE, "classify", "--model", TINY, str(root), "-o", str(journal), "--resume"]
        done = subprocess.run(classify, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 4
    assert re.search(r"^Error: .*rows.jsonl: is being written by another cloudedge", done.stderr)
    assert sys.platform != "linux" or f"(process {process.pid})" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--exec", "no-such-program"),
        ("--exec", "'"),
        ("--exec-timeout", "inf"),
        ("--exec-timeout", "9999999"),
        ("--poll", "0"),
        ("--poll", "nan"),
        ("--settle", "inf"),
        ("--agree", "0"),
        ("-o", "a.jpg"),
        ("-o", "rows.json"),
        ("-o", "sky.txt"),
        ("-o", "sky"),
        ("-o", "-"),
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, options: tuple[str, ...]) -> None:
    command = [*CLOUDEDGE, "watch", str(tmp_path), "--model", TINY, *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_an_output_whose_name_says_no_format_is_refused(tmp_path: Path) -> None:
    command = [*CLOUDEDGE, "watch", str(tmp_path), "--model", TINY, "-o", str(tmp_path / "sky.txt")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert "sky.txt does not name a format; choose a name that ends in .jsonl, .csv or .db." in done.stderr
    assert os.listdir(tmp_path) == []


@posix
def test_a_failure_is_told_where_changes_alone_are_printed(tmp_path: Path) -> None:
    """It would take a minute to become one; here it gets half a second."""
    root = tmp_path / "cam"
    root.mkdir()
    (root / "a.jpg").write_bytes(b"no photo")
    program = (
        "import cloudedge.archive.watch as watch\n"
        "watch.Watch.__init__.__defaults__ = (2.0, 0.5, *watch.Watch.__init__.__defaults__[2:])\n"
        "from cloudedge.cli.main import main\nmain()"
    )
    command = [sys.executable, "-c", program, "watch", str(root), "-o", str(tmp_path / "rows.jsonl"), "--changes-only"]
    command += ["--model", TINY, "--settle", "0.1", "--poll", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr
        assert process.stderr.readline().startswith(f"{root}/a.jpg: error: ")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60) == ("", "")
    assert json.loads((tmp_path / "rows.jsonl").read_text())["status"] == "error"


def test_its_help_names_the_exit_codes_that_it_has() -> None:
    done = subprocess.run([*CLOUDEDGE, "watch", "--help"], capture_output=True, encoding="utf-8", timeout=60)
    codes = " ".join(done.stdout.partition("Exit codes:")[2].split())
    assert re.findall(r"(?:^|; )([0-9]+) ", codes) == ["0", "1", "2", "3", "4", "130"]
    assert "photo was classified" not in codes


def test_a_file_is_no_folder_to_watch(tmp_path: Path) -> None:
    (tmp_path / "latest.jpg").touch()
    command = [*CLOUDEDGE, "watch", str(tmp_path / "latest.jpg"), "--model", TINY]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "latest.jpg is a file; give its folder, and --glob with its name." in done.stderr


@posix
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130), ("SIGHUP", 0)])
def test_a_signal_ends_it_cleanly(tmp_path: Path, name: str, code: int) -> None:
    with watching(tmp_path / "no-such", "-o", tmp_path / "rows.csv") as process:
        assert process.stderr
        assert "no-such: is not there; waiting for it" in process.stderr.readline()
        process.send_signal(signal.Signals[name])
        assert process.wait(timeout=60) == code
        assert process.stderr.read() == ""
    assert (tmp_path / "rows.csv").read_text().startswith("path,status,")


def test_without_watchfiles_a_line_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "watchfiles.py").write_text("raise ImportError")
    command = [*CLOUDEDGE, "watch", str(tmp_path), "--model", TINY]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, env=environment)
    assert done.returncode == 2
    assert f"use --poll SECONDS, or, to be notified of changes, run: {command_to_add('watch')}\n" in done.stderr
