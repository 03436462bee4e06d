"""The made-up rows of `make bench` are rows that every command takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("benchmarks", reason="needs a checkout")
from benchmarks.archive_script import keys
from benchmarks.rows import SETTINGS, TOP_K, made_up_rows, write_rows
from cloudedge.archive.journal import Journal
from cloudedge.row import Classification
from cloudedge.row_formats import read_rows

COUNT = 3000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    write_rows(path, COUNT)
    return path


def test_they_are_always_the_same(file: Path) -> None:
    rows = [*made_up_rows(COUNT)]
    assert [*read_rows(str(file))] == rows
    assert [*made_up_rows(10)] == rows[:10]


def test_they_have_the_fields_of_a_row_and_a_key() -> None:
    names = [*(field.name for field in fields(Classification)), "key"]
    assert all([*row] == names for row in made_up_rows(COUNT))


def test_they_are_of_every_kind() -> None:
    rows = [*made_up_rows(COUNT)]
    assert {row["status"] for row in rows} == {"ok", "error"}
    assert {row["reason"] for row in rows} == {None, "dark", "low_confidence"}
    assert len({row["genus"] for row in rows}) > 5
    assert len({row["path"] for row in rows}) == len({row["key"] for row in rows}) == COUNT
    assert {len(row["top"]) for row in rows} == {0, TOP_K}
    assert all(0 < row["probability"] <= row["level"]["probability"] <= 1.000001 for row in rows if row["genus"])


def test_a_run_that_resumes_takes_them_for_done(file: Path) -> None:
    done = keys(str(file))
    assert len(done) == sum(row["status"] == "ok" for row in made_up_rows(COUNT))
    with Journal(str(file), "jsonl", TOP_K, SETTINGS) as journal:
        assert all(journal.holds(path, key) for path, key in done)
