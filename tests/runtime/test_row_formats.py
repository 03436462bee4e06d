"""The four formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudedge.cli.text import to_terminal, to_text
from cloudedge.row import Classification, GenusProbability, LevelProbability, flat_columns
from cloudedge.row_formats import percent, to_csv, to_json, to_jsonl

NAMES = st.text(st.characters(codec=None, exclude_categories=()), min_size=1)  # surrogates too: names are bytes


def good(path: str = "a.jpg", **changes: Any) -> dict[str, Any]:
    row = Classification(
        path=path,
        status="ok",
        error=None,
        genus="Cumulus",
        abbreviation="Cu",
        probability=0.75,
        certain=True,
        reason=None,
        level=LevelProbability("low", 0.875),
        base="< 2000 m",
        rain="Occasional showers",
        top=(GenusProbability("Cumulus", 0.75), GenusProbability("Stratus", 0.125), GenusProbability("Cirrus", 0.001)),
        captured_at="2024-06-01T12:30:45",
        model="tiny 1.0.0",
    ).to_dict()
    return {**row, **changes}


def bad(path: str = "bad.jpg") -> dict[str, Any]:
    nothing = ("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain", "captured_at")
    return good(path, status="error", error="is empty", top=[], **dict.fromkeys(nothing))


def test_json_is_one_array_of_the_rows() -> None:
    rows = [good(), bad()]
    assert json.loads("".join(to_json(rows))) == rows
    assert json.loads("".join(to_json([]))) == []


def test_jsonl_is_one_row_per_line_in_the_order_of_the_keys() -> None:
    lines = "".join(to_jsonl([good(), bad()])).splitlines()
    assert [json.loads(line) for line in lines] == [good(), bad()]
    assert list(json.loads(lines[0])) == list(good())


@pytest.mark.parametrize("write", [to_json, to_jsonl])
def test_json_has_no_numbers_that_json_does_not_know(write: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        list(write([good(probability=float("nan"))]))


def test_csv_flattens_the_row() -> None:
    ok, error = csv.DictReader(io.StringIO("".join(to_csv([good(), bad()], top_k=3))))
    assert ok == {
        "path": "a.jpg",
        "status": "ok",
        "error": "",
        "genus": "Cumulus",
        "abbreviation": "Cu",
        "probability": "0.75",
        "certain": "true",
        "reason": "",
        "level_name": "low",
        "level_probability": "0.875",
        "base": "< 2000 m",
        "rain": "Occasional showers",
        "top1_genus": "Cumulus",
        "top1_probability": "0.75",
        "top2_genus": "Stratus",
        "top2_probability": "0.125",
        "top3_genus": "Cirrus",
        "top3_probability": "0.001",
        "captured_at": "2024-06-01T12:30:45",
        "model": "tiny 1.0.0",
    }
    assert {key: value for key, value in error.items() if value} == {
        "path": "bad.jpg",
        "status": "error",
        "error": "is empty",
        "model": "tiny 1.0.0",
    }


def test_csv_has_a_column_for_each_key_of_a_row() -> None:
    flat = [key for key in flat_columns(1) if not key.startswith(("level_", "top1_"))]
    assert flat == [key for key in good() if key not in ("level", "top")]


def test_csv_has_as_many_columns_as_asked_for_even_where_the_model_knows_fewer_genera() -> None:
    header, line = csv.reader(io.StringIO("".join(to_csv([good()], top_k=5))))
    assert len(header) == len(line) == 24
    assert line[header.index("top5_genus")] == ""


def test_text_is_one_plain_line_per_row() -> None:
    unsure = good("b.jpg", certain=False, reason="low_confidence")
    dark = good("c.jpg", certain=False, reason="dark")
    assert "".join(to_text([good(), unsure, dark, bad()])).splitlines() == [
        "a.jpg: Cumulus 75%, low level 88%, base < 2000 m, occasional showers",
        "b.jpg: Cumulus 75%, low level 88%, base < 2000 m, occasional showers; not certain: no genus stands out",
        "c.jpg: not certain: the photo is too dark; best guess Cumulus 75%",
        "bad.jpg: error: is empty",
    ]


@pytest.mark.parametrize("write", [to_text, to_terminal, lambda rows: to_csv(rows, top_k=1)])
def test_no_name_of_a_file_hides_its_end_and_emoji_stay_whole(write: Any) -> None:
    family = "\U0001f468\u200d\U0001f467 \u2601\ufe0f"
    written = "".join(write([good(f"{family}\u202egpj.exe"), bad("\u2067\xad.jpg")]))
    assert f"{family}\\u202egpj.exe" in written
    assert "\\u2067\\xad.jpg" in written
    assert not {"\u202e", "\u2067", "\xad"}.intersection(written)


def test_no_genus_is_written_as_wholly_sure_or_impossible() -> None:
    shown = [percent(probability) for probability in (0.0, 0.004, 0.006, 0.5, 0.994, 0.996, 1.0)]
    assert shown == ["<1%", "<1%", "1%", "50%", "99%", ">99%", ">99%"]


def test_a_terminal_gets_a_paragraph_per_row() -> None:
    unsure = good("b.jpg", certain=False, reason="low_confidence", captured_at=None)
    dark = good("c.jpg", certain=False, reason="dark", captured_at=None)
    pieces = list(to_terminal([good(), unsure, dark, bad()]))
    assert [click.unstyle(piece).splitlines() for piece in pieces] == [
        [
            "a.jpg",
            "  Cumulus (Cu)  ██████████████████░░░░░░  75%",
            "  low level 88% · base < 2000 m · occasional showers",
            "  or Stratus 12%, Cirrus <1%",
            "  taken 2024-06-01 12:30:45",
        ],
        [
            "b.jpg",
            "  Cumulus (Cu)  ██████████████████░░░░░░  75%",
            "  low level 88% · base < 2000 m · occasional showers",
            "  or Stratus 12%, Cirrus <1%",
            "  not certain: no genus stands out",
        ],
        [
            "c.jpg",
            "  not certain: the photo is too dark; the best guess:",
            "  Cumulus (Cu)  ██████████████████░░░░░░  75%",
            "  or Stratus 12%, Cirrus <1%",
        ],
        ["bad.jpg", "  error: is empty"],
    ]


@given(name=NAMES)
def test_no_name_of_a_file_breaks_a_line_or_the_encoding(name: str) -> None:
    rows = [good(name), bad(name)]
    for write in (to_text, to_jsonl):
        assert len("".join(write(rows)).encode("utf-8").splitlines()) == 2
    table = "".join(to_csv(rows, top_k=3))
    table.encode("utf-8")
    assert len(list(csv.reader(io.StringIO(table, newline="")))) == 3
    assert "".join(to_terminal(rows)).encode("utf-8").count(b"\n") == 7
    assert [row["path"] for row in json.loads("".join(to_json(rows)))] == [name, name]


@pytest.mark.parametrize("write", [to_json, to_jsonl, to_text, to_terminal, lambda rows: to_csv(rows, top_k=1)])
def test_each_row_is_written_before_the_next_is_asked_for(write: Any) -> None:
    asked = []

    def rows() -> Iterator[dict[str, Any]]:
        for name in ("first.jpg", "second.jpg"):
            asked.append(name)
            yield good(name)

    pieces = write(rows())
    while "first.jpg" not in next(pieces):
        pass
    assert asked == ["first.jpg"]
