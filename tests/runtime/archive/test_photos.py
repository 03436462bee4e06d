"""The search for photos, and the time in a file's name."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudedge.archive.photo_list import collected
from cloudedge.archive.photos import Selection, find_photos, in_shard, is_wanted, photos_below, taken_between


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


def test_the_usual_extensions_of_every_format_are_those_of_photos(tmp_path: Path) -> None:
    photos = {"jfif", "jpe", "jpeg", "jpg", "mpo", "bmp", "gif", "heic", "heif", "hif", "png", "tif", "tiff", "webp"}
    photos.add("avif")
    for extension in (*photos, "jp2", "jpg_", "dng", "mp4"):
        (tmp_path / f"sky.{extension}").touch()
    assert {path.rpartition(".")[2] for path in found(str(tmp_path))} == photos


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


def test_what_is_hidden_or_no_photo_is_passed_over_and_told_but_not_what_is_being_written(tree: Path) -> None:
    (tree / ".cloudedge-0123.tmp").touch()
    passed_over: list[str] = []
    list(find_photos(["sky"], on_skipped=passed_over.append))
    assert list(map(os.path.basename, passed_over)) == [".hidden.jpg", ".thumbs", "notes.txt"]


def test_a_folder_is_read_whatever_its_name(tree: Path) -> None:
    (tree / "trip.jpg").mkdir()
    (tree / "trip.jpg" / "inside.jpg").touch()
    assert found("sky")[-1] == "sky/trip.jpg/inside.jpg"
    assert found("sky/trip.jpg") == ["sky/trip.jpg/inside.jpg"]
    assert is_wanted("sky/trip.jpg/inside.jpg", "sky")
    assert not is_wanted("sky/trip.jpg", "sky")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_to_photos_are_followed_and_links_to_folders_are_not(tree: Path) -> None:
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "loop.jpg").symlink_to(tree, target_is_directory=True)
    (tree / "2024" / "up").symlink_to("..", target_is_directory=True)
    (tree / "z.jpg").symlink_to("b.jpg")
    (tree / "broken.jpg").symlink_to("gone.jpg")
    (tree / "circle.jpg").symlink_to("circle.jpg")
    assert found("sky") == [
        "sky/2024/c.jpeg",
        "sky/2024/d.webp",
        "sky/a.PNG",
        "sky/b.jpg",
        "sky/broken.jpg",
        "sky/circle.jpg",
        "sky/z.jpg",
    ]
    assert found("sky/loop/2024") == ["sky/loop/2024/c.jpeg", "sky/loop/2024/d.webp"]


def test_a_folder_that_cannot_be_read_is_told_and_others_are_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("2024"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    errors: list[OSError] = []
    photos = list(find_photos(["sky"], on_error=errors.append))
    assert [Path(path).name for path in photos] == ["a.PNG", "b.jpg"]
    assert list(find_photos(["sky/2024"], on_error=errors.append)) == []
    assert [Path(error.filename).name for error in errors] == ["2024", "2024"]


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


def test_a_glob_fits_the_name_or_the_end_of_the_path(tree: Path) -> None:
    assert list(find_photos(["sky"], Selection("[cd].*"))) == [
        os.path.join("sky", "2024", name) for name in ("c.jpeg", "d.webp")
    ]
    assert list(find_photos(["sky"], Selection("2024/*.webp"))) == [os.path.join("sky", "2024", "d.webp")]
    assert found("sky/b.jpg") == list(find_photos(["sky/b.jpg"], Selection("*.png")))


LEFT = [
    "@eaDir", "@EADIR", "#recycle", "#Recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "$RECYCLE.BIN",
    "$Recycle.Bin", "System Volume Information", ".stversions", "lost+found", "thumbnails", "Thumbnails", "thumbs",
]  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_thumbnails_and_deleted_files_are_passed_over_at_any_depth(tree: Path, name: str) -> None:
    for parent in ("", "2024"):
        (tree / parent / name / "deep").mkdir(parents=True)
        (tree / parent / name / "deep" / "x.jpg").touch()
    patterns: list[str] = []
    skipped: list[str] = []
    photos = list(
        find_photos(["sky"], on_skipped=skipped.append, on_passed_over=lambda path, pattern: patterns.append(pattern))
    )
    assert [os.path.basename(path) for path in photos] == ["c.jpeg", "d.webp", "a.PNG", "b.jpg"]
    assert [pattern.lower() for pattern in patterns] == [name.lower()] * 2
    assert len(skipped) == 3
    assert not is_wanted(f"sky/2024/{name}/deep/x.jpg", "sky")
    assert list(photos_below(f"sky/2024/{name}", root="sky")) == []
    assert list(photos_below(f"sky/2024/{name}/deep", root="sky")) == []
    if not name.startswith("."):
        assert found(f"sky/{name}") == [f"sky/{name}/deep/x.jpg"]
        assert is_wanted(f"sky/{name}/deep/x.jpg", f"sky/{name}")


def test_names_that_only_begin_like_a_leftover_are_captures(tree: Path) -> None:
    names = ["@eaDir2/x.jpg", "recycle/x.jpg", "my thumbnails/x.jpg", "lost/x.jpg", "thumbnail.jpg", "thumbnails.jpg"]
    for name in names:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).touch()
    (tree / "thumbnail-20240501.jpg").touch()
    assert {f"sky/{name}" for name in names} == set(found("sky")) - {
        "sky/2024/c.jpeg",
        "sky/2024/d.webp",
        "sky/a.PNG",
        "sky/b.jpg",
    }


def test_a_leftover_that_cannot_be_read_is_no_failure(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "lost+found").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("lost+found"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    errors: list[OSError] = []
    assert len(list(find_photos(["sky"], on_error=errors.append))) == 4
    assert errors == []


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (["2024"], ["sky/a.PNG", "sky/b.jpg"]),
        (["2024/"], ["sky/a.PNG", "sky/b.jpg"]),
        (["*.jpeg", "a.*"], ["sky/2024/d.webp", "sky/b.jpg"]),
        (["2024/*.webp"], ["sky/2024/c.jpeg", "sky/a.PNG", "sky/b.jpg"]),
        (["/*.jpg"], ["sky/2024/c.jpeg", "sky/2024/d.webp", "sky/a.PNG"]),
        (["/c.jpeg", "sky", "sky/b.jpg"], ["sky/2024/c.jpeg", "sky/2024/d.webp", "sky/a.PNG", "sky/b.jpg"]),
    ],
)
@pytest.mark.parametrize("root", ["sky", "./sky", "sky/", "sky//"])
def test_exclude_leaves_out_files_and_folders_below_the_folder_that_was_given(
    tree: Path, exclude: list[str], left: list[str], root: str
) -> None:
    photos = [Path(path).as_posix() for path in find_photos([root], Selection(exclude=exclude))]
    assert photos == left
    everything = ["sky/2024/c.jpeg", "sky/2024/d.webp", "sky/a.PNG", "sky/b.jpg"]
    assert [path for path in everything if is_wanted(path, root, Selection(exclude=exclude))] == left
    below = [Path(path).as_posix() for path in photos_below("sky/2024", Selection(exclude=exclude), root="sky")]
    assert below == [path for path in left if "2024" in path]


def test_a_photo_that_is_given_is_taken_whatever_is_excluded(tree: Path) -> None:
    patterns: list[str] = []
    photos = find_photos(
        ["sky/b.jpg", "sky/2024"],
        Selection(exclude=["b.jpg", "2024", "c.*"]),
        on_passed_over=lambda path, pattern: patterns.append(pattern),
    )
    assert [Path(path).name for path in photos] == ["b.jpg", "d.webp"]
    assert patterns == ["c.*"]


def test_sub_folders_may_be_left_out(tree: Path) -> None:
    assert [Path(path).name for path in find_photos(["sky"], Selection(recursive=False))] == ["a.PNG", "b.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_is_wanted_says_what_a_search_would_yield(tree: Path) -> None:
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    paths = [os.path.join(folder, name) for folder, _, names in os.walk("sky", followlinks=False) for name in names]
    paths += ["sky/loop/b.jpg"]
    for selection in (Selection(), Selection("*.jpg"), Selection(recursive=False), Selection(exclude=["2024"])):
        wanted = sorted(path for path in paths if is_wanted(path, "sky", selection))
        assert wanted == sorted(photos_below("sky", selection))
    assert all(is_wanted(path, "sky/loop") for path in photos_below("sky/loop"))  # a root may be a link


@given(paths=st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True), count=st.integers(1, 9))
def test_each_path_is_in_one_shard(paths: list[str], count: int) -> None:
    for path in paths:
        assert sum(in_shard(path, number, count) for number in range(1, count + 1)) == 1


def test_shards_are_the_same_on_every_machine_and_about_equal() -> None:
    assert [number for number in range(1, 1001) if in_shard("cam/2024/06/01/12-30-00.jpg", number, 1000)] == [150]
    sizes = [sum(in_shard(f"{path}.jpg", number, 4) for path in range(4000)) for number in (1, 2, 3, 4)]
    assert all(900 < size < 1100 for size in sizes)


def test_photos_are_brought_into_the_order_of_their_times(tmp_path: Path) -> None:
    names = [
        "no-time.jpg",
        "cam-1717245045.jpg",
        "20240601_123046.jpg",
        "2024-06-01T12:30:44+00:00.jpg",
        "also-none.jpg",
        "19990601_123044.jpg",
    ]
    with collected((f"x/{name}" for name in names), by_time=True) as photos:
        assert len(photos) == 6
        order = [Path(path).name for path in photos]
    assert order == [names[5], names[3], names[1], names[2], names[4], names[0]]


def test_collected_photos_keep_their_order_and_any_name() -> None:
    names = ["b.jpg", "a\udcff\n.jpg", "-", "b.jpg"]
    with collected(names) as photos:
        assert len(photos) == 4
        assert list(photos) == names


def test_photos_between_two_times(tmp_path: Path) -> None:
    names = [f"2024-06-{day:02}_12-00-00.jpg" for day in range(1, 6)] + ["no-time.jpg"]
    since, until = datetime(2024, 6, 2, 12), datetime(2024, 6, 4, 12)
    assert list(taken_between(names, since, until)) == names[1:3]
    assert list(taken_between(names, since, None)) == names[1:5]
    assert list(taken_between(names, None, until)) == names[:3]
    left_out: list[tuple[str | None, bool]] = []
    list(taken_between(names, since, until, lambda *place: left_out.append(place)))
    times = ["2024-06-01T12:00:00", "2024-06-04T12:00:00", "2024-06-05T12:00:00", None]
    assert left_out == [(time, False) for time in times]  # the last file does not exist


def test_a_photo_that_carries_no_time_is_placed_by_that_of_its_file(tmp_path: Path) -> None:
    names = ["20240601_120000.jpg", "latest.jpg", "20240601_140000.jpg", "no-such.jpg"]
    paths = [str(tmp_path / name) for name in names]
    for path in paths[:3]:
        Path(path).touch()
        os.utime(path, (0, datetime(2024, 6, 1, 13).timestamp()))  # local time
    left_out: list[tuple[str | None, bool]] = []
    since = datetime(2024, 6, 1, 12, 30)
    assert list(taken_between(paths, since, None, lambda *place: left_out.append(place))) == paths[1:3]
    assert list(taken_between(paths, None, since, lambda *place: left_out.append(place))) == paths[:1]
    assert [by_file for _, by_file in left_out] == [False, False, True, False, False]
    with collected(reversed(paths), by_time=True) as photos:
        assert list(photos) == paths
