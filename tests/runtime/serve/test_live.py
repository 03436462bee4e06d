"""The live page and its data: what the file of rows says now, prepared when it changes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cloudedge import CloudClassifier
from cloudedge.archive.database import create_database
from cloudedge.genera import by_name
from cloudedge.row_formats import to_csv, to_jsonl

from ...support.serving import Client, program, served
from ...support.waiting import wait_for

pytest.importorskip("starlette", reason="the server needs the extra `serve`")

from cloudedge.cli.live import LiveReport


def row(clock: str, genus: str = "Cumulus", path: str = "cam/{}.jpg", **fields: Any) -> dict[str, Any]:
    found = by_name(genus)
    return {
        "path": path.format(clock), "status": "ok", "error": None, "genus": genus, "abbreviation": found.abbreviation,
        "probability": 0.9, "certain": True, "reason": None, "level": {"name": found.level, "probability": 0.95},
        "base": found.base, "rain": found.rain, "top": [{"genus": genus, "probability": 0.9}],
        "captured_at": f"2024-06-01T{clock}:00", "time_source": "name", "model": "tiny 1.0.0", "sun": None,
        **fields,
    }  # fmt: skip


def failure(clock: str) -> dict[str, Any]:
    answer = ("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain")
    return row(clock) | dict.fromkeys(answer) | {"status": "error", "error": "is empty", "top": []}


def append(file: Path, *rows: dict[str, Any]) -> None:
    with file.open("a") as stream:
        stream.writelines(to_jsonl(rows))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sky.jsonl"


@pytest.fixture
def client(tiny, file):
    with served(CloudClassifier(tiny, threads=1), source=LiveReport(str(file))) as client:
        yield client


def latest(client: Client, query: str = "") -> Any:
    return client.get(f"/latest{query}").json


def test_latest_is_the_newest_row_its_state_and_since_when(client, file):
    assert latest(client) == []
    append(file, *(row(f"{hour:02}:00") for hour in range(8, 13)), failure("12:30"))
    wait_for(lambda: latest(client))
    expected = {"camera": None, "state": "Cumulus", "since": "2024-06-01T08:00:00", **row("12:00")}
    assert latest(client) == [expected]
    append(file, row("13:00") | {"probability": None, "genus": None, "reason": "clear", "certain": False})
    wait_for(lambda: latest(client)[0]["state"] == "clear")
    assert latest(client)[0]["since"] == "2024-06-01T13:00:00"


def test_each_camera_has_its_newest_row(client, file):
    for folder, genus in (("north", "Cumulus"), ("south", "Stratus")):
        append(file, *(row(f"{hour:02}:00", genus, f"/srv/{folder}/{{}}.jpg") for hour in (8, 9)))
    wait_for(lambda: latest(client))
    assert [(entry["camera"], entry["state"]) for entry in latest(client)] == [
        ("north", "Cumulus"),
        ("south", "Stratus"),
    ]
    assert [entry["state"] for entry in latest(client, "?camera=south")] == ["Stratus"]
    assert client.get("/latest?camera=west").status == 404
    phases = client.get("/phases?day=2024-06-01").json
    assert [(phase["camera"], phase["sky"], phase["captures"]) for phase in phases] == [
        ("north", "Cumulus", 2),
        ("south", "Stratus", 2),
    ]


def test_phases_are_those_of_a_day_or_of_the_last_hours(client, file):
    append(file, *(row(f"{hour:02}:00", "Cumulus" if hour < 12 else "Stratus") for hour in range(24)))
    wait_for(lambda: latest(client))
    assert [phase["sky"] for phase in client.get("/phases").json] == ["Cumulus", "Stratus"]
    assert [phase["sky"] for phase in client.get("/phases?hours=3").json] == ["Stratus"]
    assert [phase["sky"] for phase in client.get("/phases?day=2024-06-01").json] == ["Cumulus", "Stratus"]
    assert client.get("/phases?day=2024-06-02").json == []
    for query in ("day=yesterday", "hours=-1", "hours=nan", "hours=1e9", "day=2024-06-01&hours=3"):
        assert client.get(f"/phases?{query}").status == 400, query


def test_an_answer_that_the_client_has_is_not_sent_again(client, file):
    append(file, row("08:00"))
    wait_for(lambda: latest(client))
    for path in ("/latest", "/phases", "/live/page"):
        reply = client.get(path)
        again = client.get(path, if_none_match=reply.headers["etag"])
        assert (again.status, again.body) == (304, b""), path
    before = client.get("/latest").headers["etag"]
    append(file, row("09:00"))
    wait_for(lambda: client.get("/latest", if_none_match=before).status == 200)


def test_the_page_is_the_body_of_the_report_without_anything_that_the_policy_forbids(client, file):
    append(file, *(row(f"{hour:02}:00") for hour in range(8, 13)))
    wait_for(lambda: b"Cumulus" in client.get("/live/page").body)
    page = client.get("/live/page").body.decode()
    assert "<script" not in page
    assert " style=" not in page
    assert client.get("/live").body.count(b"<script") == 1
    assert client.get("/live/report.css").headers["content-type"].startswith("text/css")


def test_a_file_that_is_replaced_or_truncated_or_lost_does_no_harm(client, file):
    append(file, row("08:00"), row("09:00"))
    wait_for(lambda: latest(client)[:1] and latest(client)[0]["captured_at"].endswith("09:00:00"))
    other = file.with_name("other.jsonl")
    append(other, row("10:00", "Stratus"))
    other.replace(file)
    wait_for(lambda: latest(client)[0]["state"] == "Stratus")
    file.write_text("")
    wait_for(lambda: latest(client) == [])
    file.unlink()
    append(file, row("11:00", "Cirrus"))
    wait_for(lambda: latest(client) and latest(client)[0]["state"] == "Cirrus")
    file.open("a").write("no row\n")
    append(file, row("12:00"))
    wait_for(lambda: latest(client)[0]["captured_at"].endswith("12:00:00"))


@pytest.mark.parametrize("name", ["sky.csv", "sky.db"])
def test_a_csv_and_a_database_give_the_same_answers(tmp_path, name):
    sun = {"elevation": 40.0, "azimuth": 120.0, "phase": "day"}
    rows = [row(f"{hour:02}:00", sun=sun) for hour in (8, 9)]
    if name == "sky.db":
        create_database(str(tmp_path / name), [{**row, "key": row["path"]} for row in rows], 3)
    else:
        (tmp_path / name).write_text("".join(to_csv(rows, top_k=3)))
    source = LiveReport(str(tmp_path / name))
    assert source.look()
    (found,) = source.latest()
    assert {name: found[name] for name in rows[1]} == rows[1]


@pytest.mark.slow
def test_a_database_is_followed_while_watch_writes_it(tiny, tmp_path, draw_sky, encode):
    folder, database = tmp_path / "cam", tmp_path / "sky.db"
    folder.mkdir()

    def takes_its_place(*names: str) -> None:
        for name in names:
            (folder / f"{name}.png").write_bytes(encode(draw_sky(64, 48), "PNG"))
            time = datetime.strptime(name, "%Y%m%d_%H%M%S").isoformat()
            wait_for(lambda: [entry["captured_at"] for entry in latest(server.client)] == [time])  # noqa: B023

    with program(tmp_path / "log", "--model", tiny, "--results", database) as server:
        with watching(folder, database, tiny):
            takes_its_place("20240601_120000", "20240601_130000", "20240601_140000")
        assert [*tmp_path.glob("sky.db*")] == [database]  # the server keeps no log of it in use
        for file in (database, *folder.iterdir()):
            file.unlink()
        wait_for(lambda: latest(server.client) == [])
        with watching(folder, database, tiny):
            takes_its_place("20240531_120000", "20240531_130000")
        database.write_bytes(b"something else" * 100)
        wait_for(lambda: "sky.db: is not a database" in server.log_text())


@contextmanager
def watching(folder: Path, journal: Path, model: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "cloudedge", "watch", folder, "-o", journal, "--poll", "0.2", "--settle", "0.2"]
    with subprocess.Popen([*command, "--model", model], stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize("name", ["sky.json", "sky.txt", "sky"])
def test_a_file_that_cannot_be_followed_is_refused(tiny, tmp_path, name):
    command = [sys.executable, "-m", "cloudedge", "serve", "--model", tiny, "--results", tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a file of rows that can be followed; give a .jsonl, .csv or .db file." in " ".join(
        done.stderr.split()
    )


def test_pictures_are_those_that_the_page_names(tiny, tmp_path, draw_sky, encode):
    there = tmp_path / "there.jpg"
    there.write_bytes(encode(draw_sky(1600, 1200), "JPEG"))
    append(tmp_path / "sky.jsonl", row("08:00", path=str(there)), row("09:00", path=str(tmp_path / "gone.jpg")))
    source = LiveReport(str(tmp_path / "sky.jsonl"))
    with served(CloudClassifier(tiny, threads=1), source=source) as client:
        names = client.get("/live/page").body.decode().split('data-picture="')[1:]
        assert names
        reply = client.get("/" + names[0].partition('"')[0])
        assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")
        assert len(reply.body) < 40_000
        assert client.get("/live/picture/there.jpg").status == 404


def test_with_a_token_only_the_empty_page_is_open(tiny, file):
    append(file, row("08:00"))
    with served(CloudClassifier(tiny, threads=1), token="sesame", source=LiveReport(str(file))) as client:
        for path in ("/latest", "/phases", "/live/page", "/live/picture/a"):
            assert client.get(path).status == 401, path
        for path in ("/live", "/live.js", "/live.css", "/live/report.css"):
            assert client.get(path).status == 200, path
        wait_for(lambda: client.get("/latest", authorization="Bearer sesame").status == 200)


def test_other_sites_get_nothing(client, file):
    for path in ("/latest", "/phases", "/live/page"):
        assert client.get(path, sec_fetch_site="cross-site").status == 403, path


def test_a_request_waits_for_the_first_look_but_not_for_ever(tiny, file, monkeypatch):
    append(file, row("08:00"))
    has_begun, may_end = threading.Event(), threading.Event()

    class Slow(LiveReport):
        def look(self):
            has_begun.set()
            return may_end.wait(60) and super().look()

    with served(CloudClassifier(tiny, threads=1), source=Slow(str(file))) as client:
        try:
            assert has_begun.wait(60)
            monkeypatch.setattr("cloudedge.serve.live._PATIENCE", 0.1)
            refused = client.get("/latest")
            assert (refused.status, refused.headers["retry-after"]) == (503, "5")
            monkeypatch.undo()
            threading.Timer(0.2, may_end.set).start()
            assert latest(client)[0]["genus"] == "Cumulus"
        finally:
            may_end.set()


def test_the_page_for_photos_links_to_the_live_page(client):
    assert b'<a href="live">Live page</a>' in client.get("/").body


def test_without_a_file_there_is_no_live_page(tiny):
    with served(CloudClassifier(tiny, threads=1)) as client:
        assert b'"live"' not in client.get("/").body
        assert client.get("/live").status == client.get("/latest").status == 404
        assert "/latest" not in client.get("/openapi.json").json["paths"]


@pytest.mark.slow
def test_answers_are_not_made_for_each_request(tiny, file):
    made = []

    class Counting(LiveReport):
        def latest(self):
            made.append(1)
            return super().latest()

    with served(CloudClassifier(tiny, threads=1), source=Counting(str(file))) as client:
        stop = threading.Event()

        def write() -> None:
            for minute in range(3):
                append(file, row(f"08:{minute:02}"))
                stop.wait(1.2)

        writer = threading.Thread(target=write)
        writer.start()
        replies = [client.get("/latest").status for _ in range(300) if not time.sleep(0.01)]
        writer.join()
        assert set(replies) == {200}
        assert len(made) <= 5
        wait_for(lambda: latest(client)[0]["captured_at"].endswith("08:02:00"))


def test_the_command_names_the_live_page(tiny, tmp_path, file):
    append(file, row("08:00"))
    with program(tmp_path / "log", "--model", tiny, "--results", file) as server:
        assert f"Live page: http://127.0.0.1:{server.client.port}/live\n" in server.log_text()
        wait_for(lambda: server.client.get("/latest").status == 200)
        assert json.loads(server.client.get("/latest").body)[0]["state"] == "Cumulus"
