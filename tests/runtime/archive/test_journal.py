"""The output as its own journal: what is taken for done, what is mended, what is left alone."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudedge.archive.database import Database
from cloudedge.archive.journal import SQLITE, Journal, refuse_to_replace
from cloudedge.archive.ledger import signature
from cloudedge.archive.locked_file import JournalError
from cloudedge.archive.stored_rows import StoredRows
from cloudedge.errors import BusyError, CloudEdgeError
from cloudedge.row import flat_columns, flatten
from cloudedge.row_formats import csv_line, read_rows
from cloudedge.row_key import KEY

FORMATS = pytest.mark.parametrize("format_", ["jsonl", "csv"])
ALL_FORMATS = pytest.mark.parametrize("format_", ["jsonl", "csv", "db"])


def good(path: str) -> dict[str, Any]:
    return {
        "path": path,
        "status": "ok",
        "error": None,
        "genus": "Cumulus",
        "abbreviation": "Cu",
        "probability": 0.75,
        "certain": True,
        "reason": None,
        "level": {"name": "low", "probability": 0.875},
        "base": "< 2000 m",
        "rain": "Occasional showers",
        "top": [{"genus": "Cumulus", "probability": 0.75}],
        "captured_at": None,
        "time_source": None,
        "sun": None,
        "model": "tiny 1.0.0",
    }


def bad(path: str, error: str = "is empty") -> dict[str, Any]:
    nothing = dict.fromkeys(("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain"))
    return {**good(path), **nothing, "status": "error", "error": error, "top": []}


def opened(target: Path, format_: Any, settings: str = "tiny", **how: Any) -> Journal | Database:
    if format_ == "db":
        return Database(str(target), 1, settings, **how)
    return Journal(str(target), format_, 1, settings, **how)


def rows_of(target: Path) -> list[dict[str, Any]]:
    is_database = target.read_bytes().startswith(SQLITE)
    return list(StoredRows(str(target)).rows() if is_database else read_rows(str(target)))


def write(target: Path, format_: Any, *rows: dict[str, Any], settings: str = "tiny", settle: bool = False) -> None:
    with opened(target, format_, settings) as journal:
        for row in rows:
            journal.write(row, journal.key(row["path"], signature(row["path"])))
        if settle:
            journal.put_in_order()


def is_done(target: Path, format_: Any, path: str, settings: str = "tiny") -> bool:
    with opened(target, format_, settings) as journal:
        return journal.has(path, signature(path))


@ALL_FORMATS
def test_a_row_ends_with_its_key_and_is_done_from_then_on(tmp_path: Path, format_: str) -> None:
    target = tmp_path / "rows"
    write(target, format_, good("a.jpg"), good("b.jpg"))
    assert is_done(target, format_, "a.jpg")
    assert is_done(target, format_, "b.jpg")
    assert not is_done(target, format_, "c.jpg")
    rows = rows_of(target)
    assert [row["path"] for row in rows] == ["a.jpg", "b.jpg"]
    assert list(rows[0])[-1] == "key"
    assert all(KEY.fullmatch(row["key"]) for row in rows)
    if format_ != "csv":
        assert {name: value for name, value in rows[0].items() if name != "key"} == good("a.jpg")


@ALL_FORMATS
def test_other_bytes_or_settings_are_another_photo(tmp_path: Path, format_: str) -> None:
    target, photo = tmp_path / "rows", tmp_path / "a.jpg"
    photo.write_bytes(b"1")
    write(target, format_, good(str(photo)))
    assert not is_done(target, format_, str(photo), settings="another model")
    photo.write_bytes(b"22")
    assert not is_done(target, format_, str(photo))
    write(target, format_, good(str(photo)))
    photo.write_bytes(b"33")
    os.utime(photo, ns=(1, 1))
    assert not is_done(target, format_, str(photo))
    write(target, format_, good(str(photo)))
    assert len(rows_of(target)) == 3


@ALL_FORMATS
def test_a_photo_with_another_time_of_change_is_the_same_photo(tmp_path: Path, format_: str) -> None:
    target, photo = tmp_path / "rows", tmp_path / "a.jpg"
    photo.write_bytes(b"1")
    write(target, format_, good(str(photo)), bad("b.jpg"))
    for moment in (1, 2):
        os.utime(photo, ns=(moment, moment))
        assert not is_done(target, format_, str(photo))  # by its state alone, without reading it
        with opened(target, format_) as journal:
            key = journal.key(str(photo), signature(str(photo)))
            assert journal.holds(str(photo), key)
            assert not journal.write(good(str(photo)), key)
            journal.renew(str(photo), key)
            journal.put_in_order()
        assert is_done(target, format_, str(photo))  # the state is in the journal now
    assert [row["path"] for row in rows_of(target)] == [str(photo), "b.jpg"]


@ALL_FORMATS
@pytest.mark.parametrize(
    "spelling", ["./all/a\n.jpg", "all/a\n.jpg", "all/./a\n.jpg", "all/../all//a\n.jpg", "{}/all/a\n.jpg"]
)
def test_a_photo_is_the_same_however_its_path_is_spelt(
    tmp_path: Path, format_: str, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("all").mkdir()
    Path("all/a\n.jpg").write_bytes(b"1")
    write(tmp_path / "rows", format_, good("./all/a\n.jpg"))
    assert is_done(tmp_path / "rows", format_, spelling.format(tmp_path))
    assert not is_done(tmp_path / "rows", format_, "all/b.jpg")
    write(tmp_path / "failures", format_, bad("./all/a\n.jpg"))
    write(tmp_path / "failures", format_, bad(spelling.format(tmp_path)), settle=True)
    assert len(rows_of(tmp_path / "failures")) == 1
    write(tmp_path / "failures", format_, good(spelling.format(tmp_path)), settle=True)
    assert [row["status"] for row in rows_of(tmp_path / "failures")] == ["ok"]


@pytest.mark.parametrize("spelling", ["all/a.jpg", "./all/a.jpg", "{}/all/a.jpg"])
@pytest.mark.parametrize("spelling_then", ["all/a.jpg", "./all/a.jpg", "{}/all/a.jpg"])
@FORMATS
def test_a_journal_of_an_earlier_version_is_resumed(
    tmp_path: Path, format_: str, spelling: str, spelling_then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys were one digest: of the path as typed, the state and the settings."""
    monkeypatch.chdir(tmp_path)
    photo = tmp_path / "all" / "a.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"1")
    then = spelling_then.format(tmp_path)
    parts = (then.encode(), repr((1, photo.stat().st_mtime_ns)).encode(), b"tiny")
    key = hashlib.blake2b(b"\0".join(parts), digest_size=8).hexdigest()
    row = {**good(then), "key": key}
    columns = [*flat_columns(1), "key"]
    lines = {"jsonl": json.dumps(row) + "\n", "csv": csv_line(columns) + csv_line(flatten(row, columns))}
    (tmp_path / "rows").write_text(lines[format_])
    assert is_done(tmp_path / "rows", format_, spelling.format(tmp_path))
    assert not is_done(tmp_path / "rows", format_, spelling.format(tmp_path), settings="another model")
    os.utime(photo, ns=(1, 1))
    assert not is_done(tmp_path / "rows", format_, spelling.format(tmp_path))


@FORMATS
def test_a_last_row_that_lacks_only_its_end_is_kept(tmp_path: Path, format_: str) -> None:
    target = tmp_path / "rows"
    write(target, format_, good("a.jpg"), good("b.jpg"))
    whole = target.read_bytes()
    target.write_bytes(whole[:-1])  # as some editors leave it
    assert is_done(target, format_, "b.jpg")
    assert target.read_bytes() == whole


@FORMATS
@pytest.mark.slow
def test_wherever_a_kill_cuts_the_file_the_rest_is_taken_up(tmp_path: Path, format_: str) -> None:
    target = tmp_path / "rows"
    rows = [good("a.jpg"), bad("b.jpg"), good("c\n,\"'.jpg")]
    write(target, format_, *rows)
    whole = target.read_bytes()
    for size in range(len(whole) + 1):
        target.write_bytes(whole[:size])
        with Journal(str(target), format_, 1, "tiny") as journal:
            for row in rows:
                key = journal.key(row["path"], None)
                if not journal.has(row["path"], None):
                    journal.write(row, key)
            journal.put_in_order()
        assert target.read_bytes() == whole


@FORMATS
def test_a_failure_is_tried_again_and_stands_as_long_as_it_is_the_same(tmp_path: Path, format_: str) -> None:
    target = tmp_path / "rows"
    write(target, format_, bad("a.jpg"), good("b.jpg"))
    assert not is_done(target, format_, "a.jpg")
    before = target.read_bytes()
    write(target, format_, bad("a.jpg"), settle=True)
    assert target.read_bytes() == before
    write(target, format_, good("a.jpg"), settle=True)
    assert [(row["path"], row["status"]) for row in read_rows(str(target))] == [("b.jpg", "ok"), ("a.jpg", "ok")]
    assert os.listdir(tmp_path) == ["rows"]


def test_a_failure_made_good_just_before_a_kill_is_dropped_the_next_time(tmp_path: Path) -> None:
    target = tmp_path / "rows"
    write(target, "jsonl", bad("a.jpg"), bad("b.jpg"))
    write(target, "jsonl", bad("a.jpg", "is cut short"), good("b.jpg"))
    assert len(list(read_rows(str(target)))) == 4
    write(target, "jsonl", settle=True)
    assert [(row["path"], row["error"]) for row in read_rows(str(target))] == [
        ("a.jpg", "is cut short"),
        ("b.jpg", None),
    ]


PIECES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["ok", "empty", "cut"]), st.sampled_from("12")))


@FORMATS
@settings(max_examples=100)
@example(pieces=[("a", "cut", "1"), ("a", "cut", "2")], status={"a": "cut", "b": "ok"})
@example(pieces=[("a", "cut", "1"), ("a", "ok", "2")], status={"a": "cut", "b": "ok"})
@given(pieces=PIECES, status=st.fixed_dictionaries(dict.fromkeys("ab", st.sampled_from(["ok", "empty", "cut"]))))
@pytest.mark.slow
def test_what_was_put_together_of_pieces_is_settled_by_one_resume(
    tmp_path_factory: pytest.TempPathFactory, format_: str, pieces: list[tuple[str, str, str]], status: dict[str, str]
) -> None:
    """The pieces are rows of two settings, and so of two keys for each photo."""

    def row(path: str, status: str) -> dict[str, Any]:
        return good(path) if status == "ok" else bad(path, status)

    folder = tmp_path_factory.mktemp("journal")
    write(folder / "rows", format_)
    for number, (path, found, settings_) in enumerate(pieces):
        write(folder / str(number), format_, row(path, found), settings=settings_)
        with (folder / "rows").open("ab") as stream:
            stream.write((folder / str(number)).read_bytes().splitlines(keepends=True)[-1])
    resumed = []
    for _ in range(3):
        write(folder / "rows", format_, *(row(path, status[path]) for path in "ab"), settings="1", settle=True)
        resumed.append((folder / "rows").read_bytes())
    assert resumed[1:] == resumed[:1] * 2
    assert {found["path"] for found in read_rows(str(folder / "rows"))} == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "format_", "problem"),
    [
        ("path,status,\udcff\n", "csv", "other columns"),
        (json.dumps({**good("a.jpg"), "key": 1234567890123456}) + "\n", "jsonl", "without a key"),
        (
            json.dumps({**good("\ud800"), "key": "0" * 16}, ensure_ascii=False) + "\n",
            "jsonl",
            "line 1 is not a cloudedge row",
        ),
        ("hello", "jsonl", "something other"),
        ("hello", "csv", "something other"),
        ("hello\n", "jsonl", "line 1 is not a cloudedge row"),
        ("hello\n", "csv", "other columns"),
        ('{"path": "a.jpg"}\n', "jsonl", "line 1 is not a cloudedge row"),
        (json.dumps(good("a.jpg")) + "\n", "jsonl", "without a key"),
        (json.dumps({**good("a.jpg"), "key": "of another kind"}) + "\n", "jsonl", "without a key"),
        (csv_line(flat_columns(1)), "csv", "without a key"),
        (csv_line([*flat_columns(2), "key"]), "csv", "other columns"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path: Path, content: str, format_: str, problem: str) -> None:
    target = tmp_path / "rows"
    data = content.encode(errors="surrogateescape" if "\udcff" in content else "surrogatepass")
    target.write_bytes(data)
    with pytest.raises(CloudEdgeError, match=problem):
        write(target, format_, good("a.jpg"))
    assert target.read_bytes() == data


def test_damage_in_the_middle_is_told_with_its_line(tmp_path: Path) -> None:
    target = tmp_path / "rows"
    write(target, "jsonl", good("a.jpg"), good("b.jpg"), good("c.jpg"))
    lines = target.read_bytes().splitlines(keepends=True)
    target.write_bytes(lines[0] + b"\0\0\0\n" + lines[2])
    with pytest.raises(CloudEdgeError, match="line 2 is not a cloudedge row"):
        write(target, "jsonl", good("d.jpg"))


def test_joined_csv_outputs_are_one(tmp_path: Path) -> None:
    write(tmp_path / "1", "csv", good("a.jpg"))
    write(tmp_path / "2", "csv", good("b.jpg"))
    (tmp_path / "all").write_bytes((tmp_path / "1").read_bytes() + (tmp_path / "2").read_bytes())
    assert [row["path"] for row in read_rows(str(tmp_path / "all"))] == ["a.jpg", "b.jpg"]
    assert is_done(tmp_path / "all", "csv", "b.jpg")


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "rows", "jsonl", good("a.jpg"))
    with (tmp_path / "rows").open("a") as stream:
        stream.write('{"path": "b.')
    assert [row["path"] for row in read_rows(str(tmp_path / "rows"))] == ["a.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not have these locks")
def test_one_program_at_a_time(tmp_path: Path) -> None:
    holder = rf" \(process {os.getpid()}\)" if os.path.exists("/proc/locks") else ""
    problem = f"is being written by another cloudedge{holder};"
    with Journal(str(tmp_path / "rows"), "jsonl", 1, ""), pytest.raises(BusyError, match=problem):
        write(tmp_path / "rows", "jsonl")
    write(tmp_path / "rows", "jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks, devices and links")
def test_a_file_that_is_moved_away_is_begun_anew_and_what_is_done_stays_done(tmp_path: Path) -> None:
    target = tmp_path / "rows"
    with Journal(str(target), "csv", 1, "tiny") as journal:
        journal.write(good("a.jpg"), journal.key("a.jpg", None))
        target.rename(tmp_path / "rows.1")
        journal.write(good("a.jpg"), journal.key("a.jpg", None))
        journal.write(good("b.jpg"), journal.key("b.jpg", None))
        target.unlink()
        journal.write(good("c.jpg"), journal.key("c.jpg", None))
    assert [row["path"] for row in read_rows(str(tmp_path / "rows.1"))] == ["a.jpg"]
    assert [row["path"] for row in read_rows(str(target))] == ["c.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks, devices and links")
def test_nothing_takes_the_place_of_a_journal_that_is_being_written(tmp_path: Path) -> None:
    target = tmp_path / "rows"
    with (
        Journal(str(target), "jsonl", 1, "tiny"),
        pytest.raises(BusyError, match="is being written by another cloudedge"),
    ):
        refuse_to_replace(str(target))
    refuse_to_replace(str(target))
    refuse_to_replace(str(tmp_path / "none"))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks, devices and links")
def test_a_device_is_refused_and_a_link_stays_a_link(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (Path(os.devnull), tmp_path, tmp_path / "pipe"):
        with pytest.raises(JournalError, match="not an ordinary file"):
            write(target, "jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "rows")
    write(tmp_path / "link", "jsonl", bad("a.jpg"), good("a.jpg"), settle=True)
    assert (tmp_path / "link").is_symlink()
    assert len(list(read_rows(str(tmp_path / "rows")))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a limit stands for the full disk")
def test_a_full_disk_leaves_whole_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource
    import signal

    target = tmp_path / "rows"
    write(target, "jsonl", good("a.jpg"))
    size = target.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
        with pytest.raises(OSError, match="too large"):
            write(target, "jsonl", good("b.jpg"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert target.stat().st_size == size


@settings(max_examples=50)
@given(names=st.lists(st.text(st.characters(codec=None, exclude_categories=()), min_size=1), unique=True, max_size=5))
def test_any_names_are_remembered(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    names = [name for name in names if is_a_path(name)]
    for format_ in ("jsonl", "csv", "db"):
        target = tmp_path_factory.mktemp("journal") / "rows"
        write(target, format_, *map(good, names))
        assert all(is_done(target, format_, name) for name in names)


def is_a_path(name: str) -> bool:
    """Tell whether the system could have given that name."""
    try:
        return os.fsdecode(os.fsencode(name)) == name
    except UnicodeError:
        return False


@ALL_FORMATS
def test_rows_of_before_are_replayed_in_order(tmp_path: Path, format_: Any) -> None:
    write(tmp_path / "rows", format_, good("a.jpg"), bad("b.jpg"), good("c.jpg"))
    replayed: list[dict[str, Any]] = []
    replay: Callable[[dict[str, Any]], object] = replayed.append
    with opened(tmp_path / "rows", format_, "", replay=replay) as journal:
        assert journal.models == {"tiny 1.0.0": 3}
    assert [(row["path"], row["status"], row["certain"], row["probability"]) for row in replayed] == [
        ("a.jpg", "ok", True, 0.75),
        ("b.jpg", "error", None, None),
        ("c.jpg", "ok", True, 0.75),
    ]


def without(target: Path, format_: str, *names: str) -> None:
    """Take fields out of a journal, as if an earlier version had written it."""
    lines = target.read_text().splitlines()
    if format_ == "csv":
        kept = [place for place, name in enumerate(lines[0].split(",")) if not name.startswith(names)]
        cells = [line.split(",") for line in lines]
        lines = [",".join(line[place] for place in kept) for line in cells]
    else:
        for name in names:
            lines = [line.replace(f'"{name}": null, ', "") for line in lines]
    target.write_text("\n".join(lines) + "\n")
    assert not any(name in target.read_text() for name in names)


@FORMATS
@pytest.mark.parametrize("lacks", [("time_source", "sun"), ("sun",)], ids=["version 1", "without sun"])
def test_a_journal_with_fewer_fields_is_resumed(tmp_path: Path, format_: str, lacks: tuple[str, ...]) -> None:
    target = tmp_path / "rows"
    write(target, format_, good("a.jpg"), bad("b.jpg"))
    without(target, format_, *lacks)
    before = target.read_text()
    assert is_done(target, format_, "a.jpg")
    assert target.read_text() == before
    night = dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
    write(target, format_, {**good("c.jpg"), **night, "certain": False, "reason": "dark"})
    assert target.read_text().startswith(before)
    found = [(row["path"], row["genus"], row["reason"]) for row in read_rows(str(target))]
    assert found == [("a.jpg", "Cumulus", None), ("b.jpg", None, None), ("c.jpg", None, "dark")]
    assert is_done(target, format_, "c.jpg")
