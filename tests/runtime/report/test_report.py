"""The report: what it adds up, and a page that holds it all, needs no network and trusts no text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudedge.archive.database import create_database
from cloudedge.genera import GENERA, by_name
from cloudedge.phases import SKIES, phases_of
from cloudedge.report import charts
from cloudedge.report.captures import Captures
from cloudedge.report.page import make_page
from cloudedge.report.summary import Summary
from cloudedge.report.view import View, view_of
from cloudedge.report.words import STYLES, TITLES
from cloudedge.row import NAMELESS
from cloudedge.row_formats import read_rows, to_csv, to_json, to_jsonl

CLOUDEDGE = [sys.executable, "-m", "cloudedge"]
VOID = {"meta", "img", "br"}


def row(
    captured_at: str | None = "2024-06-01T12:00:00",
    genus: str = "Cumulus",
    reason: str | None = None,
    probability: float = 0.9,
    path: str = "a.jpg",
    error: str | None = None,
    time_source: str | None = "name",
) -> dict[str, Any]:
    found = by_name(genus)
    answer = {
        "genus": genus,
        "abbreviation": found.abbreviation,
        "probability": probability,
        "certain": reason is None,
        "reason": reason,
        "level": {"name": found.level, "probability": probability},
        "base": found.base,
        "rain": found.rain,
        "top": [{"genus": genus, "probability": probability}],
    }
    if reason in ("dark", "clear", "unfamiliar"):
        answer |= dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
    if error:
        answer = {**dict.fromkeys(answer), "top": []}
    head = {"path": path, "status": "error" if error else "ok", "error": error}
    return {
        **head,
        **answer,
        "captured_at": captured_at,
        "time_source": time_source,
        "model": "tiny 1.0.0",
        "sun": None,
    }


def year(number: int) -> list[dict[str, Any]]:
    """Draw up rows spread evenly over a leap year, every kind of sky among them."""
    skies = [(genus.name, reason) for genus in GENERA for reason in (None, "low_confidence")]
    skies += [("Cirrus", reason) for reason in ("clear", "dark", "unfamiliar")]
    rows = []
    for i in range(number):
        time = (datetime(2024, 1, 1) + timedelta(minutes=i * 366 * 1440 / number)).isoformat(timespec="seconds")
        genus, reason = skies[i % len(skies)]
        error = "is empty" if i % 100 == 99 else None
        rows.append(row(time, genus, reason, 0.3 + i % 7 / 10, f"cam/{i}.jpg", error))
    return rows


class Page(HTMLParser):
    """The tags, the attributes and the text of a page; every tag is closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def look(rows: Iterable[dict[str, Any]], pattern: str | None = None, zone: tzinfo | None = None) -> View:
    rows = list(rows)
    captures = Captures(pattern, zone)
    captures.extend(rows)
    return view_of(captures, lambda numbers: [rows[number] for number in numbers])


def summary_of(rows: Iterable[dict[str, Any]]) -> Summary:
    """Add up rows of a single camera."""
    (camera,) = look(rows).cameras
    return camera.summary


def kept(rows: Iterable[dict[str, Any]]) -> list[int]:
    """Return the numbers of the rows that count."""
    captures = Captures()
    captures.extend(rows)
    return captures.columns().number.tolist()


def html_of(view: View, source: str = "rows.jsonl") -> str:
    return "".join(make_page(view, source))


def hours_of(summary: Summary) -> dict[int, Counter[str]]:
    """Return how often each sky was seen in each hour since the year 0."""
    return {
        hour: Counter({sky: number for sky, number in zip(SKIES, counts, strict=True) if number})
        for hour, counts in zip(summary.hours.tolist(), summary.of_hour.sum(axis=2).tolist(), strict=True)
    }


def test_everything_is_counted_once() -> None:
    rows = [entry | {"path": "cam/a/" + entry["path"].rpartition("/")[2]} for entry in year(10_000)]
    view, summary = look(rows), summary_of(rows)
    ok = [entry for entry in rows if entry["status"] == "ok"]
    assert (view.captures, view.failed, view.errors) == (10_000, 100, {"is empty": 100})
    assert summary.totals.sum() == len(ok) == summary.of_hour.sum() == summary.by_hour().sum()
    assert len(view.days) == 366
    name, starts, by_day = summary.by_period()
    assert (name, len(starts), by_day.sum()) == ("day", 366, len(ok))
    for number, sky in enumerate(SKIES):
        named = [entry for entry in ok if (entry["genus"] or entry["reason"]) == sky]
        unsure = [entry for entry in named if entry["reason"] == "low_confidence"]
        assert summary.totals[number].tolist() == [len(named) - len(unsure), len(unsure)]
    assert summary.lit == sum(entry["reason"] != "dark" for entry in ok)
    again = summary_of(reversed(rows))
    assert np.array_equal(again.hours, summary.hours)
    assert np.array_equal(again.of_hour, summary.of_hour)


def test_each_hour_is_what_its_rows_say() -> None:
    rows = [entry for entry in year(20_000) if entry["captured_at"].startswith("2024-06")]
    expected: dict[int, Counter[str]] = {}
    for entry in rows:
        if entry["status"] == "ok":
            moment = datetime.fromisoformat(entry["captured_at"])
            of_hour = expected.setdefault(24 * moment.toordinal() + moment.hour, Counter())
            of_hour[entry["genus"] or entry["reason"]] += 1
    assert len(expected) == 720
    assert hours_of(summary_of(rows)) == expected


def weather(days: int, minutes: int, path: str = "cam/{:%Y%m%d_%H%M}.jpg") -> list[dict[str, Any]]:
    """Draw up rows of June whose sky lasts five hours at a time, with a stray capture now and then, dark at night."""
    rows = []
    for i in range(days * 1440 // minutes):
        time = datetime(2024, 6, 1) + timedelta(minutes=i * minutes)
        genus = GENERA[(i * minutes // 300 + (i % 40 == 11)) % len(GENERA)].name
        reason = "dark" if not 4 <= time.hour < 22 else "low_confidence" if i // 40 % 4 == 3 else None
        found = row(time.isoformat(), genus, reason, 0.8 if reason is None else 0.4, path.format(time))
        sun = {"elevation": -20.0 if reason == "dark" else 20.0, "azimuth": 0.0}
        rows.append(found | {"sun": sun | {"phase": "night" if reason == "dark" else "day"}})
    return rows


def test_each_day_of_a_month_is_a_strip_of_its_phases() -> None:
    rows = weather(30, 10)
    html, phases = html_of(look(rows)), list(phases_of(rows))
    strips = re.findall(r'id="day-(\d+)"><summary><span>([^<]+)</span>.*?<svg[^>]*>(.*?)</svg>', html)
    assert [name for _, name, _ in strips[:2]] == ["Sat 1 Jun", "Sun 2 Jun"]
    assert len(strips) == 30
    seen = 0
    for ordinal, _, svg in strips:
        midnight = datetime.fromordinal(int(ordinal))
        drawn = re.findall(r'<path class="([^"]+)" d="M(\d+) 0H(\d+)V1', svg)
        own = [phase for phase in phases if phase.start < midnight + timedelta(days=1) and phase.end >= midnight]
        assert [style.split()[0] for style, _, _ in drawn if style != "night"] == [
            STYLES[SKIES.index(phase.sky)] for phase in own
        ]
        for (style, start, end), phase in zip(drawn, own, strict=False):
            assert int(start) == max(0, (phase.start - midnight) / timedelta(minutes=1))
            assert int(end) >= min(1440, (phase.end - midnight) / timedelta(minutes=1))
            is_faded = phase.sky not in NAMELESS and 2 * phase.certain <= phase.captures
            assert style.endswith(" doubt") == is_faded
            seen += 1
        assert svg.count('class="night"') == 1
    assert seen > 150


def test_the_phases_of_a_day_can_be_read_without_pointing_at_them() -> None:
    rows = weather(2, 10)
    text = " ".join(Page(html_of(look(rows))).text.split())
    for phase in phases_of(rows):
        title = TITLES[SKIES.index(phase.sky)]
        day = f"{phase.start:%a} " if phase.start.date() != phase.end.date() else ""
        assert f"{day}{phase.start:%H:%M} to {phase.end:%H:%M} {title}" in text


def test_the_latest_capture_says_its_sky_since_when_and_how_sure() -> None:
    rows = [row(f"2024-06-01T{hour:02}:00:00", path=f"{hour}.jpg") for hour in range(8, 15)]
    text = " ".join(Page(html_of(look(rows))).text.split())
    assert "Latest 1 June 2024, 14:00 Cumulus 90%, certain. Since 08:00, for 6 h 0 min." in text
    odd = [*rows, row("2024-06-01T14:10:00", "Stratus", "low_confidence", 0.4, path="odd.jpg")]
    text = " ".join(Page(html_of(look(odd))).text.split())
    assert "14:10 Stratus 40%, not certain. No genus stands out. Since 14:10. Before: Cumulus since 08:00." in text


def test_cameras_are_rows_of_their_own() -> None:
    rows = weather(3, 30, "/srv/north/{:%Y%m%d_%H%M}.jpg")
    times = [f"2024-06-0{day}T{hour:02}:00:00" for day in (1, 2, 3) for hour in range(24)]
    rows += [row(time, "Stratus", path=f"/srv/south/{time[:10]}/{time[11:13]}.jpg") for time in times]
    view = look(rows)
    assert [camera.name for camera in view.cameras] == ["north", "south"]
    assert [camera.summary.captures for camera in view.cameras] == [144, 72]
    html = html_of(view)
    assert html.count('aria-label="Sat 1 Jun, north"') == html.count('aria-label="Sat 1 Jun, south"') == 1
    assert {phase.sky for phase in view.cameras[1].phases} == {"Stratus"}
    assert "/srv/north" not in Page(html).text
    (one,) = look(rows[:144]).cameras
    assert one.name is None
    named = look(weather(1, 30, "shots/{:%Y%m%d_%H%M}_east.jpg"), pattern=r"_(east|west)\.")
    assert [camera.name for camera in named.cameras] == ["east"]
    assert [camera.name for camera in look([row()], pattern="_(east|west)").cameras] == ["other photos"]


def test_a_time_is_shown_as_the_clock_beside_the_camera_showed_it_or_as_in_the_zone_asked_for() -> None:
    times = ["2024-06-01T23:30:00", "2024-06-01T23:30:00+02:00", "2024-06-01T23:30:00.25+00:00"]
    start = 24 * datetime(2024, 6, 1).toordinal()
    assert summary_of(map(row, times)).hours.tolist() == [start + 23]
    vienna = timezone(timedelta(hours=2))
    (camera,) = look(map(row, times), zone=vienna).cameras
    assert camera.summary.hours.tolist() == [start + 23, start + 25]
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    (camera,) = look([row("2024-06-01T12:10:00+00:00"), row("2024-06-01T12:20:00+00:00")], zone=kathmandu).cameras
    assert camera.summary.hours.tolist() == [start + 17, start + 18]


@pytest.mark.parametrize("time", [None, "", "yesterday", "2024-13-01T00:00:00"])
def test_a_capture_without_a_time_counts_but_has_no_place_in_the_calendar(time: str | None) -> None:
    view = look([row(time), row(time, path="b.jpg")])
    assert (view.captures, view.cameras[0].summary.undated, view.days) == (2, 2, [])
    assert "without a time" in Page(html_of(view)).text


def test_typical_and_doubtful_captures_come_from_different_days() -> None:
    times = [f"2024-06-{day:02}T{hour:02}:00:00" for day in (1, 2, 3, 4) for hour in range(8, 12)]
    rows = [row(time, probability=0.5 + i / 100, path=f"{i}.jpg") for i, time in enumerate(times)]
    rows += [row(time, "Stratus", "low_confidence", i / 100, f"doubt-{i}.jpg") for i, time in enumerate(times)]
    summary = summary_of(rows)
    typical = summary.typical[SKIES.index("Cumulus")]
    assert [rows[shown.number]["path"] for shown in typical] == ["15.jpg", "11.jpg", "7.jpg", "3.jpg"]
    assert [rows[shown.number]["path"] for shown in summary.doubtful[:2]] == ["doubt-0.jpg", "doubt-4.jpg"]


def test_failures_with_other_numbers_are_one_kind_and_few_are_shown() -> None:
    view = look([row(error=f"is cut short ({i} bytes)", path=f"{i}.jpg") for i in range(500)])
    assert view.errors == {"is cut short (… bytes)": 500}
    assert len(view.failures) == 100
    assert view.failures[-1] == ("499.jpg", "is cut short (499 bytes)")


def shares(svg: str, style: str) -> dict[int, float]:
    """Read back the height of a part in each bar, as a share."""
    path = re.search(rf'<path class="{style}" d="([^"]*)"', svg)
    parts = re.findall(r"M(\d+) (\d+)h1V(\d+)h-1z", path[1] if path else "")
    return {int(x): (int(bottom) - int(top)) / 1000 for x, top, bottom in parts}


def counts(*columns: dict[str, tuple[int, int]]) -> np.ndarray:
    """Return certain and uncertain captures by their skies, as a summary holds them."""
    found = np.zeros((len(columns), len(SKIES), 2), np.int64)
    for column, skies in enumerate(columns):
        for style, numbers in skies.items():
            found[column, STYLES.index(style)] = numbers
    return found


def test_the_bars_are_the_shares() -> None:
    columns = counts({"Cu": (2, 1), "Ci": (1, 0)}, {}, {"Cu": (1, 0), "dark": (9, 0)}, {"clear": (2, 0), "St": (0, 2)})
    svg = charts.stacked(columns, charts.BY_GENUS, "shares")
    assert shares(svg, "Cu") == {0: 0.5, 2: 1.0}
    assert shares(svg, "Cu doubt") == {0: 0.25}
    assert shares(svg, "Ci") == {0: 0.25}
    assert shares(svg, "clear") == {3: 0.5}
    assert shares(svg, "St doubt") == {3: 0.5}
    levels = charts.stacked(columns, charts.BY_LEVEL, "shares")
    assert shares(levels, "level-low") == {0: 0.5, 2: 1.0}
    assert shares(levels, "level-low doubt") == {0: 0.25, 3: 0.5}


def test_the_calendar_shows_the_most_frequent_sky_of_each_hour() -> None:
    rows = [row(f"2024-02-29T{hour:02}:{minute:02}:00") for hour in (10, 11) for minute in (0, 20, 40)]
    rows += [row("2024-02-29T10:30:00", "Stratus"), row("2024-02-29T12:00:00", reason="low_confidence")]
    rows += [row("2024-02-29T23:00:00", reason="dark") | {"sun": {"elevation": -40, "azimuth": 0, "phase": "night"}}]
    (month,) = charts.months(summary_of(rows))
    assert (month.name, month.days) == ("February 2024", 29)
    assert re.findall(r'<path class="([^"]+)" d="([^"]+)"><title>([^<]+)', month.svg) == [
        ("Cu", "M28 10h1v2h-1z", "29 February, 10-12 h: Cumulus (7)"),
        ("Cu doubt", "M28 12h1v1h-1z", "29 February, 12-13 h: Cumulus, mostly uncertain (1)"),
        ("dark", "M28 23h1v1h-1z", "29 February, 23-24 h: Too dark (1)"),
    ]
    assert month.svg.count('class="night" d="M28 23h1v1h-1z"') == 1
    ((day, words),) = month.words
    assert day.day == 29
    assert words[0] == "10-12 h: Cumulus (7)"


@pytest.mark.parametrize(("days", "name", "number"), [(31, "day", 31), (366, "day", 366), (800, "week", 115)])
def test_there_are_never_too_many_bars(days: int, name: str, number: int) -> None:
    last = datetime(2024, 1, 1) + timedelta(days=days - 1)
    found, starts, columns = summary_of([row("2024-01-01T12:00:00"), row(last.isoformat())]).by_period()
    assert (found, len(starts), len(columns)) == (name, number, number)
    assert columns.sum() == 2


@pytest.mark.parametrize("rows", [[], year(2000), [row(None)], [row(error="is empty")]])
def test_the_page_is_sound_and_asks_for_nothing(rows: list[dict[str, Any]]) -> None:
    html = html_of(look(rows))
    found = Page(html)
    assert found.tags["script"] == found.tags["link"] == found.tags["iframe"] == 0
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|url\(|@import|//[a-z]", html)
    assert {name for name, _ in found.attributes if name.startswith("on")} == set()
    html.encode()


def test_the_page_says_what_was_added_up() -> None:
    rows = year(5000)
    summary, text = summary_of(rows), " ".join(Page(html_of(look(rows))).text.split())
    assert "The sky, 1 January to 31 December 2024" in text
    assert "5,000 captures" in text
    assert "50 could not be read" in text
    for number, genus in enumerate(GENERA):
        certain, uncertain = summary.totals[number].tolist()
        shares = " ".join(f"{100 * part / summary.lit:.1f} %" for part in (certain, uncertain))
        assert f"{genus.name} {certain + uncertain:,} {shares}" in text


def test_every_class_that_is_drawn_has_a_colour() -> None:
    html = html_of(look(year(5000)))
    drawn = {name for style in re.findall(r'<path class="([^"]+)"', html) for name in style.split()}
    assert drawn >= {genus.abbreviation for genus in GENERA} | {"dark", "clear", "unfamiliar", "level-low"}
    assert all(re.search(rf"\.{name} {{", html) for name in drawn)


def test_no_text_of_a_file_gets_into_the_markup() -> None:
    nasty = '<script>alert("1")</script>&\udcff\n'
    rows = [row(path=nasty, reason="low_confidence"), row(path=nasty, error=nasty)]
    html = html_of(look([{**entry, "model": nasty} for entry in rows]), source=nasty)
    found = Page(html)
    assert found.tags["script"] == 0
    assert found.text.count('alert("1")') >= 4
    html.encode()


@pytest.mark.slow
def test_ten_years_stay_below_5_mb() -> None:
    hours = (datetime(2015, 1, 1) + timedelta(hours=hour) for hour in range(24 * 3650))
    rows = (row(hour.isoformat(), GENERA[(hour.day + hour.hour) % 10].name) for hour in hours)  # no neighbours alike
    assert len(html_of(look(rows))) < 5_000_000


@pytest.mark.slow
def test_pictures_are_small_and_only_of_what_is_still_there(
    tmp_path: Path, draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]
) -> None:
    there = tmp_path / "there.jpg"
    there.write_bytes(encode(draw_sky(1600, 1200), "JPEG"))
    rows = [row(path=str(there)), row("2024-06-02T12:00:00", path=str(tmp_path / "gone.jpg"))]
    rows += [row(path=str(there), reason="low_confidence", probability=0.2)]
    found = Page(html_of(look(rows)))
    sources = [value or "" for name, value in found.attributes if name == "src"]
    assert len(sources) == 2
    assert all(source.startswith("data:image/jpeg;base64,") and len(source) < 40_000 for source in sources)


def test_where_only_the_last_month_is_still_there_its_photos_are_shown(
    tmp_path: Path, draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]
) -> None:
    there = tmp_path / "there.jpg"
    there.write_bytes(encode(draw_sky(), "JPEG"))
    days = [f"{datetime(2024, 1, 1) + timedelta(days=day):%Y-%m-%d}T12:00:00" for day in range(366)]
    rows = [row(day, path=str(tmp_path / "gone.jpg"), probability=0.9) for day in days[:330]]
    rows += [row(day, path=str(there), probability=0.6) for day in days[330:]]
    found = Page(html_of(look(rows)))
    assert found.tags["img"] == 5  # the latest, the phase of the last day, and three that are typical


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CLOUDEDGE, "report", *arguments], capture_output=True, encoding="utf-8", timeout=120)


@pytest.mark.slow
def test_json_lines_csv_and_a_database_give_the_same_page(tmp_path: Path) -> None:
    rows = year(500)
    (tmp_path / "rows.jsonl").write_text("".join(to_jsonl(rows)))
    (tmp_path / "rows.csv").write_text("".join(to_csv(rows, top_k=3)))
    create_database(str(tmp_path / "rows.db"), ({**row, "key": f"{number:016x}"} for number, row in enumerate(rows)), 3)
    pages = []
    for name in ("rows.jsonl", "rows.csv", "rows.db"):
        done = run(tmp_path / name, "-o", tmp_path / "page.html")
        assert (done.returncode, done.stdout) == (0, "")
        wrote, gone = done.stderr.splitlines()
        assert wrote == f"{tmp_path / 'page.html'}: 500 captures of 363 days, 5 failed"
        assert re.fullmatch(
            r"\d+ photos cannot be read any more, so the page lacks their pictures, .* cam/\d+.jpg.", gone
        )
        pages.append((tmp_path / "page.html").read_text(encoding="utf-8").replace(name, "rows.jsonl"))
    assert pages[0] == pages[1] == pages[2]
    assert run(tmp_path / "rows.jsonl").stdout == pages[0]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("no-such.jsonl", None, "No such file"),
        ("rows.jsonl", "hello\n", "line 1 is not a cloudedge row"),
        ("rows.csv", "path,status,\udcff\na.jpg,ok,\n", "line 2 is not a cloudedge row"),
        ("rows.jsonl", json.dumps(row()) + '\n{"path": "a.jpg", "status": "ok"}\n', "line 2 is not a cloudedge row"),
        ("rows.jsonl", json.dumps(row() | {"genus": "Contrail"}) + "\n", "line 1 is not a cloudedge row"),
        ("rows.jsonl", json.dumps(row() | {"probability": None}) + "\n", "line 1 is not a cloudedge row"),
    ],
)
def test_what_is_no_file_of_rows_is_one_line(tmp_path: Path, name: str, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, errors="surrogateescape")
    done = run(tmp_path / name, "-o", tmp_path / "page.html")
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_what_was_classified_again_counts_once_by_its_last_row() -> None:
    again = [row(), row() | {"model": "other 1.0.0"}, row(captured_at="2024-06-01T13:00:00")]
    undated = [row(captured_at=None) | {"key": key} for key in ("1" * 16, "2" * 16, "2" * 16)]
    plain = [row(captured_at=None)] * 2
    assert kept([*again, *undated, *plain]) == [1, 2, 3, 5, 6, 7]
    assert look(again).cameras[0].newest == again[2]


def keyed(content: str, settings: str = "0", state: str = "0", **fields: Any) -> dict[str, Any]:
    """Return a row of a journal, without a time of its own; its key ends with the digest of the photo's bytes."""
    return row(None) | fields | {"key": f"{settings * 12}-{state * 16}-{content * 16}"}


def test_a_photo_in_two_rows_counts_once() -> None:
    spelt = [row(path="./all/a.jpg"), row(path="all/a.jpg"), row(path=os.path.abspath("all/a.jpg"))]
    by_another_model = [keyed("a"), keyed("a", settings="1"), keyed("b")]
    touched = [keyed("c", state=day, captured_at=f"2024-06-0{day}T12:00:00", time_source="file") for day in ("1", "2")]
    assert kept([*spelt, *by_another_model, *touched]) == [2, 4, 5, 7]


def test_a_failure_that_was_cured_later_does_not_count() -> None:
    failed, cured = row(None, path="./a.jpg", error="is empty"), row(path="a.jpg")
    assert kept([failed, failed, cured]) == [2]
    assert kept([failed, cured, cured | {"model": "other"}]) == [2]
    assert kept([cured, failed]) == [0, 1]
    assert kept([failed, row(path="b.jpg")]) == [0, 1]
    overwritten = [row("2024-06-01T13:00:00"), row("2024-06-01T14:00:00")]  # latest.jpg: each row is a capture
    assert kept([failed, *overwritten]) == [0, 1, 2]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.json"])
def test_a_last_row_without_its_end_is_read_and_one_that_is_cut_short_is_told_of(tmp_path: Path, name: str) -> None:
    rows, target, page = year(20), tmp_path / name, tmp_path / "page.html"
    write = {"rows.jsonl": to_jsonl, "rows.csv": lambda rows: to_csv(rows, top_k=3), "rows.json": to_json}[name]
    text = "".join(write(rows)).rstrip("]\n")
    target.write_text(text)
    done = run(target, "-o", page)
    assert done.stderr.startswith(f"{page}: 20 captures of 20 days")
    target.write_text(text[:-40])
    done = run(target, "-o", page)
    assert done.returncode == 0
    cut, wrote, *_ = done.stderr.splitlines()
    assert cut == f"{target}: line {20 + (name != 'rows.jsonl')} is cut short, and is left out."
    assert wrote.startswith(f"{page}: 19 captures of 19 days")


def test_rows_come_from_standard_input_too_and_count_once(tmp_path: Path) -> None:
    text = (json.dumps(row()) + "\n") * 2
    (tmp_path / "rows.jsonl").write_text(text)
    command = [*CLOUDEDGE, "report", "-", "-o", str(tmp_path / "page.html")]
    for given in ({"input": text}, {"stdin": (tmp_path / "rows.jsonl").open()}):
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, **given)  # type: ignore[call-overload]
        assert done.returncode == 0
        assert done.stderr.startswith(f"{tmp_path / 'page.html'}: 1 capture of 1 day, 0 failed\n")
    assert "standard input" in (tmp_path / "page.html").read_text()


def test_it_says_so_when_the_time_zone_had_nothing_to_do(tmp_path: Path) -> None:
    problem = "--timezone changed nothing: no time has an offset."
    for time, is_said in (("2024-06-01T12:00:00", True), ("2024-06-01T12:00:00+00:00", False), (None, True)):
        (tmp_path / "rows.jsonl").write_text(json.dumps(row(time)) + "\n")
        done = run(tmp_path / "rows.jsonl", "-o", tmp_path / "page.html", "--timezone", "Europe/Vienna")
        assert (problem in done.stderr) == is_said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not have these terminals")
def test_html_is_not_poured_out_on_a_terminal(tmp_path: Path) -> None:
    import pty

    (tmp_path / "rows.jsonl").write_text(json.dumps(row()) + "\n")
    controller, terminal = pty.openpty()
    command = [*CLOUDEDGE, "report", str(tmp_path / "rows.jsonl")]
    done = subprocess.run(command, stdout=terminal, stderr=subprocess.PIPE, encoding="utf-8", timeout=120)
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 2
    assert "the page is HTML, not for a terminal; add -o FILE.html." in done.stderr


def test_a_json_array_and_empty_lines_are_read(tmp_path: Path) -> None:
    rows = year(20)
    (tmp_path / "rows.json").write_text("".join(to_json(rows)))
    assert list(read_rows(str(tmp_path / "rows.json"))) == rows
    (tmp_path / "rows.jsonl").write_text("\n".join(to_jsonl(rows)) + "\n")
    assert list(read_rows(str(tmp_path / "rows.jsonl"))) == rows
    (tmp_path / "none.json").write_text("".join(to_json([])))
    assert list(read_rows(str(tmp_path / "none.json"))) == []
    if os.path.exists("/dev/zero"):
        done = run("/dev/zero")
        assert done.returncode == 2
        assert "line 1 is not a cloudedge row" in done.stderr


def test_captures_placed_by_the_time_of_their_file_are_counted_aloud(tmp_path: Path) -> None:
    rows = [row(), row("2024-06-01T13:00:00+02:00", path="b.jpg", time_source="file"), row(None, path="c.jpg")]
    (tmp_path / "rows.jsonl").write_text("".join(to_jsonl(rows)))
    done = run(tmp_path / "rows.jsonl", "-o", tmp_path / "page.html")
    assert done.returncode == 0
    assert "1 of 3 captures placed by the file's time of change; the photos carry no other.\n" in done.stderr
    summary = summary_of(rows)
    assert (summary.undated, summary.by_file_time, summary.of_hour.sum()) == (1, 1, 2)


def test_rows_of_version_1_make_the_page_of_version_2(tmp_path: Path) -> None:
    of_version_1 = []
    for entry in year(100):
        old = {key: value for key, value in entry.items() if key != "time_source"}
        if entry["status"] == "ok" and entry["genus"] is None:  # it named a genus even there
            old |= {"genus": "Cumulonimbus", "abbreviation": "Cb", "probability": 0.9, "base": "< 2000 m"}
            old |= {"level": {"name": "low", "probability": 0.9}, "rain": "Heavy rain and thunderstorms"}
        of_version_1.append(old)
    (tmp_path / "rows").write_text("".join(to_jsonl(of_version_1)))
    assert html_of(look(read_rows(str(tmp_path / "rows")))) == html_of(look(year(100)))


def test_photos_without_a_genus_and_uncertain_ones_take_turns_among_the_least_sure() -> None:
    days = [f"2024-06-{day:02}T12:00:00" for day in range(1, 7)]
    strange = [row(day, reason="unfamiliar", path=f"strange{day}.jpg") for day in days]
    unsure = [row(day, reason="low_confidence", probability=0.2 + i / 10) for i, day in enumerate(days[:3])]
    shown = summary_of([*strange, *unsure]).doubtful
    assert [STYLES[capture.sky] for capture in shown] == ["unfamiliar", "Cu"] * 3 + ["unfamiliar"] * 3
    found = [capture.probability for capture in shown if STYLES[capture.sky] == "Cu"]
    assert found == pytest.approx([0.2, 0.3, 0.4])


def test_the_page_never_replaces_the_rows(tmp_path: Path) -> None:
    rows, link = tmp_path / "rows.jsonl", tmp_path / "link.html"
    rows.write_text(json.dumps(row()) + "\n")
    link.symlink_to(rows)
    for target, problem in ((link, "that is RESULTS itself"), (rows, "ends in .html"), ("other.csv", "ends in .html")):
        done = run(rows, "-o", target)
        assert done.returncode == 2
        assert problem in done.stderr
        assert rows.read_text() == json.dumps(row()) + "\n"


def test_csv_that_a_spreadsheet_has_written_is_read(tmp_path: Path) -> None:
    text = "".join(to_csv(year(20), top_k=3))
    (tmp_path / "rows.csv").write_text(text.replace(",true,", ",TRUE,").replace(",false,", ",False,"))
    done = run(tmp_path / "rows.csv", "-o", tmp_path / "page.html")
    assert done.returncode == 0
    assert done.stderr.startswith(f"{tmp_path / 'page.html'}: 20 captures of 20 days, 0 failed\n")
    assert {row["certain"] for row in read_rows(str(tmp_path / "rows.csv")) if row["status"] == "ok"} == {True, False}


def test_an_unknown_time_zone_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row()) + "\n")
    for name in ("Nowhere/Land", "../../etc/passwd", ""):
        done = run(tmp_path / "rows.jsonl", "--timezone", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "the time zone is unknown" in done.stderr
