"""What a report takes in is the same from every kind of file, and also when rows come one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudedge.archive.database import Database, create_database
from cloudedge.archive.database_tail import DatabaseTail
from cloudedge.archive.stored_rows import StoredRows
from cloudedge.genera import GENERA
from cloudedge.report import view
from cloudedge.report.captures import COLUMNS, KIND, UNDATED, Captures
from cloudedge.report.page import make_page
from cloudedge.row_file import RowFile
from cloudedge.row_formats import read_rows, to_csv, to_jsonl
from cloudedge.row_tail import RowTail

SUN = {"elevation": -20.0, "azimuth": 0.0, "phase": "night"}
START = datetime(2024, 6, 1, 12)


def row(number: int, path: str, **fields: Any) -> dict[str, Any]:
    genus = GENERA[number % len(GENERA)]
    found = {
        "path": path,
        "status": "ok",
        "error": None,
        "genus": genus.name,
        "abbreviation": genus.abbreviation,
        "probability": 0.9,
        "certain": True,
        "reason": None,
        "level": {"name": genus.level, "probability": 0.9},
        "base": genus.base,
        "rain": genus.rain,
        "top": [{"genus": genus.name, "probability": 0.9}],
        "captured_at": (START + timedelta(minutes=10 * number)).isoformat(),
        "time_source": "name",
        "sun": None,
        "model": "tiny 1.0.0",
        "key": f"{number:012x}-{number:016x}-{number:016x}",
    }
    found |= fields
    if found["status"] == "error":
        found |= {"error": f"is cut short ({number} bytes)", "top": [], "certain": None}
    if found["status"] == "error" or found["reason"] in ("dark", "clear", "unfamiliar"):
        found |= dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
    return found


def of_version_1(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("time_source", "sun")}


ALL_KINDS = [
    *(row(number, f"cams/north/2024-06-01/{number}.jpg", sun=SUN if number > 3 else None) for number in range(9)),
    *(row(number, f"cams/south/{number}.jpg", reason="low_confidence", certain=False) for number in range(4)),
    *(row(9 + i, f"cams/north/{i}.jpg", reason=reason) for i, reason in enumerate(("dark", "clear", "unfamiliar"))),
    row(20, "cams/north/broken.jpg", status="error", reason=None),
    row(21, "cams/north/cured.jpg", status="error", reason=None),
    row(21, "cams/../cams/north/cured.jpg", key="0-1-2"),
    row(22, "cams/south/latest.jpg", status="error", reason=None, time_source="file"),
    row(23, "cams/south/latest.jpg", time_source="file"),
    row(24, "cams/south/latest.jpg", time_source="file"),
    row(2, "cams/south/2.jpg", genus="Stratus", key="other-0-0", model="tiny 2.0.0"),  # classified again
    row(30, "cams/north/without.jpg", captured_at=None, time_source=None),
    row(31, "cams/north/never.jpg", captured_at="yesterday"),
    row(32, "cams/north/late.jpg", captured_at="5000-01-01T00:00:00"),
    row(33, "cams/north/offset.jpg", captured_at="2024-06-01T17:30:00+02:00"),
    row(34, "cams/north/short.jpg", captured_at="2024-06-01T17:30+02"),
    row(35, "cams/north/\udcff\udcfe.jpg"),
    row(36, "cams/\udcfc/a.jpg"),
    row(37, "cams/north/größe.jpg"),
    row(38, "cams\\east\\a.jpg"),
    row(39, "cams\\west\\a.jpg"),
    row(40, "http://10.0.0.7/snapshot.jpg", time_source="fetched"),
    row(41, "-", captured_at=None, time_source=None),
    of_version_1(row(42, "cams/north/old.jpg")),
    of_version_1(row(43, "cams/north/old_dark.jpg") | {"certain": False, "reason": "dark"}),
]


def page_of(captures: Captures, again: view.RowsAgain) -> str:
    return "".join(make_page(view.view_of(captures, again), "rows"))


def page_of_tables(source: RowFile | StoredRows) -> str:
    captures = Captures()
    for table in source.tables(COLUMNS, KIND):
        captures.add(table)
    return page_of(captures, source.again)


def page_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return page_of_tables(RowFile(stream, str(path), pytest.fail))


def test_every_kind_of_file_makes_the_same_page(tmp_path: Path) -> None:
    file, csv, stored = tmp_path / "rows.jsonl", tmp_path / "rows.csv", tmp_path / "rows.db"
    file.write_text("".join(to_jsonl(ALL_KINDS)))
    rows = list(read_rows(str(file)))
    assert create_database(str(stored), rows, 1) == len(rows)
    page = page_of_file(file)
    assert page == page_of_tables(StoredRows(str(stored)))
    captures = Captures()
    captures.extend(rows)
    assert page == page_of(captures, lambda numbers: [rows[number] for number in numbers])
    for name in ("cams/north", "cams/south", "east", "west", "snapshot.jpg", "cut short"):
        assert name in page
    in_csv = [row for row in rows if row["path"].isprintable()]  # which holds no others as they are
    file.write_text("".join(to_jsonl(in_csv)))
    csv.write_text("".join([*to_csv(in_csv[:9], 1), *to_csv(in_csv[9:], 3)]))  # joined
    assert page_of_file(file) == page_of_file(csv)


def test_a_line_that_is_written_in_another_way_makes_no_difference(tmp_path: Path) -> None:
    file, other = tmp_path / "rows.jsonl", tmp_path / "other.jsonl"
    rows = [row(number, f"{number}.jpg") for number in range(300)]
    file.write_text("".join(to_jsonl(rows)))
    other.write_text("".join(to_jsonl(dict(reversed(row.items())) for row in rows)))
    assert page_of_file(file) == page_of_file(other)
    mixed = zip(file.read_text().splitlines(), other.read_text().splitlines(), strict=True)
    other.write_text("\n".join(pair[i % 2] for i, pair in enumerate(mixed)))
    assert page_of_file(file) == page_of_file(other)


def test_rows_that_come_one_by_one_make_the_page_of_all(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [row(number // 12, f"cam/{number}.jpg") for number in range(600)]
    rows = [found | {"captured_at": (START + timedelta(minutes=i)).isoformat()} for i, found in enumerate(rows)]
    tail, captures = RowTail(str(file), pytest.fail), Captures()
    for found in rows:
        with file.open("a") as stream:
            stream.write("".join(to_jsonl([found])))
        news = tail.news()
        assert news
        captures.extend(news[1])
    assert page_of(captures, tail.again) == page_of_file(file)


def test_rows_that_are_written_to_a_database_one_by_one_make_the_page_of_all(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.db")
    tail, captures = DatabaseTail(path), Captures()
    with Database(path, 1, "tiny") as journal:
        for number in range(100):
            found = row(number // 10, f"cam/{number}.jpg")
            journal.write(found | {"captured_at": (START + timedelta(minutes=number)).isoformat()}, found["key"])
            news = tail.news()
            assert news
            captures.extend(news[1])
    assert page_of(captures, tail.again) == page_of_tables(StoredRows(path))
    (tmp_path / "rows.db").unlink()
    (camera,) = view.view_of(captures, tail.again).cameras
    assert (camera.summary.captures, camera.phases, camera.newest) == (100, [], None)


def test_the_phases_of_each_camera_are_found_however_many_cameras_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "_MOST", 100)
    captures, asked = Captures(), list[list[int]]()
    captures.extend(row(number // 3, f"{'abc'[number % 3]}/{number}.jpg") for number in range(600))
    view.view_of(captures, lambda numbers: asked.append([*numbers]) or [])
    assert asked == [list(range(300 + camera, 600, 3)) for camera in range(3)]


def test_rows_that_are_gone_are_left_out_of_the_phases(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(to_jsonl(row(number, f"{number}.jpg") for number in range(9))))
    tail, captures = RowTail(str(file), pytest.fail), Captures()
    news = tail.news()
    assert news
    captures.extend(news[1])
    file.write_text(file.read_text()[:2000])
    (camera,) = view.view_of(captures, tail.again).cameras
    assert camera.summary.captures == 9
    assert 0 < sum(phase.captures for phase in camera.phases) < 9
    file.unlink()
    (camera,) = view.view_of(captures, tail.again).cameras
    assert (camera.phases, camera.newest) == ([], None)


def test_a_key_of_another_tool_does_no_harm() -> None:
    captures = Captures()
    captures.extend(row(number, "a.jpg", captured_at=None, key=number % 2 or None) for number in range(4))
    assert captures.columns().number.tolist() == [0, 2, 3]  # 1 and 3 are the same


def test_what_was_read_before_a_problem_counts() -> None:
    def rows() -> Any:
        yield from (row(number, f"{number}.jpg") for number in range(250))
        raise OSError("the disk is gone")

    captures = Captures()
    with pytest.raises(OSError, match="the disk is gone"):
        captures.extend(rows())
    assert captures.columns().number.tolist() == list(range(250))


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2024-06-01T12:30:59", START + timedelta(minutes=30)),
        ("2024-06-01 12:30:59", START + timedelta(minutes=30)),
        ("2024-06-01T12:30", START + timedelta(minutes=30)),
        ("2024-06-01T12:30+02", START + timedelta(minutes=30)),
        ("2024-06-01T12:30:00.25-07:00", START + timedelta(minutes=30)),
        ("20240601T123000", START + timedelta(minutes=30)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1)),
        ("0000-01-01T00:00:00", None),
        ("-024-06-01T12:30:00", None),
        ("2024-02-30T12:30:00", None),
        ("4084-12-31T12:30:00", None),
        ("                NaT", None),
        (None, None),
    ],
)
def test_a_time_is_the_minute_of_its_clock(time: str | None, expected: datetime | None) -> None:
    captures = Captures()
    captures.extend([row(0, "a.jpg", captured_at=time)])
    minute = expected.toordinal() * 1440 + expected.hour * 60 + expected.minute if expected else UNDATED
    assert captures.columns().minute.tolist() == [minute]
