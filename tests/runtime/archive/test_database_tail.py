"""A database that is followed: each row is read once, and all of them again when one of them has changed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cloudedge.archive.database import Database, create_database
from cloudedge.archive.database_tail import DatabaseTail
from cloudedge.archive.ledger import signature
from cloudedge.archive.locked_file import JournalError
from cloudedge.row import unflatten


def row(path: str, error: str | None = None) -> dict[str, Any]:
    answer = dict.fromkeys(("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain"))
    rest = {"top": [], "captured_at": None, "time_source": None, "model": "tiny 1.0.0", "sun": None}
    is_dark = {"reason": "dark", "certain": False} if error is None else {}
    return {"path": path, "status": "error" if error else "ok", "error": error, **answer, **is_dark, **rest}


def write(journal: Database, *rows: dict[str, Any]) -> None:
    for new in rows:
        state = signature(__file__) if new["error"] else None  # a photo is tried again once its file has changed
        assert journal.write(new, journal.key(new["path"], state))


def execute(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sky.db"


@pytest.fixture
def journal(file: Path) -> Database:
    with Database(str(file), 1, "tiny") as journal:
        yield journal


@pytest.fixture
def tail(file: Path) -> DatabaseTail:
    return DatabaseTail(str(file))


def news(tail: DatabaseTail) -> tuple[bool, list[tuple[str, str | None]]] | None:
    found = tail.news()
    return found and (found[0], [(row["path"], row["error"]) for row in found[1]])


def good(*names: str) -> list[tuple[str, None]]:
    return [(name, None) for name in names]


def test_each_row_is_read_once_as_the_database_grows(journal, tail):
    write(journal, row("a"), row("b"))
    assert news(tail) == (True, good("a", "b"))
    assert news(tail) is None
    write(journal, row("c"))
    assert news(tail) == (False, good("c"))
    write(journal, row("d", "is empty"), row("e"))
    assert news(tail) == (False, [("d", "is empty"), ("e", None)])
    assert news(tail) is None


def test_the_rows_are_those_that_were_written(journal, tail):
    write(journal, row("a"))
    _, rows = tail.news()
    assert [{name: value for name, value in unflatten(found).items() if name != "key"} for found in rows] == [row("a")]


def test_a_database_without_rows_or_that_is_not_there_has_none(file, tail):
    assert news(tail) is None
    file.touch()
    assert news(tail) == (True, [])
    with Database(str(file), 1, "tiny") as journal:
        assert news(tail) == (True, [])
        write(journal, row("a"))
        assert news(tail) == (True, good("a"))


@pytest.mark.parametrize("later", [(), ("b",), ("b", "c")])
def test_rows_begin_anew_when_a_failure_gives_way(journal, tail, later):
    """The next row of its photo gets the rowid of a failure that was the last row, and a new one otherwise."""
    write(journal, row("a", "is empty"), *map(row, later))
    news(tail)
    write(journal, row("a"))
    assert news(tail) == (True, good(*later, "a"))
    write(journal, row("d"))
    assert news(tail) == (False, good("d"))


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_rows_begin_anew_when_one_was_deleted(file, journal, tail, name):
    write(journal, *map(row, "abc"))
    news(tail)
    execute(file, f"DELETE FROM rows WHERE path = '{name}'")
    write(journal, row("d"))
    assert news(tail) == (True, good(*(other for other in "abcd" if other != name)))


def test_the_log_is_put_away_when_the_writer_ends(file, journal, tail):
    write(journal, row("a"))
    news(tail)
    journal.__exit__(None, None, None)
    assert [entry.name for entry in file.parent.iterdir()] == ["sky.db"]
    assert news(tail) is None  # it has moved into the database


@pytest.mark.parametrize("names", ["xb", "xyb"])
def test_a_database_that_was_replaced_is_read_anew(file, tail, names):
    create_database(str(file), [row(name) | {"key": name} for name in "ab"], 1)
    assert news(tail) == (True, good(*"ab"))
    other = file.with_name("other.db")
    create_database(str(other), [row(name) | {"key": name} for name in names], 1)
    os.replace(other, file)
    assert news(tail) == (True, good(*names))


def test_a_database_that_was_deleted_has_no_rows_until_it_comes_again(file, tail):
    for name in "ab":
        create_database(str(file), [row(name) | {"key": "1"}], 1)
        assert news(tail) == (True, good(name))
        file.unlink()
        assert news(tail) == (True, [])
        assert news(tail) is None


def test_what_holds_no_rows_is_named_each_time_and_rows_that_follow_are_read(file, tail):
    file.write_bytes(b"something else" * 100)
    for _ in range(2):
        with pytest.raises(JournalError, match="is not a database; choose another file"):
            news(tail)
    file.unlink()
    create_database(str(file), [row("a") | {"key": "1"}], 1)
    assert news(tail) == (True, good("a"))


def test_rows_of_a_database_that_was_spoilt_and_then_deleted_are_gone(file, tail):
    create_database(str(file), [row("a") | {"key": "1"}], 1)
    news(tail)
    file.unlink()
    file.write_bytes(b"something else" * 100)
    with pytest.raises(JournalError):
        news(tail)
    file.unlink()
    assert news(tail) == (True, [])


def test_rows_that_were_not_taken_to_the_end_come_again(journal, tail):
    write(journal, *map(row, "abc"))
    _, rows = tail.news()
    assert next(rows)["path"] == "a"
    del rows
    assert news(tail) == (True, good("a", "b", "c"))
