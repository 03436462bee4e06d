"""A file of rows that is followed: each row is read once, whatever happens to the file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cloudedge.errors import CloudEdgeError
from cloudedge.row_formats import to_csv, to_jsonl
from cloudedge.row_tail import RowTail


def row(name: str) -> dict[str, Any]:
    answer = dict.fromkeys(("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain"))
    head = {"path": name, "status": "error", "error": "is empty"}
    rest = {"top": [], "captured_at": None, "time_source": None, "model": "tiny 1.0.0", "sun": None}
    return {**head, **answer, **rest}


def lines(*names: str) -> str:
    return "".join(to_jsonl(map(row, names)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.fixture
def bad() -> list[CloudEdgeError]:
    return []


@pytest.fixture
def tail(file: Path, bad: list[CloudEdgeError]) -> RowTail:
    return RowTail(str(file), bad.append)


def news(tail: RowTail) -> tuple[bool, list[str]] | None:
    found = tail.news()
    return found and (found[0], [row["path"] for row in found[1]])


def append(file: Path, text: str) -> None:
    with file.open("a") as stream:
        stream.write(text)


def test_each_row_is_read_once_as_the_file_grows(file: Path, tail: RowTail) -> None:
    file.write_text(lines("a", "b"))
    assert news(tail) == (True, ["a", "b"])
    assert news(tail) is None
    append(file, lines("c"))
    assert news(tail) == (False, ["c"])


def test_a_line_that_is_not_complete_is_read_when_it_is(file: Path, tail: RowTail) -> None:
    text = lines("a", "b")
    file.write_text(text[:-20])
    assert news(tail) == (True, ["a"])
    append(file, text[-20:])
    assert news(tail) == (False, ["b"])


def test_a_file_that_is_not_there_yet_or_not_any_more_has_no_rows(file: Path, tail: RowTail) -> None:
    assert news(tail) is None
    file.write_text(lines("a"))
    assert news(tail) == (True, ["a"])
    file.unlink()
    assert news(tail) == (True, [])
    assert news(tail) is None
    file.write_text(lines("a"))
    assert news(tail) == (True, ["a"])


@pytest.mark.parametrize("names", [("c",), ("c", "d", "e", "f")])
def test_a_file_that_was_replaced_or_rewritten_is_read_anew(file: Path, tail: RowTail, names: tuple[str, ...]) -> None:
    file.write_text(lines("a", "b"))
    news(tail)
    other = file.with_name("other")
    other.write_text(lines(*names))
    os.replace(other, file)
    assert news(tail) == (True, [*names])
    file.write_text(lines("x", *names, *names))  # in place, as copytruncate does
    assert news(tail) == (True, ["x", *names, *names])


def test_a_truncated_file_is_read_anew(file: Path, tail: RowTail) -> None:
    file.write_text(lines("a", "b", "c"))
    news(tail)
    os.truncate(file, len(lines("a")))
    assert news(tail) == (True, ["a"])
    append(file, lines("d"))
    assert news(tail) == (False, ["d"])


def test_a_line_that_is_not_a_row_is_left_out_and_named(file: Path, tail: RowTail, bad: list[CloudEdgeError]) -> None:
    file.write_text(lines("a") + json.dumps({"path": "b"}) + "\n" + lines("c"))
    assert news(tail) == (True, ["a", "c"])
    assert [str(error) for error in bad] == [
        f"{file}: line 2 is not a cloudedge row; use a file that `classify` or `watch` wrote"
    ]


def test_the_columns_of_a_csv_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    tail = RowTail(str(file), pytest.fail)
    text = "".join(to_csv(map(row, "abc"), top_k=3))
    half = text.index("\nb,") + 1
    file.write_text(text[:half])
    assert news(tail) == (True, ["a"])
    append(file, text[half:])
    assert news(tail) == (False, ["b", "c"])
