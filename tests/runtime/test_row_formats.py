"""The four formats."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudedge.cli.text import to_terminal, to_text
from cloudedge.errors import CloudEdgeError
from cloudedge.row import SUN_COLUMNS, Classification, GenusProbability, LevelProbability, flat_columns, percent
from cloudedge.row_formats import read_rows, to_csv, to_json, to_jsonl

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
        time_source="name",
        sun=None,
        model="tiny 1.0.0",
    ).to_dict()
    return {**row, **changes}


OF_A_GENUS = ("genus", "abbreviation", "probability", "level", "base", "rain")


def nameless(path: str, reason: str, **changes: Any) -> dict[str, Any]:
    return good(path, certain=False, reason=reason, **dict.fromkeys(OF_A_GENUS), **changes)


def bad(path: str = "bad.jpg") -> dict[str, Any]:
    nothing = (*OF_A_GENUS, "certain", "reason", "captured_at", "time_source")
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
        "time_source": "name",
        "sun_elevation": "",
        "sun_azimuth": "",
        "sun_phase": "",
        "model": "tiny 1.0.0",
    }
    assert {key: value for key, value in error.items() if value} == {
        "path": "bad.jpg",
        "status": "error",
        "error": "is empty",
        "model": "tiny 1.0.0",
    }


def test_csv_has_a_column_for_each_key_of_a_row() -> None:
    flat = [key for key in flat_columns(1) if not key.startswith(("level_", "top1_", "sun_"))]
    assert flat == [key for key in good() if key not in ("level", "top", "sun")]


def test_csv_has_as_many_columns_as_asked_for_even_where_the_model_knows_fewer_genera() -> None:
    header, line = csv.reader(io.StringIO("".join(to_csv([good()], top_k=5))))
    assert len(header) == len(line) == 28
    assert line[header.index("top5_genus")] == ""


def test_the_sun_has_three_columns() -> None:
    sun = {"elevation": -6.5, "azimuth": 312.0, "phase": "nautical"}
    (line,) = csv.DictReader(io.StringIO("".join(to_csv([good(sun=sun)], top_k=3))))
    assert [line[name] for name in SUN_COLUMNS] == ["-6.5", "312.0", "nautical"]
    assert flat_columns(3)[-4:] == [*SUN_COLUMNS, "model"]


def test_text_is_one_plain_line_per_row() -> None:
    unsure = good("b.jpg", certain=False, reason="low_confidence")
    skies = [nameless(f"{reason}.jpg", reason) for reason in ("dark", "clear", "unfamiliar")]
    assert "".join(to_text([good(), unsure, *skies, bad()])).splitlines() == [
        "a.jpg: Cumulus 75%, low level 88%, base < 2000 m, occasional showers",
        "b.jpg: Cumulus 75%, low level 88%, base < 2000 m, occasional showers; not certain: no genus stands out",
        "dark.jpg: Too dark: too little light to tell (best guess Cumulus 75%)",
        "clear.jpg: Clear sky: hardly any cloud to name (best guess Cumulus 75%)",
        "unfamiliar.jpg: Not a sky I know: unlike the skies that the model knows (best guess Cumulus 75%)",
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
    dark = nameless("c.jpg", "dark", time_source="file")  # a copied photo has the time of the copy
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
            "  not certain: no genus stands out",
            "  low level 88% · base < 2000 m · occasional showers",
            "  or Stratus 12%, Cirrus <1%",
        ],
        [
            "c.jpg",
            "  Too dark",
            "  too little light to tell",
            "  best guess Cumulus 75%, Stratus 12%, Cirrus <1%",
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


def test_no_line_on_a_terminal_is_wider_than_it_or_breaks_within_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    top = [{"genus": "Stratocumulus", "probability": 0.1}] * 10
    error = "is damaged or cut short (broken data stream when reading image file); copy or download it again"
    rows = [good(top=top), nameless("b.jpg", "unfamiliar", top=top), {**bad(), "error": error}]
    text = click.unstyle("".join(to_terminal(rows)))
    lines = [line.strip() for line in text.splitlines()]
    assert max(map(len, lines)) <= 58
    assert "or Stratocumulus 10%, Stratocumulus 10%," in lines
    assert not any(line.startswith(("10%", "<")) for line in lines)  # what belongs to a word stays with it
    assert error in " ".join(lines)


def test_a_terminal_gets_colours_that_can_be_read_on_white_and_on_black() -> None:
    unsure = good("b.jpg", certain=False, reason="low_confidence")
    text = "".join(to_terminal([good(), unsure, nameless("c.jpg", "dark"), bad()]))
    used = set(re.findall("\x1b\\[([0-9;]+)m", text))
    assert used <= {"0", "1", "2", "31", "35"}  # nothing, bold, dim, red, magenta
    assert {"31", "35"} <= used


VERSION_1 = """\
{"path": "a.jpg", "status": "ok", "error": null, "genus": "Altocumulus", "abbreviation": "Ac", "probability": 0.4, \
"certain": false, "reason": "REASON", "level": {"name": "low", "probability": 0.6}, "base": "2000 - 6000 m", \
"rain": "No rain", "top": [{"genus": "Altocumulus", "probability": 0.4}], "captured_at": null, "model": "tiny 1.0.0"}
"""
VERSION_1_CSV = """\
path,status,error,genus,abbreviation,probability,certain,reason,level_name,level_probability,base,rain,top1_genus,\
top1_probability,captured_at,model
a.jpg,ok,,Altocumulus,Ac,0.4,false,REASON,low,0.6,2000 - 6000 m,No rain,Altocumulus,0.4,,tiny 1.0.0
"""


def old_row(path: Path, text: str, reason: str) -> dict[str, Any]:
    path.write_text(text.replace("REASON", reason))
    (row,) = read_rows(str(path))
    return row


@pytest.mark.parametrize("text", [VERSION_1, VERSION_1_CSV], ids=["jsonl", "csv"])
def test_a_row_of_version_1_is_read_as_one_of_version_2(tmp_path: Path, text: str) -> None:
    row = old_row(tmp_path / "old", text, "low_confidence")
    assert (row["genus"], row["abbreviation"], row["probability"]) == ("Altocumulus", "Ac", 0.4)
    assert row["base"] == "< 2000 m"  # that of the level
    assert row["time_source"] is None


@pytest.mark.parametrize("reason", ["dark", "clear", "unfamiliar"])
@pytest.mark.parametrize("text", [VERSION_1, VERSION_1_CSV], ids=["jsonl", "csv"])
def test_a_row_of_version_1_without_a_cloud_to_name_loses_its_genus(tmp_path: Path, text: str, reason: str) -> None:
    row = old_row(tmp_path / "old", text, reason)
    names = {"genus", "abbreviation", "probability", "level", "level_name", "level_probability", "base", "rain"}
    assert {row[name] for name in names & set(row)} == {None}
    assert row["reason"] == reason


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [good(), nameless("b.jpg", "clear"), bad()]
    (tmp_path / "rows").write_text("".join(to_jsonl(rows)))
    assert list(read_rows(str(tmp_path / "rows"))) == rows
    (tmp_path / "rows").write_text("".join(to_csv(rows, 3)))
    for read, row in zip(read_rows(str(tmp_path / "rows")), rows, strict=True):
        for name in ("path", "status", "genus", "probability", "certain", "reason", "captured_at", "time_source"):
            assert read[name] == row[name]


def test_the_sun_is_read_back_and_null_where_no_row_had_one_yet(tmp_path: Path) -> None:
    sun = {"elevation": -0.5, "azimuth": 0.0, "phase": "day"}
    flat = {f"sun_{name}": value for name, value in sun.items()}
    (tmp_path / "rows").write_text("".join(to_csv([good(sun=sun), good()], 3)))
    seen, unseen = read_rows(str(tmp_path / "rows"))
    assert {name: seen[name] for name in SUN_COLUMNS} == flat
    assert {unseen[name] for name in SUN_COLUMNS} == {None}
    old = {name: value for name, value in good().items() if name != "sun"}
    (tmp_path / "rows").write_text("".join(to_jsonl([good(sun=sun), old])))
    assert [row["sun"] for row in read_rows(str(tmp_path / "rows"))] == [sun, None]


@pytest.mark.parametrize(
    "changes",
    [
        {"sun": 5},
        {"sun": {"elevation": 91}},
        {"top": [{"genus": "Cumulus", "probability": 2}]},
        {"top": [{"genus": "Contrail", "probability": 0.5}]},
        {"top": ["Cumulus"]},
        {"top": None},
    ],
)
def test_a_row_whose_parts_are_not_those_of_a_row_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / "rows").write_text("".join(to_jsonl([good(**changes)])))
    with pytest.raises(CloudEdgeError, match="line 1 is not a cloudedge row"):
        list(read_rows(str(tmp_path / "rows")))


def test_outputs_of_both_versions_may_be_joined(tmp_path: Path) -> None:
    joined = tmp_path / "joined.csv"
    joined.write_text(VERSION_1_CSV.replace("REASON", "clear") + "".join(to_csv([good("b.jpg")], 3)))
    assert [(row["genus"], row["time_source"]) for row in read_rows(str(joined))] == [(None, None), ("Cumulus", "name")]


@pytest.mark.parametrize("changes", [{"reason": None}, {"reason": "low_confidence"}, {"reason": "night"}])
def test_a_row_without_a_genus_needs_a_reason_for_that(tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / "rows").write_text("".join(to_jsonl([{**nameless("b.jpg", "clear"), **changes}])))
    with pytest.raises(CloudEdgeError, match="line 1 is not a cloudedge row"):
        list(read_rows(str(tmp_path / "rows")))
