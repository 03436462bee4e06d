"""What a regular expression reads of a line is what JSON says, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudedge.errors import CloudEdgeError
from cloudedge.row import cells_of
from cloudedge.row_formats import json_line, parse
from cloudedge.row_line import LineReader

COLUMNS = (
    *("path", "status", "error", "genus", "probability", "reason", "captured_at", "time_source", "sun_phase"),
    *("model", "key"),
)
NAMED = {
    "path": "cam/1.jpg",
    "status": "ok",
    "error": None,
    "genus": "Cumulus",
    "abbreviation": "Cu",
    "probability": 0.9,
    "certain": True,
    "reason": None,
    "level": {"name": "low", "probability": 0.95},
    "base": "< 2000 m",
    "rain": "No rain",
    "top": [{"genus": "Cumulus", "probability": 0.9}, {"genus": "Stratus", "probability": 0.1}],
    "captured_at": "2024-06-01T12:00:00",
    "time_source": "name",
    "sun": {"elevation": -4.5, "azimuth": 8, "phase": "civil"},
    "model": "tiny 1.0.0",
}
NAMELESS = NAMED | dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
NAMELESS |= {"certain": False, "reason": "dark", "sun": None, "captured_at": None, "time_source": None, "key": "a-b-c"}
ROWS: list[dict[str, Any]] = [NAMED, NAMELESS, NAMED | {"reason": "low_confidence", "certain": False, "top": []}]


def of_json(line: bytes) -> list[Any] | None:
    try:
        return list(cells_of(parse(line, None, "rows", 1), COLUMNS))
    except CloudEdgeError:
        return None


def read(line: bytes) -> list[Any] | None:
    cells = LineReader(COLUMNS).cells(line)
    if cells is None:
        return None
    return [float(cell) if name == "probability" and cell else cell for name, cell in zip(COLUMNS, cells, strict=True)]


@pytest.mark.parametrize("row", ROWS)
def test_rows_are_read_as_json_lines_writes_them(row: dict[str, Any]) -> None:
    line = json_line(row).rstrip().encode()
    assert read(line) == of_json(line) == list(cells_of(row, COLUMNS))


@pytest.mark.parametrize(
    "change",
    [
        {"status": "error"},
        {"genus": "Nimbus"},
        {"genus": None},  # no reason why
        {"genus": None, "probability": None, "reason": "low_confidence"},
        {"probability": None},
        {"probability": 1.2},
        {"probability": "0.9"},
        {"top": [{"genus": "Cumulus", "probability": 7}]},
        {"top": [{"genus": "Nimbus", "probability": 0.1}]},
        {"sun": {"elevation": 91.0, "azimuth": 0.0, "phase": "day"}},
        {"model": None},
        {"path": None},
        {"captured_at": 5},
    ],
)
def test_what_is_no_row_is_not_read(change: dict[str, Any]) -> None:
    line = json.dumps(NAMED | change).encode()
    assert read(line) is None
    assert of_json(line) is None


@pytest.mark.parametrize("path", ["\udcff.jpg", 'a"b.jpg', "a\\b.jpg", "a\tb.jpg", "größe.jpg"])
def test_names_that_json_escapes_are_left_to_json(path: str) -> None:
    assert read(json_line(NAMED | {"path": path}).rstrip().encode()) is None
    plain = json.dumps(NAMED | {"path": "größe.jpg"}, ensure_ascii=False).encode()
    assert read(plain) == of_json(plain)
    assert read(plain.decode().encode("latin-1")) is None


@given(
    row=st.sampled_from(ROWS),
    where=st.floats(0, 1),
    length=st.integers(0, 3),
    text=st.sampled_from(
        ["", "0", "1", ".", "-", '"', ",", " ", "null", "{", "}", "[", "]", "\\", "e", "\n", "é", "\0"]
    ),
)
def test_no_line_is_read_in_another_way_than_json(row: dict[str, Any], where: float, length: int, text: str) -> None:
    line = json_line(row).rstrip()
    cut = int(where * len(line))
    changed = (line[:cut] + text + line[cut + length :]).encode()
    assert read(changed) in (None, of_json(changed))
