"""CSV files that people make: what is wrong with one, and in which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudedge.errors import CloudEdgeError
from export.files import numbered_rows, read_csv


def test_rows_are_numbered_by_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('file,genus\n\n\na,Cirrus\n"b\nc",Cumulus\n\nd,Stratus\n\n', encoding="utf-8")
    found = numbered_rows(path, ("file", "genus"))
    assert [(line, row["file"]) for line, row in found] == [(4, "a"), (6, "b\nc"), (8, "d")]
    assert read_csv(path, ("file",)) == [row for _, row in found]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"file;genus\na;Cirrus\n", "has semicolons between its columns; save it with commas"),
        (b"file\tgenus\na\tCirrus\n", "has tabs between its columns; save it with commas"),
        (b"name,genus\na,Cirrus\n", "has no column 'file'; it needs file, genus"),
        ("file,genus\n".encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
        ("file,genus\n\xfc,Cirrus\n".encode("latin-1"), "is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_a_file_that_was_saved_in_another_way_is_told_how_to_save_it(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(CloudEdgeError) as caught:
        read_csv(path, ("file", "genus"))
    assert str(caught.value) == f"{path}: {problem}"


def test_a_semicolon_in_a_name_is_no_fault_where_the_columns_are_there(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file,genus,note; free\na,Cirrus,b\n", encoding="utf-8")
    assert [row["genus"] for row in read_csv(path, ("file", "genus"))] == ["Cirrus"]
