"""The archive as a database: what it holds, what it refuses, and what others may do with it meanwhile."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudedge.archive import database, sqlite_table
from cloudedge.archive.database import Database, create_database
from cloudedge.archive.journal import refuse_to_replace
from cloudedge.archive.ledger import signature
from cloudedge.archive.locked_file import JournalError
from cloudedge.archive.stored_rows import StoredRows
from cloudedge.errors import BusyError
from cloudedge.row import flat_columns

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks, and files that can be moved while open")

NO_CLOUD = dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))


def good(path: str, **other: Any) -> dict[str, Any]:
    row = {
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
    return {**row, **other}


def bad(path: str, error: str = "is empty") -> dict[str, Any]:
    return {**good(path), **NO_CLOUD, "certain": None, "status": "error", "error": error, "top": []}


def write(target: Path, *rows: dict[str, Any], top_k: int = 1, settle: bool = False) -> list[bool]:
    with Database(str(target), top_k, "tiny") as journal:
        news = [journal.write(row, journal.key(row["path"], signature(row["path"]))) for row in rows]
        if settle:
            journal.put_in_order()
    return news


def rows_of(target: Path) -> list[dict[str, Any]]:
    return list(StoredRows(str(target)).rows())


def states(target: Path) -> list[tuple[str, str | None]]:
    return [(row["path"], row["error"]) for row in rows_of(target)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "sky.db"


def ask(target: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(target)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_the_table_has_the_columns_of_the_flat_row_and_the_key(target: Path) -> None:
    write(target, good("a.jpg"), top_k=3)
    assert [name for _, name, *_ in ask(target, "PRAGMA table_info(rows)")] == [*flat_columns(3), "key"]
    keys = {name for _, name, _, _, _, place in ask(target, "PRAGMA table_info(rows)") if place}
    assert keys == {"path", "key"}  # two photos may be alike, and changed at the same moment
    assert ask(target, "PRAGMA user_version") == [(1,)]
    assert ask(target, "PRAGMA journal_mode") == [("wal",)]
    assert os.listdir(target.parent) == ["sky.db"]


def test_rows_are_read_as_they_were_written(target: Path) -> None:
    rows = [
        good("a.jpg", captured_at="2024-06-01T12:00:00+02:00", time_source="exif"),
        good("b\n\"'ü\u202e.jpg", **NO_CLOUD, certain=False, reason="dark"),
        bad("c\udcff.jpg", "is empty"),
        good("d.jpg", top=[{"genus": genus, "probability": 0.1} for genus in ("Cumulus", "Cirrus", "Stratus")]),
    ]
    write(target, *rows, top_k=3)
    found = rows_of(target)
    assert [list(row) for row in found] == [[*rows[0], "key"]] * 4
    assert [{name: value for name, value in row.items() if name != "key"} for row in found] == rows
    light = list(StoredRows(str(target)).rows(["certain", "path"]))
    assert light == [{"certain": row["certain"], "path": row["path"]} for row in rows]


TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=5)


@given(paths=st.lists(TEXTS, unique=True, max_size=3), error=TEXTS, probability=st.floats(0, 1), certain=st.booleans())
def test_any_text_and_any_number_come_back(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], error: str, probability: float, certain: bool
) -> None:
    target = tmp_path_factory.mktemp("database") / "sky.db"
    target.touch()
    rows = [good(path, error=error, probability=probability, certain=certain) for path in paths]
    assert create_database(str(target), rows, 1) == len(rows)
    assert rows_of(target) == rows


def test_a_failure_gives_way_to_the_next_row_of_its_photo(target: Path) -> None:
    assert write(target, bad("a.jpg"), bad("b.jpg"), good("c.jpg")) == [True, True, True]
    assert write(target, bad("a.jpg"), bad("./b.jpg", "is cut short")) == [False, True]
    assert states(target) == [("a.jpg", "is empty"), ("c.jpg", None), ("./b.jpg", "is cut short")]
    assert write(target, good("./a.jpg"), good("b.jpg"), good("b.jpg")) == [True, True, False]
    assert states(target) == [("c.jpg", None), ("./a.jpg", None), ("b.jpg", None)]


def test_a_failure_counts_as_answered_in_its_run_alone(target: Path) -> None:
    with Database(str(target), 1, "tiny") as journal:
        key = journal.key("a.jpg", None)
        assert journal.write(bad("a.jpg"), key)
        assert journal.has("a.jpg", None)
        assert not journal.write(bad("a.jpg"), key)
    with Database(str(target), 1, "tiny") as journal:
        assert not journal.has("a.jpg", None)


def test_failures_that_were_converted_are_put_in_order(target: Path) -> None:
    target.touch()
    key = "0" * 12 + "-" + "1" * 16 + "-" + "2" * 16
    found = [bad("a.jpg"), bad("b.jpg"), good("a.jpg")]
    rows = [{**row, "key": key[:-1] + str(number)} for number, row in enumerate(found)]
    assert create_database(str(target), rows, 1) == 3
    write(target, settle=True)
    assert states(target) == [("b.jpg", "is empty"), ("a.jpg", None)]


def test_one_photo_and_key_have_one_row(target: Path) -> None:
    target.touch()
    row = {**good("a.jpg"), "key": "0" * 16}
    assert create_database(str(target), [{**row, "certain": False}, row], 1) == 1
    assert rows_of(target) == [row]


def test_more_genera_and_new_fields_are_columns_added_when_it_is_opened(target: Path) -> None:
    write(target, good("a.jpg"))
    connection = sqlite3.connect(target)
    kept = ", ".join(name for name in flat_columns(1) if name not in ("rain", "time_source"))
    connection.executescript(
        f"CREATE TABLE o AS SELECT {kept}, key FROM rows; DROP TABLE rows; ALTER TABLE o RENAME TO rows"
    )
    connection.close()
    (older,) = rows_of(target)
    assert "rain" not in older
    assert list(StoredRows(str(target)).rows(["path", "rain"])) == [{"path": "a.jpg", "rain": None}]
    top = [{"genus": "Cumulus", "probability": 0.5}, {"genus": "Cirrus", "probability": 0.25}]
    write(target, good("b.jpg", top=top), top_k=2)
    first, second = rows_of(target)
    assert {**first, "key": None} == {**good("a.jpg", rain=None), "key": None}
    assert second["top"] == top


def test_a_key_of_an_earlier_version_is_known(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(target.parent)
    target.touch()
    key = hashlib.blake2b(b"\0".join((b"a.jpg", repr(None).encode(), b"tiny")), digest_size=8).hexdigest()
    create_database(str(target), [{**good("a.jpg"), "key": key}], 1)
    with Database(str(target), 1, "tiny") as journal:
        assert journal.has("./a.jpg", None)
        assert not journal.has("b.jpg", None)


def test_times_with_offsets_are_in_order_by_an_index(target: Path) -> None:
    times = ["2024-06-01T12:00:00+02:00", "2024-06-01T09:30:00-01:00", "2024-06-01T10:10:00", None]
    write(target, *(good(f"{number}.jpg", captured_at=time) for number, time in enumerate(times)))
    query = "SELECT path FROM rows ORDER BY datetime(captured_at)"
    assert ask(target, query) == [("3.jpg",), ("0.jpg",), ("2.jpg",), ("1.jpg",)]
    assert "USING INDEX rows_by_time" in str(ask(target, f"EXPLAIN QUERY PLAN {query}"))


def test_each_question_is_answered_by_an_index(target: Path) -> None:
    write(target, good("a.jpg"))
    for query in (database._BY_STATE, database._BY_BYTES, database._BY_KEY):
        plan = str(ask(target, "EXPLAIN QUERY PLAN " + query.replace("?", "'a'")))
        assert "SEARCH" in plan
        assert "key>?" in plan or "key=?" in plan


def of_another_program(target: Path) -> None:
    ask(target, "CREATE TABLE rows (path, status)")


def of_a_newer_version(target: Path) -> None:
    write(target, good("a.jpg"))
    ask(target, "PRAGMA user_version = 2")


def without_keys(target: Path) -> None:
    target.touch()
    create_database(str(target), [good("a.jpg"), good("a.jpg")], 1)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda target: target.write_text("hello"), "is not a database; choose another file"),
        (lambda target: target.write_bytes(bytes(5000)), "is not a database; choose another file"),
        (lambda target: target.write_bytes(b"SQLite format 3\0" + bytes(5000)), "is not a database|is damaged"),
        (of_another_program, "is a database of another program; choose another file"),
        (of_a_newer_version, "was written by a newer cloudedge; update cloudedge"),
        (without_keys, "has rows without a key"),
        (lambda target: target.mkdir(), "is not an ordinary file"),
    ],
)
def test_what_is_something_else_is_refused_and_left_alone(target: Path, make: Any, problem: str) -> None:
    make(target)
    before = target.read_bytes() if target.is_file() else b""
    with pytest.raises(JournalError, match=problem):
        write(target, good("a.jpg"))
    assert target.is_dir() or target.read_bytes() == before
    assert os.listdir(target.parent) == ["sky.db"]


def test_rows_without_keys_can_be_read(target: Path) -> None:
    without_keys(target)
    assert rows_of(target) == [good("a.jpg"), good("a.jpg")]


def test_values_that_a_database_has_not_are_one_line(target: Path) -> None:
    target.touch()
    with pytest.raises(JournalError, match="cannot be used"):
        create_database(str(target), [good("a.jpg", rain={"none": True})], 1)


def test_a_file_that_is_cut_in_the_middle_is_damaged(target: Path) -> None:
    write(target, *(good(f"{number}.jpg") for number in range(200)))
    target.write_bytes(target.read_bytes()[:9000])
    with pytest.raises(JournalError, match=r"is damaged; save its rows with `sqlite3 FILE \.recover`"):
        rows_of(target)


def test_a_network_share_is_refused_with_what_to_do(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = target.parent / "mounts"
    mounts.write_text(f"server:/export {target.parent} nfs4 rw 0 0\n")
    monkeypatch.setattr("cloudedge.archive.network.MOUNTS", str(mounts))
    with pytest.raises(
        JournalError, match=r"network share \(nfs4\).* keep it on a disk of this machine, or choose a .jsonl"
    ):
        write(target)
    assert not target.exists()


@posix
def test_one_writer_at_a_time_and_any_number_of_readers(target: Path) -> None:
    with Database(str(target), 1, "tiny") as journal:
        journal.write(good("a.jpg"), journal.key("a.jpg", None))
        holder = rf" \(process {os.getpid()}\)" if os.path.exists("/proc/locks") else ""
        with pytest.raises(BusyError, match=f"is being written by another cloudedge{holder};"):
            write(target)
        reading = StoredRows(str(target)).rows()
        assert next(reading)["path"] == "a.jpg"
        journal.write(good("b.jpg"), journal.key("b.jpg", None))
        assert list(reading) == []  # as it was when reading began
        assert len(rows_of(target)) == 2
        with pytest.raises(BusyError):
            refuse_to_replace(str(target))
    with pytest.raises(JournalError, match="is a database, whose rows would be lost"):
        refuse_to_replace(str(target))


def test_a_lock_of_another_program_is_named(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_table, "_PATIENCE", 0.0)
    write(target, good("a.jpg"))
    other = sqlite3.connect(target, isolation_level=None)
    with Database(str(target), 1, "tiny") as journal:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="is locked by another program; wait until that ends"):
            journal.write(good("b.jpg"), journal.key("b.jpg", None))
        other.execute("COMMIT")
        assert journal.write(good("b.jpg"), journal.key("b.jpg", None))
    other.close()


@posix
def test_what_is_moved_away_takes_its_rows_along(target: Path) -> None:
    moved = target.with_name("old.db")
    with Database(str(target), 1, "tiny") as journal:
        journal.write(good("a.jpg"), journal.key("a.jpg", None))
        target.rename(moved)
        with pytest.raises(
            JournalError, match="was moved or deleted while it was being written; run the command again"
        ):
            journal.write(good("b.jpg"), journal.key("b.jpg", None))
    assert states(moved) == [("a.jpg", None)]
    write(target, good("b.jpg"))
    assert states(target) == [("b.jpg", None)]


@posix
def test_rows_that_a_kill_left_in_the_log_are_there(target: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from cloudedge.archive.database import Database\n"
        "journal = Database(sys.argv[1], 1, 'tiny')\n"
        f"journal.write({good('a.jpg')!r}, journal.key('a.jpg', None))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    import subprocess

    assert subprocess.run([sys.executable, "-c", program, str(target)], check=False).returncode == -9
    assert (target.parent / "sky.db-wal").stat().st_size > 0
    assert states(target) == [("a.jpg", None)]
    write(target, good("a.jpg"), good("b.jpg"))
    assert states(target) == [("a.jpg", None), ("b.jpg", None)]
    assert os.listdir(target.parent) == ["sky.db"]


def test_a_picture_that_is_overwritten_again_and_again_has_a_row_each_time(target: Path) -> None:
    latest = target.parent / "latest.jpg"
    with Database(str(target), 1, "tiny") as journal:
        for number in range(20):
            latest.write_bytes(bytes([number]))
            os.utime(latest, ns=(number, number))
            assert journal.write(good(str(latest)), journal.key(str(latest), signature(str(latest))))
        os.utime(latest, ns=(100, 100))
        key = journal.key(str(latest), signature(str(latest)))
        assert not journal.has(str(latest), signature(str(latest)))
        assert journal.holds(str(latest), key)
        journal.renew(str(latest), key)
        assert journal.has(str(latest), signature(str(latest)))
    assert len(rows_of(target)) == 20
