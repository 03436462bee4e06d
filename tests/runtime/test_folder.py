"""The search for photos, and the time in a file's name."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudedge.folder import captured_at_from_name, find_photos


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `sky` under the working directory, with photos, other files and a sub-folder."""
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "2024/c.jpeg", "2024/d.webp", ".thumbs/e.jpg"):
        path = tmp_path / "sky" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sky"


def found(*paths: str) -> list[str]:
    return [path.replace(os.sep, "/") for path in find_photos(paths)]


def test_a_folder_gives_its_photos_in_the_order_of_their_names(tree: Path) -> None:
    assert found("sky") == ["sky/2024/c.jpeg", "sky/2024/d.webp", "sky/a.PNG", "sky/b.jpg"]


def test_a_path_stays_as_it_was_given(tree: Path) -> None:
    assert found("./sky/b.jpg", str(tree / "b.jpg")) == ["./sky/b.jpg", f"{tree}/b.jpg".replace(os.sep, "/")]
    assert found("./sky/2024") == ["./sky/2024/c.jpeg", "./sky/2024/d.webp"]


def test_a_named_file_is_taken_whatever_its_name_and_whether_it_exists_or_not(tree: Path) -> None:
    assert found("sky/notes.txt", "sky/.hidden.jpg", "no-such.jpg", "-") == [
        "sky/notes.txt",
        "sky/.hidden.jpg",
        "no-such.jpg",
        "-",
    ]


def test_what_is_no_photo_is_passed_over_and_told_unless_it_is_hidden(tree: Path) -> None:
    passed_over: list[str] = []
    list(find_photos(["sky"], passed_over=passed_over.append))
    assert list(map(os.path.basename, passed_over)) == ["notes.txt"]


def test_a_folder_named_like_a_photo_is_yielded_and_not_read(tree: Path) -> None:
    (tree / "folder.jpg").mkdir()
    (tree / "folder.jpg" / "inside.jpg").touch()
    assert "sky/folder.jpg" in found("sky")
    assert "sky/folder.jpg/inside.jpg" not in found("sky")
    assert found("sky/folder.jpg") == ["sky/folder.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_to_photos_are_followed_and_links_to_folders_are_not(tree: Path) -> None:
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "2024" / "up").symlink_to("..", target_is_directory=True)
    (tree / "z.jpg").symlink_to("b.jpg")
    (tree / "broken.jpg").symlink_to("gone.jpg")
    assert found("sky") == [
        "sky/2024/c.jpeg",
        "sky/2024/d.webp",
        "sky/a.PNG",
        "sky/b.jpg",
        "sky/broken.jpg",
        "sky/z.jpg",
    ]
    assert found("sky/loop/2024") == ["sky/loop/2024/c.jpeg", "sky/loop/2024/d.webp"]


def test_a_folder_that_cannot_be_read_is_told_and_the_others_go_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("2024"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    errors: list[OSError] = []
    photos = list(find_photos(["sky"], onerror=errors.append))
    assert [Path(path).name for path in photos] == ["a.PNG", "b.jpg"]
    assert [Path(error.filename).name for error in errors] == ["2024"]


def test_folders_may_nest_deeper_than_python_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    deep = "/".join("d" * 200)
    os.makedirs(deep)
    Path(deep, "x.jpg").touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(190)
    try:
        photos = found("d")
    finally:
        sys.setrecursionlimit(limit)
    assert photos == [f"{deep}/x.jpg"]


def test_photos_are_found_lazily(tree: Path) -> None:
    photos = find_photos(["sky", "later"])
    assert next(photos).endswith("c.jpeg")


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("cam_20240601_123045.jpg", "2024-06-01T12:30:45"),
        ("20240601-123045.jpg", "2024-06-01T12:30:45"),
        ("20240601T123045.jpg", "2024-06-01T12:30:45"),
        ("Garden_00_20240601123045.jpg", "2024-06-01T12:30:45"),
        ("2024-06-01T12:30:45.png", "2024-06-01T12:30:45"),
        ("2024-06-01_12-30-45.jpg", "2024-06-01T12:30:45"),
        ("2024-06-01 12.30.45 sky.jpg", "2024-06-01T12:30:45"),
        ("2024-06-01T12:30:45Z.jpg", "2024-06-01T12:30:45+00:00"),
        ("2024-06-01T12:30:45+02:00.jpg", "2024-06-01T12:30:45+02:00"),
        ("20241301_000000_20240102_030405.jpg", "2024-01-02T03:04:05"),
        ("a/b/IMG_20240229_235959.jpg", "2024-02-29T23:59:59"),
    ],
)
def test_the_time_in_a_name_is_read(name: str, time: str) -> None:
    assert captured_at_from_name(name) == time


@pytest.mark.parametrize(
    "name",
    [
        "cloud.jpg",
        "2024-06-01.jpg",
        "20240601.jpg",
        "IMG_20230229_120000.jpg",
        "20240631_123045.jpg",
        "20240601_250000.jpg",
        "120240601_123045.jpg",
        "20240601_1230451.jpg",
        "20240601_123045/cloud.jpg",
        "2024-06.01_12-30-45.jpg",
        "٢٠٢٤٠٦٠١_123045.jpg",
    ],
)
def test_no_time_is_made_up(name: str) -> None:
    assert captured_at_from_name(name) is None


@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(microsecond=0)),
    form=st.sampled_from(["%Y%m%d_%H%M%S", "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d_%H-%M-%S"]),
    before=st.sampled_from(["", "IMG_", "cam1-", "été "]),
)
def test_every_time_that_a_camera_may_write_is_read_back(moment: datetime, form: str, before: str) -> None:
    assert captured_at_from_name(f"{before}{moment.strftime(form)}.jpg") == moment.isoformat()


@given(st.text())
def test_any_name_is_taken(name: str) -> None:
    time = captured_at_from_name(name)
    assert time is None or datetime.fromisoformat(time)
